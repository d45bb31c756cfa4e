"""The content of `interactions.json` on worlds and models whose atoms and interactions are known by formula."""

import json

import numpy as np
import pytest
from worlds import WORLDS, sample

from mmcore.data import from_arrays
from mmcore.information.atoms import ATOMS
from mmcore.selection.interaction_masked import masked_outputs
from mmcore.selection.learnt import learnt_interactions

N = 4000
EXPLAINED = np.arange(120)


@pytest.fixture(scope="module")
def conjunction():
    """The world AND; a perfect model that multiplies, one that adds, one that reads the first bit, one constant."""
    world = next(world for world in WORLDS if world.name == "AND")
    i, j, y = sample(world.p, N, 0)
    a, b = (2.0 * bits[:, None] - 1.0 for bits in (i, j))
    ds = from_arrays({"a": a, "b": b}, labels=y, name="and", groups=np.arange(N) // 2)
    models = {
        "perfect": (y, ("a", "b"), lambda ds: (1 + ds["a"][:, 0]) * (1 + ds["b"][:, 0])),
        "sum": (i + j > 0, ("a", "b"), lambda ds: ds["a"][:, 0] + ds["b"][:, 0]),
        "unimodal:a": (i, ("a",), lambda ds: 3 * ds["a"][:, 0]),
        "constant": (np.zeros(N, int), ("a", "b"), lambda ds: np.zeros(len(ds))),
    }
    return ds, models, world


def found(ds, models, *, pair=("a", "b"), **options):
    return learnt_interactions(
        ds, pair, {name: np.asarray(given).astype(int) for name, (given, _, _) in models.items()},
        lambda name: masked_outputs(models[name][2], ds, EXPLAINED, among=pair, reads=models[name][1], n_draws=120),
        rows=np.arange(N), masked_rows=EXPLAINED, options={"n_boot": 40, **options}, seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def content(conjunction):
    return found(*conjunction[:2])


def entry(content, name):
    return next(one for one in content["models"] if one["model"] == name)


def test_a_perfect_model_has_the_atoms_of_the_data_and_agrees_wholly(content, conjunction):
    perfect, truth = entry(content, "perfect"), conjunction[2].atoms
    assert perfect["atoms"] == content["data"]
    for name in ATOMS:
        low, high = perfect["atoms"]["interval"][name]
        assert low - 0.01 <= truth[name] <= high + 0.01
    agreement, total = perfect["agreement"], sum(content["data"]["corrected"].values())
    assert agreement["normalised"] == pytest.approx(1.0) and agreement["captured"] == pytest.approx(1.0)
    # equation 3.6 of equal atoms: sum I^2 / sum I
    assert agreement["as_defined"] == pytest.approx(sum(v**2 for v in content["data"]["corrected"].values()) / total)


def test_a_sum_has_no_interaction_and_a_product_has_that_of_its_formula(content):
    assert entry(content, "sum")["interaction"]["share"]["value"] == pytest.approx(0.0, abs=1e-12)
    product = entry(content, "perfect")["interaction"]
    # (1 + a)(1 + b), balanced bits: |phi_aa| = |phi_bb| = 1, together 1 in every row: a third
    assert product["share"]["value"] == pytest.approx(1 / 3, abs=0.03)
    assert product["effects"]["together"] == pytest.approx(1.0, abs=0.1)
    assert product["share"]["low"] <= product["share"]["value"] <= product["share"]["high"]


def test_one_modality_alone_has_no_other_unique_information_and_no_interaction(content):
    alone = entry(content, "unimodal:a")
    low, high = alone["atoms"]["interval"]["unique2"]
    assert low <= 0.0 <= high
    assert alone["atoms"]["corrected"]["unique1"] == pytest.approx(1.0, abs=0.02)  # the bit itself
    assert alone["interaction"]["share"]["value"] == 0.0
    assert alone["interaction"]["effects"]["second"] == alone["interaction"]["effects"]["together"] == 0.0


def test_a_constant_model_agrees_with_nothing_and_has_no_shares(content):
    constant = entry(content, "constant")
    assert constant["atoms"]["status"] == "constant" and set(constant["atoms"]["corrected"].values()) == {0.0}
    assert (constant["agreement"]["as_defined"], constant["agreement"]["normalised"]) == (0.0, None)
    assert "add to 0 bit" in constant["agreement_reason"]
    share = constant["interaction"]["share"]
    assert share["value"] is None and "no modality" in share["reason"]


def test_the_content_is_json_the_same_twice_and_counts_rows_and_groups(content, conjunction):
    again = found(*conjunction[:2])
    assert json.dumps(content, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert content["rows"] == {"n_rows": N, "n_groups": N // 2, "n_left_out": 0}
    assert entry(content, "perfect")["interaction"]["n_rows"] == len(EXPLAINED)


def test_data_that_are_refused_cost_no_masking_and_say_why(conjunction):
    ds, _, _ = conjunction
    labels = ds.labels()
    few = np.array([*np.flatnonzero(labels == 0)[:3], *np.flatnonzero(labels == 1)[:3]])
    content = learnt_interactions(
        ds, ("a", "b"), {"perfect": labels[few]}, lambda _: pytest.fail("masked"), rows=few, masked_rows=EXPLAINED,
        options={"min_rows_per_cell": 2.0},
    )  # fmt: skip
    assert content["status"] == "refused" and content["reason"] and content["models"] == []


def test_labels_without_information_have_no_agreement_but_models_have_interactions(conjunction):
    ds, models, _ = conjunction
    rows = np.flatnonzero(ds.labels() == 0)
    name, (_, reads, behaviour) = "perfect", models["perfect"]
    content = learnt_interactions(
        ds, ("a", "b"), {name: (ds["a"][rows, 0] > 0).astype(int)},
        lambda _: masked_outputs(behaviour, ds, EXPLAINED, among=("a", "b"), reads=reads), rows=rows,
        masked_rows=EXPLAINED, options={"n_boot": 20},
    )  # fmt: skip
    (model,) = content["models"]
    assert content["data"]["status"] == "constant"
    assert model["agreement"] is None and "information" in model["agreement_reason"]
    assert model["atoms"]["corrected"]["unique1"] > 0.5
    assert model["interaction"]["share"]["value"] > 0.2
