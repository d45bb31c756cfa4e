"""Agreement against its closed form, its invariances, and correlations against scipy and by construction."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS
from mmcore.selection.agreement import (
    AGREEMENTS,
    agreement,
    captured,
    distance,
    no_shares,
    normalised_agreement,
    shares,
)
from mmcore.selection.agreement_correlation import rank_correlation
from mmcore.selection.agreement_figure import DATA_COLUMNS, MODEL_COLUMNS, agreement_figure


def atoms(r=0.0, u1=0.0, u2=0.0, s=0.0):
    return dict(zip(ATOMS, (r, u1, u2, s), strict=True))


def drawn(generator):
    return atoms(*generator.dirichlet(np.ones(4)) * generator.uniform(0.1, 3.0))


def test_equation_3_6_term_by_term():
    # I_hat of the data is (.1, .2, .3, .4); alpha = .1 .5 + .2 .25 + .3 0 + .4 1
    assert agreement(atoms(0.2, 0.4, 0.6, 0.8), atoms(0.5, 0.25, 0.0, 1.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(20))
def test_laws(seed):
    generator = np.random.default_rng(seed)
    data, model = drawn(generator), drawn(generator)
    twice = {name: 2 * value for name, value in model.items()}
    thrice = {name: 3 * value for name, value in data.items()}
    # closed form for equal atoms: sum I^2 / sum I
    own = np.array(list(data.values()))
    assert agreement(data, data) == pytest.approx((own**2).sum() / own.sum())
    # linear in the model, blind to the scale of the data
    assert agreement(data, twice) == pytest.approx(2 * agreement(data, model))
    assert agreement(thrice, model) == pytest.approx(agreement(data, model))
    # the normalised variant is blind to both, symmetric, and in [0, 1]
    assert normalised_agreement(thrice, twice) == pytest.approx(normalised_agreement(data, model))
    assert normalised_agreement(data, model) == pytest.approx(normalised_agreement(model, data))
    assert 0.0 <= normalised_agreement(data, model) <= 1.0
    # overlap of two distributions: sum of the minima is one less half the L1 distance
    one, other = shares(data), shares(model)
    assert normalised_agreement(data, model) == pytest.approx(sum(min(one[name], other[name]) for name in ATOMS))
    assert captured(data, thrice) == pytest.approx(1.0)
    assert captured(data, {name: value / 4 for name, value in data.items()}) == pytest.approx(0.25)


def test_equal_atoms_have_distance_zero_and_disjoint_ones_two():
    for one, other in itertools.product(range(4), repeat=2):
        pure = [atoms(*np.eye(4)[k]) for k in (one, other)]
        assert distance(*pure) == (0.0 if one == other else 2.0)
        assert normalised_agreement(*pure) == (1.0 if one == other else 0.0)


def test_as_defined_prefers_information_to_a_match_and_the_variants_do_not():
    data = atoms(r=0.4, s=0.6)
    match, wrong = data, atoms(u1=0.0, s=3.0)
    assert agreement(data, wrong) > agreement(data, match)
    assert normalised_agreement(data, wrong) < normalised_agreement(data, match)
    assert captured(data, wrong) < captured(data, match)


@pytest.mark.parametrize("entry", AGREEMENTS, ids=lambda entry: entry.name)
def test_no_information(entry):
    # 0 / 0 has no value; what is no quotient of the model's total is zero
    assert entry.measure(atoms(s=1.0), atoms()) == (None if entry.name == "normalised" else 0.0)
    with pytest.raises(InputError, match="data"):
        entry.measure(atoms(), atoms(s=1.0))
    with pytest.raises(InputError, match="model"):
        entry.measure(atoms(s=1.0), {"synergy": 1.0})
    with pytest.raises(InputError, match="model"):
        entry.measure(atoms(s=1.0), atoms(s=np.nan))


def near_constant(total, below):
    """A prediction whose corrected redundancy came out below zero."""
    return atoms(r=-below, s=total + below)


@pytest.mark.parametrize(("total", "below"), [(1e-5, 0.002), (0.01, 0.0), (0.02, 0.02), (0.05, 0.06), (0.0, 0.0)])
def test_shares_of_next_to_nothing_are_none_and_not_a_number_of_any_size(total, below):
    # 1 - 1/2 (2 below / total) by hand: -199 in the first row; the error of one atom decides it
    assert normalised_agreement(atoms(s=1.0), near_constant(total, below)) is None
    assert no_shares(near_constant(total, below))
    if total > 1e-9:  # below it, data without information are refused by all three
        assert normalised_agreement(near_constant(total, below), atoms(s=1.0)) is None
        assert captured(near_constant(total, below), atoms(s=1.0)) is None


@pytest.mark.parametrize(("total", "below"), [(0.011, 0.0), (0.02, 0.005), (0.5, 0.4)])
def test_where_there_are_shares_negative_atoms_enter_as_they_are(total, below):
    # shares (-below, total + below) / total against (0, 1): the distance is 2 below / total
    found = normalised_agreement(atoms(s=1.0), near_constant(total, below))
    assert found == pytest.approx(1.0 - below / total)
    assert no_shares(near_constant(total, below)) is None


def test_the_bound_holds_over_draws_and_a_level_of_zero_is_for_exact_atoms():
    generator = np.random.default_rng(1)
    lowest = 1.0
    for row in generator.normal(0.0, 0.02, (4000, 2, 4)):
        data, model = atoms(*row[0]), atoms(*row[1])
        if no_shares(data) is None and no_shares(model) is None:
            lowest = min(lowest, normalised_agreement(data, model))
            exact = atoms(*np.abs(row[0]))
            assert normalised_agreement(exact, model) > -1.0
    assert -2.0 < lowest < 0.0
    small = atoms(r=1e-4, s=3e-4)
    assert normalised_agreement(small, small, least=0.0) == 1.0 and normalised_agreement(small, small) is None
    with pytest.raises(InputError, match="least"):
        no_shares(small, least=-1.0)


def test_a_point_without_agreement_is_counted_and_not_drawn():
    zeros = dict.fromkeys(DATA_COLUMNS + MODEL_COLUMNS, 0.0)
    table = pd.DataFrame(
        {**zeros, "world": world, "model": str(s), "accuracy": s, "data_synergy": 1.0, "model_synergy": s}
        for world in "ab"
        for s in (0.001, 0.2, 0.5, 1.0)
    )
    counted = {name: agreement_figure(table, agreement=name, n_boot=0) for name in ("as_defined", "normalised")}
    assert {name: (len(one.points), one.n_without) for name, one in counted.items()} == {
        "as_defined": (8, 0),
        "normalised": (6, 2),
    }


@pytest.mark.parametrize(
    ("method", "reference"),
    [("spearman", stats.spearmanr), ("kendall", stats.kendalltau), ("pearson", stats.pearsonr)],
)
def test_the_value_is_that_of_scipy_with_ties(method, reference):
    generator = np.random.default_rng(3)
    x, noise = generator.integers(0, 5, 60), generator.integers(0, 5, 60)
    y = x + noise
    found = rank_correlation(x, y, np.arange(60) % 6, method=method, n_boot=100)
    assert found.value == pytest.approx(reference(x, y).statistic)
    assert found.low < found.value < found.high
    assert (found.n_points, found.n_worlds, found.n_undefined) == (60, 6, 0)


def test_worlds_that_differ_make_a_pooled_correlation_without_one_inside():
    # three worlds far apart on the diagonal, inside each the better model has the smaller value
    x = np.concatenate([10 * world + np.arange(4) for world in range(3)])
    y = np.concatenate([10 * world + np.arange(4)[::-1] for world in range(3)])
    found = rank_correlation(x, y, np.repeat([0, 1, 2], 4), n_boot=200)
    assert found.value > 0.7
    assert (found.within, found.within_low, found.within_high) == (-1.0, -1.0, -1.0)


def test_the_unit_is_the_world():
    # 200 copies of each point of six worlds are no more evidence: the interval stays as wide as with one copy
    generator = np.random.default_rng(0)
    x, y, worlds = generator.normal(size=18), generator.normal(size=18), np.repeat(np.arange(6), 3)
    once = rank_correlation(x, y, worlds, method="pearson", seed=5)
    often = rank_correlation(np.repeat(x, 200), np.repeat(y, 200), np.repeat(worlds, 200), method="pearson", seed=5)
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert once.high - once.low > 0.3


def test_the_interval_covers_a_correlation_of_zero():
    # worlds without any relation: rho = 0; at 90 % more than 6 of 24 draws miss with P < 0.01 under binomial(24, .1)
    missed = 0
    for seed in range(24):
        generator = np.random.default_rng(seed)
        x, y = generator.normal(size=(2, 60))
        found = rank_correlation(x, y, np.arange(60) // 3, level=0.9, n_boot=100, seed=seed)
        missed += not found.low <= 0.0 <= found.high
    assert missed <= 6


def test_what_has_no_correlation_says_so():
    few = rank_correlation([1.0, 2.0], [1.0, 2.0], ["a", "b"])
    assert few.value is None
    assert "no correlation" in few.reason
    constant = rank_correlation([1, 1, 1, 1], [1, 2, 3, 4], list("aabb"))
    assert constant.value is None
    one = rank_correlation([1, 2, 3], [1, 2, 3], list("aaa"))
    assert (one.value, one.low) == (pytest.approx(1.0), None)
    assert "1 world" in one.reason
    for wrong in ({"x": [1, 2, np.nan]}, {"x": [1, 2]}, {"method": "cosine"}, {"level": 1.0}):
        arguments = {"x": [1, 2, 3], "y": [1, 2, 3], "worlds": list("aab"), **wrong}
        with pytest.raises(InputError):
            rank_correlation(**arguments)


def bank():
    """Three worlds of growing synergy, four models that take 0 to 3 thirds of it; accuracy is what they take."""
    rows = []
    for world, synergy in (("w1", 0.3), ("w2", 0.6), ("w3", 0.9)):
        for k in range(4):
            data, model = atoms(s=synergy), atoms(s=synergy * k / 3)
            rows.append(
                {"world": world, "model": f"m{k}", "accuracy": 0.5 + synergy * k / 6}
                | dict(zip(DATA_COLUMNS, data.values(), strict=True))
                | dict(zip(MODEL_COLUMNS, model.values(), strict=True))
            )
    return pd.DataFrame(rows)


def test_figure_3_5_on_a_bank_by_construction():
    table = bank()
    found = agreement_figure(table, n_boot=100)
    assert found.correlation.value == pytest.approx(1.0)
    assert (found.correlation.low, found.correlation.high) == (pytest.approx(1.0), pytest.approx(1.0))
    # alpha is the model's synergy here, as the data have nothing else
    assert [p.agreement for p in found.points] == pytest.approx(table["model_synergy"].tolist())
    # the shares of models that hold anything are equal: 1, whatever they reach; one that holds nothing has none
    shares_only = agreement_figure(table, agreement="normalised", n_boot=100)
    assert ({p.agreement for p in shares_only.points}, shares_only.n_without) == ({1.0}, 3)
    assert agreement_figure(table, n_boot=100) == found


def test_rows_without_atoms_are_counted_and_left_out():
    table = bank()
    table.loc[2, "model_synergy"] = np.nan
    found = agreement_figure(table, n_boot=0)
    assert (len(found.points), found.n_without) == (11, 1)
    with pytest.raises(InputError, match="data_synergy"):
        agreement_figure(table.drop(columns="data_synergy"))
    with pytest.raises(InputError, match="as_defined"):
        agreement_figure(table, agreement="as_define")
