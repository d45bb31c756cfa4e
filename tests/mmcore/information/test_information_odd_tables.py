"""Tables as users bring them: narrow floats, odd shapes, denormals, other containers; results that hold their own."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from worlds import WORLDS

from mmcore.information import PID, bounds, pid
from mmcore.information.entropy import mutual_information
from mmcore.information.measures import available_measures

AND = np.zeros((2, 2, 2))
AND[0, 0, 0] = AND[0, 1, 0] = AND[1, 0, 0] = AND[1, 1, 1] = 0.25
KNOWN = {"redundancy": 0.311278124459, "unique1": 0.0, "unique2": 0.0, "synergy": 0.5}


def odd_tables() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)

    def draw(*shape: int, concentration: float = 1.0) -> np.ndarray:
        return generator.dirichlet(np.full(int(np.prod(shape)), concentration)).reshape(shape)

    tiny_label = draw(3, 3, 3)
    tiny_label[:, :, 0] *= 1e-200
    denormal_row = draw(3, 3, 3)
    denormal_row[0] = 1e-310
    return {
        "one cell": np.ones((1, 1, 1)),
        "one first symbol": draw(1, 5, 3),
        "one second symbol": draw(5, 1, 3),
        "one label": draw(5, 3, 1),
        "only labels": draw(1, 1, 5),
        "uniform": np.full((2, 3, 4), 1 / 24),
        "sparse": draw(5, 5, 4, concentration=0.02),
        "very sparse": draw(6, 6, 6, concentration=0.005),
        "tiny label": tiny_label / tiny_label.sum(),
        "denormal row": denormal_row / denormal_row.sum(),
        "two symbols, many labels": draw(2, 2, 9),
        "two labels": draw(4, 6, 2),
        **{f"draw {k}": draw(*generator.integers(1, 5, 3), concentration=0.3) for k in range(40)},
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", odd_tables())
def test_laws_hold_without_a_margin_for_rounding(name):
    p = odd_tables()[name]
    found = pid.decompose(p)
    assert 0.0 <= found.gap <= 1e-9
    assert min(found.atoms.values()) >= 0.0
    assert found.union_lower <= found.union_upper
    assert found.redundancy + found.unique1 == pytest.approx(mutual_information(p.sum(axis=1)), abs=1e-12)
    assert found.redundancy + found.unique2 == pytest.approx(mutual_information(p.sum(axis=0)), abs=1e-12)
    assert found.total == pytest.approx(mutual_information(p.reshape(-1, p.shape[2])), abs=1e-12)
    assert found.union_lower - 1e-12 <= found.total - found.synergy <= found.union_upper + 1e-12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "p",
    [
        AND.tolist(),
        AND.astype(np.float32),
        AND.astype(np.float16),
        AND.astype(np.longdouble),
        AND.astype(">f8"),
        AND.astype(object),
        [[[Fraction(1, 4) if v else 0 for v in row] for row in plane] for plane in AND],
        np.asfortranarray(AND),
        np.repeat(AND, 2, axis=2)[:, :, ::2],
        np.where(AND == 0.0, -0.0, AND),
        np.where(AND == 0.0, 5e-324, AND),
        np.pad(AND, ((0, 1), (1, 0), (2, 1))),
    ],
)
def test_containers_types_and_cells_without_mass(p):
    for found in (pid.decompose(p), *pid.decompose_many([p, p]), *pid.decompose_many(iter([p]))):
        assert found.atoms == pytest.approx(KNOWN, abs=1e-11)


@pytest.mark.filterwarnings("error")
def test_torch_tensors():
    import torch

    p = torch.tensor(AND, requires_grad=True)
    assert pid.decompose(p).atoms == pytest.approx(KNOWN, abs=1e-11)
    assert pid.decompose_many(torch.stack([p, p]))[1].atoms == pytest.approx(KNOWN, abs=1e-11)


def test_a_float32_table_sums_to_one_as_well_as_it_can():
    for seed in range(20):
        exact = np.random.default_rng(seed).dirichlet(np.ones(60)).reshape(3, 5, 4)
        narrow = exact.astype(np.float32)
        narrow /= narrow.sum()  # off by about 1e-8, and no division in float32 changes that
        found, truth = pid.decompose(narrow).atoms, pid.decompose(exact).atoms
        assert found == pytest.approx(truth, abs=2e-6)
        limits = bounds.synergy(narrow.sum(axis=1), narrow.sum(axis=0), narrow.sum(axis=2))
        assert limits.lower - 1e-5 <= truth["synergy"] <= limits.upper + 1e-5


def test_integers_that_are_probabilities():
    assert pid.decompose(np.array([[[0, 1], [0, 0]]])).total == 0.0
    assert pid.decompose([[[True, False]]]).total == 0.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", available_measures())
def test_measures_of_tables_with_vanishing_mass(method):
    clean = pid.decompose(AND, method=method).atoms
    assert pid.decompose(np.where(AND == 0.0, 5e-324, AND), method=method).atoms == pytest.approx(clean, abs=1e-9)
    assert pid.decompose(np.pad(AND, ((0, 1), (1, 0), (2, 1))), method=method).atoms == pytest.approx(clean, abs=1e-9)
    assert pid.decompose(np.ones((1, 1, 1)), method=method).total == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_result_survives_every_copy(lazy):
    tables = np.random.default_rng(0).dirichlet(np.ones(8), 3).reshape(3, 2, 2, 2)
    found = pid.decompose_many(tables)[1] if lazy else pid.decompose(tables[1])
    same = pid.decompose(tables[1])
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    for other in (
        same,
        PID.from_dict(plain),
        pickle.loads(pickle.dumps(found)),
        copy.copy(found),
        copy.deepcopy(found),
    ):
        assert other == found
        assert hash(other) == hash(found)
    assert found != pid.decompose(tables[2])
    assert "\n" not in repr(found)
    assert all(type(value) is float for value in (*found.atoms.values(), found.gap, found.total))


def test_a_result_cannot_be_changed():
    source = AND.copy()
    found = pid.decompose(source)
    source[:] = 0.125
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.redundancy = 1.0
    with pytest.raises(ValueError, match="read-only"):
        found.table[0, 0, 0] = 0.5
    assert found.coupling().sum() == pytest.approx(1.0)


def test_mixed_shapes_keep_their_order():
    tables = [world.p for world in WORLDS.values()] if isinstance(WORLDS, dict) else [world.p for world in WORLDS]
    tables = [*tables, AND.tolist(), np.ones((1, 1, 1), dtype=np.float32)]
    assert pid.decompose_many(tables) == [pid.decompose(p) for p in tables]
    assert pid.decompose_many([]) == pid.decompose_many(np.zeros((0, 2, 2, 2))) == []
    assert [values.shape for values in pid.atoms_many([])] == [(0, 4), (0,)]


def test_an_engine_that_fails_leaves_the_interval_of_what_is_known():
    p = np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3)
    with pytest.raises(pid.NotCertified) as caught:
        pid.decompose(p, solver="cvxpy", max_iter=1)
    larger = max(mutual_information(p.sum(axis=1)), mutual_information(p.sum(axis=0)))
    assert larger - 1e-12 <= caught.value.lower < caught.value.upper
    assert caught.value.upper <= mutual_information(p.reshape(-1, 3)) + 1e-12
