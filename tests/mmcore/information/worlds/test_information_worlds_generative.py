"""What the generative sets hold: against closed forms, and against the rows that the generator draws."""

import math

import numpy as np
import pytest

from mmcore.data.worlds.generative import GenerativeWorld, generate_ratios
from mmcore.errors import InputError
from mmcore.information.worlds import draw_with_truth, generative_truth, truth
from mmcore.information.worlds.generative_truth import posterior

ATOMS = ("redundancy", "unique1", "unique2", "synergy")


def test_a_sum_of_two_normals_has_closed_form_atoms():
    """y = 1 if z1 + z2 > 0: p(y=1 | z1) = Phi(z1 / sd) is uniform, so I(x1;y) = 1 - 1/(2 ln 2), both sources alike."""
    found = generative_truth((1, 1, 0), n=40_000, block=1, dropout=0.0, seed=0)
    one = 1.0 - 0.5 / math.log(2.0)
    bound = 5.0 * found.error + 0.002
    assert found.error < 0.01
    assert [found.atoms[atom] for atom in ATOMS] == pytest.approx([one, 0.0, 0.0, 1.0 - one], abs=bound)
    assert found.accuracy == pytest.approx({"x1": 0.75, "x2": 0.75, "both": 1.0}, abs=0.005)
    alone = generative_truth((0, 0, 1), n=50, block=1, dropout=0.0, seed=0)
    assert alone.atoms["redundancy"] == pytest.approx(1.0) and alone.accuracy["x2"] == 1.0


@pytest.mark.parametrize("block", [3, 5])
def test_the_generator_follows_the_posterior(block):
    n, ratios = 6_000, (1.0, 0.7, 0.4)
    rows = generate_ratios(ratios, n, block=block, mapped=7, dropout=0.1, variance=2.0, seed=3)
    assert rows.x1.shape == (n, 14) and np.linalg.matrix_rank(rows.x1) == 2 * block
    counts = [int(r * block) for r in ratios]
    known = [(rows.private1, counts[0]), (rows.shared, counts[2])]
    p = posterior(known, [counts[1]], dropout=0.1, variance=2.0)
    # labels are met in every tenth of the posterior
    for rows_of in np.array_split(np.argsort(p), 10):
        assert rows.y[rows_of].mean() == pytest.approx(p[rows_of].mean(), abs=5 * math.sqrt(0.25 / len(rows_of)))


def test_generative_datasets_and_what_is_not_known_of_them():
    ds = draw_with_truth("generative_redundancy", 100, seed=0)
    assert ds.modalities == ("x1", "x2") and ds["x1"].shape == (100, 64)
    assert ds.spec.annotations["truth"][0]["redundancy"] > 0.5
    many = GenerativeWorld("many", (0, 0, 1), n_classes=4, block=50, mapped=60)
    unknown = draw_with_truth(many, 80, seed=0)
    assert "truth" not in unknown.spec.annotations and np.bincount(unknown.labels()).tolist() == [20] * 4
    with pytest.raises(InputError):
        truth(many)
    for bad in ({"block": 0}, {"block": 40}, {"variance": 0.0}):
        with pytest.raises(InputError):
            generate_ratios((0, 0, 1), 10, **bad, seed=0)
    with pytest.raises(InputError):
        generative_truth((0, 0, 1), n=10, block=9, seed=0)
