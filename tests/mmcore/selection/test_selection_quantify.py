"""Decomposition of predictions: oracle models whose atoms are known by formula, on the rows and symbols of the data."""

import json

import numpy as np
import pytest
from worlds import WORLDS, binary_entropy, sample

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS
from mmcore.information.entropy import entropy
from mmcore.information.pairs import estimate_dataset
from mmcore.selection.quantify import Quantification, QuantifiedAtoms, quantify_model, quantify_models
from mmcore.selection.quantify_robustness import RobustnessPoint, robustness_figure, robustness_points

BARE = {"n_boot": 0, "n_null": 0, "correction": "none"}
N = 4000


def dataset(name, n=N, seed=0):
    world = next(world for world in WORLDS if world.name == name)
    i, j, y = sample(world.p, n, seed)
    return from_arrays({"a": i[:, None] + 0.0, "b": j[:, None] + 0.0}, labels=y.astype(str), name=name.lower()), i, j, y


def raw(found):
    return np.array([found.raw[name] for name in ATOMS])


def test_oracle_models_of_two_independent_bits():
    # the world is AND; each model reads what its name says: its atoms are those of that gate, to sampling error
    ds, i, j, _ = dataset("AND")
    models = {"UNQ1": i, "UNQ2": j, "XOR": i ^ j, "AND": i & j, "constant": np.zeros(N, int)}
    found = quantify_models(ds, models, rows=np.arange(N), options=BARE)
    for one in found[:-1]:
        truth = next(world for world in WORLDS if world.name == one.model)
        assert raw(one.prediction) == pytest.approx(np.array(list(truth.atoms.values())), abs=0.03)
        # the inputs decide the prediction: all of H(prediction) is in the four atoms
        assert raw(one.prediction).sum() == pytest.approx(one.prediction.entropy, abs=1e-9)
    assert (found[-1].prediction.status, found[-1].prediction.total) == ("constant", 0.0)
    assert [one.accuracy for one in found] == pytest.approx([0.75, 0.75, 0.25, 1.0, 0.75], abs=0.03)


def test_a_perfect_model_has_the_atoms_of_the_data_and_those_of_the_estimate():
    ds, _, _, y = dataset("AND")
    found = quantify_model(ds, y, rows=np.arange(N), options={"n_boot": 20}, seed=3)
    assert found.prediction == found.data
    pair = estimate_dataset(ds, options={"n_boot": 20, "n_null": 0}, seed=3)["pairs"][0]
    for key, mine in (("raw", found.data.raw), ("corrected", found.data.corrected)):
        assert mine == pair[key]
    assert {name: list(ends) for name, ends in found.data.interval.items()} == pair["interval"]


def test_intervals_hold_the_truth_and_follow_the_seed():
    ds, i, j, _ = dataset("XOR")
    found, again = (quantify_model(ds, i & j, rows=np.arange(N), options={"n_boot": 50}, seed=1) for _ in range(2))
    assert found == again
    truth = next(world for world in WORLDS if world.name == "AND").atoms
    for name, (low, high) in found.prediction.interval.items():
        assert low - 0.01 <= truth[name] <= high + 0.01
    assert json.dumps(found.to_dict()) == json.dumps(again.to_dict())


def test_sampled_labels_count_confidence():
    # probabilities of the noisy exclusive or, error .1: the sampled label has 1 - h(.1) bits of synergy, the most
    # probable class one bit
    ds, i, j, _ = dataset("NOISY_XOR", n=8000)
    p = np.where(i ^ j, 0.9, 0.1)
    outputs = np.stack([1 - p, p], axis=1)
    hard = quantify_model(ds, outputs, rows=np.arange(8000), options=BARE)
    soft = quantify_model(ds, outputs, rows=np.arange(8000), options=BARE, labels="sampled")
    assert hard.prediction.raw["synergy"] == pytest.approx(1.0, abs=0.01)
    assert soft.prediction.raw["synergy"] == pytest.approx(1.0 - binary_entropy(0.1), abs=0.04)
    # the model is calibrated and knows all there is: its sampled atoms are those of the data
    assert raw(soft.prediction) == pytest.approx(raw(soft.data), abs=0.04)
    assert hard.accuracy == soft.accuracy == pytest.approx(0.9, abs=0.02)


def test_models_and_data_stand_on_the_same_rows_and_symbols():
    generator = np.random.default_rng(0)
    x1, x2 = generator.normal(size=(2, 900, 3))
    y = (x1[:, 0] + x2[:, 0] > 0).astype(int) + 2 * (x1[:, 1] > 0)
    present = generator.random(900) < 0.9
    labels = [None if k % 10 == 0 else str(value) for k, value in enumerate(y)]
    ds = from_arrays({"a": x1, "b": x2}, labels=labels, presence={"b": present}, groups=np.arange(900) // 9, name="g")
    rows = np.arange(100, 900)
    two_classes = (x1[rows, 1] > 0).astype(int)  # fewer classes alone would allow finer symbols
    found = quantify_models(ds, {"x": y[rows], "y": two_classes}, rows=rows, options={**BARE, "rows_per_cell": 3})
    usable = present[rows] & (rows % 10 != 0)
    for one in found:
        assert (one.n_rows, one.n_left_out) == (usable.sum(), len(rows) - usable.sum())
        assert one.prediction.clusters == one.data.clusters
        assert one.n_groups == len(np.unique(rows[usable] // 9))
    counts = np.bincount(two_classes[usable]) / usable.sum()
    assert found[1].prediction.entropy == pytest.approx(entropy(counts))
    # of a prediction by x1 alone nothing is unique to x2
    assert found[1].prediction.raw["unique1"] > 10 * found[1].prediction.raw["unique2"]


def test_rows_without_any_label_leave_the_model_alone():
    ds, i, j, _ = dataset("XOR")
    blank = from_arrays({"a": ds["a"], "b": ds["b"]}, labels=[None] * (N - 2) + ["0", "1"], name="blank")
    found = quantify_model(blank, i ^ j, rows=np.arange(N), pair=("a", "b"), options=BARE)
    assert (found.n_rows, found.data.status) == (2, "refused")  # two labelled rows are the rows of both
    alone = quantify_model(blank, (i ^ j)[: N - 2], rows=np.arange(N - 2), options=BARE)
    assert (alone.data.status, alone.accuracy) == ("refused", None)
    assert alone.prediction.raw["synergy"] == pytest.approx(1.0, abs=0.01)
    with pytest.raises(InputError, match="refused"):
        _ = alone.data.values


def test_predictions_of_a_regression_are_cut_at_the_bins_of_the_label():
    generator = np.random.default_rng(0)
    x1, x2 = generator.normal(size=(2, 2000, 1))
    ds = from_arrays({"a": x1, "b": x2}, labels=x1[:, 0] + 0.01 * x2[:, 0], name="reg")
    found = quantify_model(ds, x1, rows=np.arange(2000), options=BARE)
    assert found.prediction.raw["unique1"] > 1.0
    assert found.accuracy > 0.95
    assert found.prediction.raw["unique2"] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("prediction", "rows", "more", "match"),
    [
        (np.zeros(3, int), np.arange(4), {}, "predictions"),
        (np.array([0, 1, 2, 0]), np.arange(4), {}, "codes 0 to 1"),
        (np.array([[2.0, -1.0]] * 4), np.arange(4), {}, "softmax"),
        (np.full((4, 3), 1 / 3), np.arange(4), {}, "probabilities"),
        (np.zeros(4), np.arange(4), {}, "codes"),
        (np.zeros(4, int), np.array([0, 0, 1, 2]), {}, "rows"),
        (np.zeros(4, int), np.array([0, 1, 2, N]), {}, "rows"),
        (np.zeros(4, int), np.arange(4), {"labels": "soft"}, "labels"),
        (np.zeros(4, int), np.arange(4), {"labels": "sampled"}, "probabilities"),
        (np.zeros(4, int), np.arange(4), {"pair": ("a", "c")}, "pair"),
        (np.zeros(4, int), np.arange(4), {"pair": ("a", "a")}, "pair"),
        (np.zeros(4, int), np.arange(4), {"options": {"n_bot": 3}}, "n_bot"),
    ],
)
def test_bad_input(prediction, rows, more, match):
    ds, *_ = dataset("XOR")
    with pytest.raises(InputError, match=match):
        quantify_model(ds, prediction, rows=rows, **more)


def test_one_modality_is_refused_clearly_and_too_few_rows_with_a_reason():
    one = from_arrays({"a": np.eye(4)}, labels=[0, 1, 0, 1], name="one")
    with pytest.raises(InputError, match="one modality"):
        quantify_model(one, np.array([0, 1, 0, 1]), rows=np.arange(4))
    ds, i, *_ = dataset("XOR")
    few = quantify_model(ds, i[:5], rows=np.arange(5))
    assert few.prediction.status == "refused"
    assert "rows" in few.prediction.reason


def of_atoms(model, r=0.0, u1=0.0, u2=0.0, s=0.0):
    atoms = QuantifiedAtoms("estimated", raw=dict(zip(ATOMS, (r, u1, u2, s), strict=True)))
    return Quantification(model, "a", "b", "predicted", atoms, atoms, None, 10, None, 0)


def test_the_drop_without_a_modality_stands_beside_what_it_alone_holds():
    scores = {frozenset({"a", "b"}): 0.9, ("a",): 0.8, ("b",): 0.5}
    first, second = robustness_points(of_atoms("m", r=0.1, u1=0.6, u2=0.2, s=0.05), scores, world="w")
    assert (first.absent, first.unique, second.absent, second.unique) == ("a", 0.6, "b", 0.2)
    assert (first.drop, second.drop) == (pytest.approx(0.4), pytest.approx(0.1))
    with pytest.raises(InputError, match="none with b present"):
        robustness_points(of_atoms("m"), {("a",): 0.5, ("a", "b"): 0.6}, world="w")


def test_figure_3_4_by_construction():
    # worlds where the drop is (U + S) / 2: U orders the drops where S is none, S orders them where U is none
    points = []
    for world in ("u1", "u2", "u3"):
        points += [RobustnessPoint(world, f"m{k}", "a", k / 8, k / 4, 0.0, 0.3) for k in range(1, 5)]
    for world in ("s1", "s2", "s3"):
        points += [RobustnessPoint(world, f"m{k}", "a", k / 8, 0.01, k / 4 - 0.01, (k % 2) / 4) for k in range(1, 5)]
    figure = robustness_figure(points, n_boot=200)
    assert figure.necessary.value == pytest.approx(1.0)
    assert figure.synergy_low_unique.value == pytest.approx(1.0)
    assert figure.synergy_low_unique.n_points == 12
    assert figure.unique.value < 0.9
    assert figure.unique.low <= figure.unique.value <= figure.unique.high
    # R alternates with k = 1..4: ranks (3.5, 1.5, 3.5, 1.5) against (1, 2, 3, 4): rho = -1 / sqrt(5)
    assert figure.redundancy_low_unique.value == pytest.approx(-1 / np.sqrt(5))
