"""InterSHAP against closed forms: additive models have none, exclusive ors nothing else, any number of modalities."""

import itertools

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.explain.shapley import shapley_values
from mmcore.selection.interaction import harsanyi_dividends, interaction_index, model_interaction
from mmcore.selection.interaction_masked import beside_synergy, masked_outputs
from mmcore.selection.quantify import QuantifiedAtoms


def subsets(names):
    return [frozenset(s) for size in range(len(names) + 1) for s in itertools.combinations(names, size)]


def cube(n_modalities):
    """Every row of n bits once, as a dataset of one column a modality."""
    bits = np.array(list(itertools.product((0.0, 1.0), repeat=n_modalities)))
    names = "abcde"[:n_modalities]
    return from_arrays(
        {name: bits[:, [k]] for k, name in enumerate(names)}, labels=[0, 1] * (len(bits) // 2), name="cube"
    )


def bits_of(ds):
    return np.concatenate([ds[name] for name in ds.modalities], axis=1)


def parity(ds):
    p = bits_of(ds).sum(axis=1) % 2
    return np.stack([1 - p, p], axis=1)


def exact(predict, ds):
    return masked_outputs(predict, ds, np.arange(len(ds)), n_draws=len(ds))


@pytest.mark.parametrize("n_modalities", [2, 3, 4])
def test_an_additive_model_has_no_interaction(n_modalities):
    weights = np.array([[1.0, -2.0, 0.5, 3.0][:n_modalities]])
    outputs = exact(lambda ds: bits_of(ds) @ weights.T, cube(n_modalities))
    found = model_interaction(outputs)
    assert found.share.value == pytest.approx(0.0, abs=1e-12)
    assert found.dividend_share.value == pytest.approx(0.0, abs=1e-12)
    # main effect of modality i on a row: w_i (x_i - 1/2), of constant size
    assert np.diag(found.effects) == pytest.approx(np.abs(weights[0]) / 2)


def test_an_exclusive_or_of_two_is_nothing_but_interaction():
    found = model_interaction(exact(parity, cube(2)))
    assert found.share.value == found.dividend_share.value == found.row_share == 1.0
    assert (found.share.low, found.share.high) == (1.0, 1.0)
    # v = 1 with both and 1/2 else: phi_12 = phi_21 = 1/4
    assert np.array(found.effects) == pytest.approx(np.array([[0.0, 0.25], [0.25, 0.0]]))


def test_an_exclusive_or_of_three_by_hand():
    # v(all) = 1, else 1/2: phi_ij = 1/4 * 1/2 = 1/8, phi_i = 1/6, phi_ii = 1/6 - 2/8 = -1/12;
    # share = (6/8) / (6/8 + 3/12) = 3/4, while the only dividend is that of all three
    found = model_interaction(exact(parity, cube(3)))
    assert found.share.value == pytest.approx(0.75)
    assert found.dividend_share.value == pytest.approx(1.0)
    assert np.diag(found.effects) == pytest.approx(1 / 12)


def test_a_product_of_two_by_hand():
    # x1 x2 of fair bits, row (1, 1): v(none) 1/4, v(1) = v(2) = 1/2, v(all) = 1: phi_ii = 1/4 each, phi_12 = 1/8 twice;
    # the four rows by symmetry give |phi_ii| = 1/4, |phi_12| = 1/8: share = (2/8) / (2/4 + 2/8) = 1/3
    found = model_interaction(exact(lambda ds: bits_of(ds).prod(axis=1), cube(2)))
    assert found.share.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_index_adds_up_and_dividends_give_it_back(seed):
    generator = np.random.default_rng(seed)
    v = {subset: generator.normal(size=3) for subset in subsets("abcd")}
    phi, dividends = interaction_index(v), harsanyi_dividends(v)
    assert phi.sum(axis=(0, 1)) == pytest.approx(v[frozenset("abcd")] - v[frozenset()])
    assert phi == pytest.approx(np.swapaxes(phi, 0, 1))
    for k, name in enumerate("abcd"):
        assert phi[k].sum(axis=0) == pytest.approx(shapley_values(v)[name])
    for subset in subsets("abcd"):
        inside = sum((m for part, m in dividends.items() if part <= subset), np.zeros(3))
        assert inside == pytest.approx(v[subset] - v[frozenset()])
    # a dividend of s members is shared in equal parts by the pairs: 2 phi_ij = sum over S with i, j of m(S) / (s - 1)
    for i, j in itertools.combinations(range(4), 2):
        pair = {"abcd"[i], "abcd"[j]}
        total = sum(m / (len(part) - 1) for part, m in dividends.items() if pair <= part)
        assert 2 * phi[i, j] == pytest.approx(total)


def test_a_superfluous_modality_changes_neither_share():
    def first_two(ds):
        return np.abs(ds["a"] - ds["b"])[:, 0]

    found = model_interaction(exact(first_two, cube(3)))
    assert found.share.value == pytest.approx(1.0)
    assert np.array(found.effects)[2] == pytest.approx(0.0, abs=1e-12)


def test_a_model_that_ignores_everything_has_no_share():
    found = model_interaction(exact(lambda ds: np.full(len(ds), 0.3), cube(2)))
    assert (found.share.value, found.row_share, found.n_rows_without_effect) == (None, None, 4)
    assert "no modality" in found.share.reason


def test_few_draws_agree_with_the_exact_expectation_for_additive_models_and_rows_are_units():
    generator = np.random.default_rng(0)
    ds = from_arrays(
        {"a": generator.normal(size=(60, 2)), "b": generator.normal(size=(60, 1))},
        labels=generator.integers(0, 2, 60),
        groups=np.repeat(np.arange(12), 5),
        name="rows",
    )

    def predict(part):
        return part["a"].sum(axis=1) * 2 + part["b"][:, 0] + part["a"][:, 0] * part["b"][:, 0]

    rows = np.arange(0, 60, 2)
    found = [model_interaction(masked_outputs(predict, ds, rows, n_draws=n, seed=1)) for n in (5, 30, 30)]
    assert found[1].to_dict() == found[2].to_dict()
    assert 0.0 < found[1].share.low < found[1].share.value < found[1].share.high < 1.0
    assert found[0].share.value == pytest.approx(found[1].share.value, abs=0.15)
    grouped = model_interaction(masked_outputs(predict, ds, rows, n_draws=30), groups=ds.groups[rows])
    assert (grouped.share.unit, grouped.share.n_units) == ("group", 12)


@pytest.mark.parametrize("n_draws", [1, 3, 20])
def test_an_additive_model_has_no_interaction_at_any_number_of_draws(n_draws):
    generator = np.random.default_rng(4)
    ds = from_arrays({name: generator.normal(size=(60, 2)) for name in "abc"}, labels=[0, 1] * 30, name="sums")
    rows, background = np.arange(25), np.arange(20, 60)
    outputs = masked_outputs(lambda d: bits_of(d) @ np.arange(1.0, 7.0), ds, rows, background=background,
                             n_draws=n_draws)  # fmt: skip
    found = model_interaction(outputs)
    assert found.share.value == pytest.approx(0.0, abs=1e-12)
    assert found.dividend_share.value == pytest.approx(0.0, abs=1e-12)


def test_the_others_stay_as_they_are_where_two_of_three_are_the_players():
    """c (1 + a + b) adds in a and b once c is known; a and c alone of the three multiply: v(ac) - v(a) - v(c) + v()."""
    ds, rows = cube(3), np.arange(8)
    names = ds.modalities

    def predict(part):
        a, b, c = bits_of(part).T
        return c * (1 + a + b)

    pair = masked_outputs(predict, ds, rows, among=names[:2], n_draws=8)
    assert set(pair) == {frozenset(), frozenset(names[:1]), frozenset(names[1:2]), frozenset(names[:2])}
    added = model_interaction(pair)
    assert added.share.value == pytest.approx(0.0, abs=1e-12)
    # given c, phi_aa = c (a - 1/2): 1/2 on half of the rows
    assert np.diag(added.effects) == pytest.approx([0.25, 0.25])
    other = model_interaction(masked_outputs(predict, ds, rows, among=[names[0], names[2]], n_draws=8))
    assert other.effects[0][1] == pytest.approx(0.125)  # |(a - 1/2)(c - 1/2)| / 2
    with pytest.raises(InputError, match="among"):
        masked_outputs(predict, ds, rows, among=[names[0], names[0]])
    with pytest.raises(InputError, match="'z'"):
        masked_outputs(predict, ds, rows, among=[names[0], "z"])


@pytest.mark.parametrize("among", [None, 2])
@pytest.mark.parametrize("read", [(0,), (2,), (0, 1), (1, 2)])
def test_what_is_known_to_be_read_changes_nothing_but_the_number_of_calls(among, read):
    ds, rows = cube(3), np.arange(8)
    reads, calls = [ds.modalities[i] for i in read], []
    players = None if among is None else ds.modalities[:among]

    def predict(part):
        calls.append(len(part))
        bits = bits_of(part)[:, list(read)]
        return np.stack([bits.prod(axis=1) - bits.sum(axis=1), bits.sum(axis=1) ** 2], axis=1)

    plain = masked_outputs(predict, ds, rows, among=players, n_draws=5, seed=3)
    n_plain = sum(calls)
    known = masked_outputs(predict, ds, rows, among=players, reads=reads, n_draws=5, seed=3)
    assert sum(calls) - n_plain < n_plain
    assert {subset: values.tolist() for subset, values in plain.items()} == {
        subset: values.tolist() for subset, values in known.items()
    }


def test_background_rows_and_presence_travel_with_the_modality():
    present = np.array([True, True, False, False])
    ds = from_arrays({"a": np.ones((4, 1)), "b": np.ones((4, 1))}, labels=[0, 1, 0, 1], presence={"b": present},
                     name="gaps")  # fmt: skip
    outputs = masked_outputs(lambda d: d.presence("b") + 0.0, ds, np.array([0, 1]), background=np.array([2, 3]),
                             n_draws=2)  # fmt: skip
    assert outputs[frozenset("b")].tolist() == [1.0, 1.0]
    assert outputs[frozenset("a")].tolist() == [0.0, 0.0]
    assert outputs[frozenset()].tolist() == [0.0, 0.0]


def test_the_explained_column_is_the_class_of_the_whole_model():
    # class 0 wins with both present; column 1 explained by request has the same effects with the other sign
    outputs = {("a",): np.array([[0.6, 0.4]]), ("b",): np.array([[0.5, 0.5]]), ("a", "b"): np.array([[0.9, 0.1]]),
               (): np.array([0.5, 0.5])}  # fmt: skip
    own, other = model_interaction(outputs), model_interaction(outputs, explained=np.array([1]))
    # phi_aa = .6 - .5, phi_bb = 0, interaction .9 - .6 - .5 + .5 = .3
    assert own.share.value == pytest.approx(0.75)
    assert np.array(other.effects) == pytest.approx(np.array(own.effects))
    assert own.share.low is None


def test_beside_the_synergy_of_the_data():
    data = QuantifiedAtoms("estimated", raw={"redundancy": 0.2, "unique1": 0.0, "unique2": 0.1, "synergy": 0.7})
    refused = QuantifiedAtoms("refused", "too few rows")
    models = [model_interaction(exact(parity, cube(2)), model=name) for name in ("x", "y")]
    figure = beside_synergy(models, data, [data, refused])
    assert [(p.model, p.share.value, p.prediction_synergy) for p in figure.points] == [
        ("x", 1.0, 0.7),
        ("y", 1.0, None),
    ]
    assert (figure.synergy, figure.synergy_share) == (0.7, pytest.approx(0.7))
    with pytest.raises(InputError, match="too few rows"):
        beside_synergy(models, refused)


def test_bad_input():
    half = np.full(3, 0.5)
    for outputs in (
        {},
        {("a",): half},
        {("a",): half, ("b",): half},
        {("a",): half, ("b",): np.full(2, 0.5), ("a", "b"): half},
        {("a",): half, ("b",): np.array([0.5, np.nan, 0.5]), ("a", "b"): half},
        {("a", "b", "c"): half, ("a",): half},
    ):
        with pytest.raises(InputError):
            model_interaction(outputs)
    good = {("a",): half, ("b",): half, ("a", "b"): half}
    with pytest.raises(InputError, match="groups"):
        model_interaction(good, groups=[0, 1])
    with pytest.raises(InputError, match="explained"):
        model_interaction(good, explained=np.array([0, 0, 1]))
    one = from_arrays({"a": np.eye(2)}, labels=[0, 1], name="one")
    with pytest.raises(InputError, match="1 modality"):
        masked_outputs(parity, one, np.arange(2))
    with pytest.raises(InputError, match="predict"):
        masked_outputs(lambda ds: np.zeros(1), cube(2), np.arange(4))
