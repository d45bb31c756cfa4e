"""Resampled tables, corrections of bias, the interval at kinks, nulls, and refusals: by closed forms and by hand."""

import math

import numpy as np
import pytest
from scipy import stats
from worlds import WORLDS, sample

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.uncertainty import CORRECTIONS, assess
from mmcore.information.uncertainty.adequacy import check_bias, predicted_bias
from mmcore.information.uncertainty.bias_aware import (
    MIX,
    UNMIX,
    bias_aware,
    critical_factor,
    kink_bias,
    spread_factor,
    subsampling,
)
from mmcore.information.uncertainty.correction import bootstrap_bias, extrapolation_bias, matched_weights
from mmcore.information.uncertainty.nulls import p_value
from mmcore.information.uncertainty.resampled import (
    bootstrap,
    group_tables,
    permuted,
    permuted_given,
    subsample,
)

WORLD = {world.name: world for world in WORLDS}


def drawn_rows(name, n, seed):
    return sample(WORLD[name].p, n, seed)


# ---------------------------------------------------------------- tables drawn again


def test_bootstrap_has_the_moments_of_the_multinomial():
    counts = np.array([[30.0, 50.0, 20.0]])
    drawn = bootstrap(counts, 100, 20_000, seed=0)
    p = counts[0] / 100
    assert drawn.mean(axis=0) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 100 / 20_000).max())
    assert np.cov(drawn.T) == pytest.approx((np.diag(p) - np.outer(p, p)) / 100, abs=1e-4)


def test_subsamples_without_replacement_vary_by_what_is_left_out():
    counts = np.array([[40.0, 60.0]])
    drawn = subsample(counts, 25, 20_000, seed=0)
    # hypergeometric: p (1 - p) / m times (N - m) / (N - 1)
    assert drawn[:, 0].var() == pytest.approx(0.24 / 25 * 75 / 99, rel=0.05)
    assert subsample(counts, 100, 3, seed=0) == pytest.approx(np.tile([0.4, 0.6], (3, 1)))


def test_groups_are_drawn_whole():
    cells, groups = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 1, 2, 2, 2])
    tables = group_tables(cells, 3, groups)
    for drawn in bootstrap(tables, 3, 30, seed=0):
        shares = drawn / drawn[drawn > 0].min()
        weights = shares / np.array([2.0, 1.0, 3.0])
        assert (weights[weights > 0] % weights[weights > 0].min() < 1e-9).all()
    for drawn in subsample(tables, 2, 30, seed=0):
        assert (drawn > 0).sum() == 2


def test_permuted_tables_keep_margins_and_have_the_expected_mean():
    counts = np.array([[12.0, 3.0, 0.0, 5.0, 7.0, 13.0]])  # three symbols, two labels
    drawn = permuted(counts, 2, 4_000, seed=0).reshape(-1, 3, 2) * 40
    assert drawn.sum(axis=2) == pytest.approx(np.tile([15.0, 5.0, 20.0], (4_000, 1)))
    assert drawn.sum(axis=1) == pytest.approx(np.tile([19.0, 21.0], (4_000, 1)))
    assert drawn.mean(axis=0) == pytest.approx(np.outer([15, 5, 20], [19, 21]) / 40, abs=0.15)


def test_labels_are_permuted_within_groups():
    # the first group holds symbols 0 and 1, the second 2 and 3: its labels cannot leave it
    tables = np.array([[4.0, 0, 2, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 6, 3, 0]])
    drawn = permuted(tables, 2, 50, seed=0).reshape(50, 4, 2) * 17
    assert drawn[:, :2].sum(axis=1) == pytest.approx(np.tile([6.0, 2.0], (50, 1)))
    assert drawn[:, 2:].sum(axis=1) == pytest.approx(np.tile([3.0, 6.0], (50, 1)))
    assert drawn.std(axis=0).max() > 0


def test_labels_of_whole_groups_are_permuted_where_each_group_has_one():
    tables = np.array([[4.0, 0, 1, 0], [0, 3, 0, 0], [0, 0, 0, 2]])  # symbols 0, 1; one label a group
    drawn = permuted(tables, 2, 60, seed=0).reshape(60, 2, 2) * 10
    assert drawn.sum(axis=2) == pytest.approx(np.tile([7.0, 3.0], (60, 1)))
    # one group of the three has label 0: of 5, 3 or 2 rows
    assert set(np.round(drawn[:, :, 0].sum(axis=1)).tolist()) == {5.0, 3.0, 2.0}


@pytest.mark.parametrize("source", [0, 1])
def test_conditional_permutations_keep_both_tables_they_should(source):
    counts = np.random.default_rng(0).integers(0, 9, (3, 4, 2)).astype(float)
    drawn = permuted_given(counts.reshape(1, -1), (3, 4, 2), source, 50, seed=0, name="x").reshape(50, 3, 4, 2)
    drawn = drawn * counts.sum()
    assert drawn.sum(axis=3) == pytest.approx(np.tile(counts.sum(axis=2), (50, 1, 1)))
    kept = 1 - source
    assert drawn.sum(axis=1 + kept) == pytest.approx(np.tile(counts.sum(axis=kept), (50, 1, 1)))
    assert drawn.std(axis=0).max() > 0


def test_nothing_to_permute_is_said():
    copy = np.array([[5.0, 0, 0, 0, 0, 0, 0, 5.0]])  # X1 = X2 = Y
    assert permuted_given(copy, (2, 2, 2), 0, 5, seed=0, name="x") is None


# ---------------------------------------------------------------- bias


def test_bootstrap_bias_of_information_is_that_of_the_expansion():
    # far from the edge the plug-in I12 is too high by (n1 n2 - 1)(|Y| - 1) / (2 N ln 2) (Miller 1955)
    counts = np.full((1, 12), 5_000.0)

    def total(tables):
        return pid.atoms_many(tables.reshape(-1, 2, 3, 2))[0]

    drawn = bootstrap(counts, 60_000, 3_000, seed=0)
    bias = bootstrap_bias(total, drawn, total(drawn))
    assert bias.sum() == pytest.approx(predicted_bias(6, 2, 60_000), rel=0.08)


def test_extrapolation_recovers_a_quadratic_in_one_over_n():
    sizes = iter((100.0, 50.0))

    def polynomial(size):
        return np.array([0.5, 0.1, 0.2, 0.3]) + 7.0 / size - 30.0 / size**2

    def atoms(tables):
        return np.tile(polynomial(next(sizes)), (len(tables), 1))

    raw = polynomial(200.0)
    bias = extrapolation_bias(atoms, np.full((1, 8), 25.0), raw, 3, seed=0)
    assert raw - bias == pytest.approx([0.5, 0.1, 0.2, 0.3])


def test_matched_weight_solves_its_equation():
    raw, boot, shuffled = np.array([0, 0, 0, 0.30]), np.array([0, 0, 0, 0.10]), np.array([0, 0, 0, 0.16])
    w = matched_weights(raw, boot, shuffled)[3]
    synergy = 0.30 - (w * 0.10 + (1 - w) * 0.16)
    assert w == pytest.approx(synergy / 0.30)
    assert matched_weights(np.array([0, 0, 0, 0.15]), boot, shuffled)[3] == 0.0
    assert matched_weights(np.array([0, 0, 0, 0.99]), -0.01 * boot, np.zeros(4))[3] == 1.0


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_corrected_sums_are_corrected_information(correction):
    x1, x2, y = drawn_rows("NOISY_XOR", 4_000, 0)
    found = pid.estimate(x1, x2, y, correction=correction, seed=1)
    parts = found.corrected
    expected = 0.0 if correction == "none" else 1 / (2 * 4_000 * math.log(2))  # (n1 - 1)(|Y| - 1) / (2 N ln 2)
    for unique, raw in (("unique1", found.information1), ("unique2", found.information2)):
        assert parts["redundancy"] + parts[unique] == pytest.approx(raw - expected, abs=1e-4)
    assert found.interval is None
    assert found.diagnostics["correction"] == correction


def test_corrected_synergy_of_unrelated_data_in_sparse_tables():
    raw, better = [], []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        x1, x2 = generator.integers(0, 20, (2, 1_800))
        found = pid.estimate(x1, x2, generator.integers(0, 2, 1_800), n_boot=40, seed=seed)
        assert found.diagnostics["clusters"] == [20, 20]
        raw.append(found.synergy)
        better.append(found.corrected["synergy"])
    assert np.mean(raw) == pytest.approx(0.18, abs=0.01)  # shared measurement of three independent programs
    assert abs(np.mean(better)) < 0.005 + 3 * np.std(better) / math.sqrt(30)
    assert min(better) < 0.0  # nothing is clipped


def test_correction_of_a_noiseless_copy_is_upwards():
    # R = H(Y) of the sample, too low by (|Y| - 1) / (2 N ln 2) (Miller 1955)
    moved = []
    for seed in range(40):
        y = np.random.default_rng(seed).integers(0, 2, 500)
        found = pid.estimate(y, y, y, n_boot=100, seed=seed)
        moved.append(found.corrected["redundancy"] - found.redundancy)
    assert np.mean(moved) == pytest.approx(1 / (2 * 500 * math.log(2)), rel=0.15)


# ---------------------------------------------------------------- interval


def test_critical_values_cover_a_biased_normal():
    for bias in (0.0, 0.3, 1.0, 2.5, 12.0):
        c = float(critical_factor(np.array(bias), 0.95)) * stats.norm.ppf(0.975)
        assert stats.norm.cdf(c - bias) - stats.norm.cdf(-c - bias) == pytest.approx(0.95, abs=1e-6)


def test_kink_of_a_maximum_of_two_gaussians_is_recovered():
    # E max of two independent N(0, s^2) is s / sqrt(pi); a draw from a sample has variance 1 + r about the truth
    mean = 1.0 / math.sqrt(math.pi)
    bias = {r: MIX @ np.array([0, 0, 0, (math.sqrt(1 + r) - 1) * mean]) for r in (1, 4)}
    assert kink_bias(bias[1], bias[4], 4.0) == pytest.approx(mean)
    smooth = MIX @ np.array([0.02, 0.01, 0.05, 0.02])
    assert kink_bias(smooth, 4.0 * smooth, 4.0) == 0.0


def test_mix_gives_the_atoms():
    found = pid.decompose(WORLD["AND"].p)
    parts = [found.information1, found.information2, found.total, found.total - found.synergy]
    assert np.allclose(MIX @ np.array(parts), list(found.atoms.values()))
    assert np.allclose(MIX @ UNMIX, np.eye(4))


def test_spread_of_few_groups_is_students():
    expected = math.sqrt(10 / 9) * stats.t.ppf(0.975, 9) / stats.norm.ppf(0.975)
    assert spread_factor(10, 8, True, 0.95) == pytest.approx(expected)


def test_interval_of_a_smooth_atom_is_the_centred_quantiles():
    draws = np.tile(np.linspace(1.1, 1.3, 101)[:, None], (1, 4))
    smooth = np.full(4, 0.2)
    found = bias_aware(np.ones(4), draws, smooth, smooth, 0.0, level=0.9, spread=1.0, slack=0.0)
    assert found[0] == pytest.approx([0.8 - 0.0918, 0.8 + 0.0918])  # ranks 5.1 and 96.9 of 101


def test_interval_holds_zero_where_zero_is_not_excluded():
    draws = np.abs(np.random.default_rng(0).normal(0.02, 0.01, (200, 4)))
    nothing = np.zeros(4)
    found = bias_aware(np.full(4, 0.015), draws, nothing, nothing, 0.0, level=0.95, spread=1.0, slack=0.0)
    assert (found[:, 0] <= 0.0).all()
    below = bias_aware(np.full(4, 0.001), draws, np.full(4, 0.2), nothing, 0.0, level=0.95, spread=1.0, slack=0.0)
    assert (below[:, 1] == 0.0).all()
    assert (below[:, 0] < 0.0).all()


def test_subsampling_interval_by_hand():
    # N/4 without replacement: deviations are divided by sqrt(3), after three times the smooth bias
    draws = np.tile(np.linspace(1.0, 2.0, 101)[:, None], (1, 4))
    found = subsampling(np.full(4, 1.2), draws, np.full(4, 0.1), 4.0, level=0.9, spread=1.0, slack=0.0)
    ends = (np.array([1.959, 1.041]) - 1.2 - 0.3) / math.sqrt(3)
    assert found[0] == pytest.approx(1.1 - ends)


@pytest.mark.parametrize("interval", ["bias_aware", "subsampling"])
def test_an_exact_copy_leaves_no_doubt_about_its_zeros(interval):
    x1, x2, y = drawn_rows("NOISY_RDN", 300, 0)
    found = pid.estimate(x1, x2, y, n_boot=100, interval=interval)
    for name in ("unique1", "unique2", "synergy"):
        low, high = found.interval[name]
        assert low <= 0.0 <= high
        assert high - low < 1e-6
    low, high = found.interval["redundancy"]
    assert low < found.corrected["redundancy"] < high


def test_parts_draw_from_streams_of_their_own():
    x1, x2, y = drawn_rows("AND", 300, 0)
    alone = pid.estimate(x1, x2, y, n_boot=50, seed=3)
    both = pid.estimate(x1, x2, y, n_boot=50, n_null=20, seed=3)
    assert alone.interval == both.interval
    assert alone.corrected == both.corrected
    assert both.to_dict() == pid.estimate(x1, x2, y, n_boot=50, n_null=20, seed=3).to_dict()
    assert both.null == pid.estimate(x1, x2, y, n_null=20, seed=3).null


# ---------------------------------------------------------------- nulls


def test_p_values_count_ties_against_the_observation():
    assert p_value(1.0, np.array([0.0, 1.0, 2.0])) == 0.75
    assert p_value(1.0, np.zeros(99)) == 0.01
    assert p_value(1.0, np.full(99, 1.0 - 1e-13), 1e-12) == 1.0


def test_synergy_is_found_and_a_noisy_copy_is_not_synergy():
    x1, x2, y = drawn_rows("NOISY_XOR", 400, 0)
    found = pid.estimate(x1, x2, y, n_null=99).diagnostics
    assert found["p_values"]["synergy"] == 0.01
    x1, x2, y = drawn_rows("NOISY_RDN", 400, 0)
    copied = pid.estimate(x1, x2, y, n_null=99)
    assert copied.diagnostics["p_values"]["redundancy"] == 0.01
    assert copied.diagnostics["p_values"]["synergy"] == 1.0


def test_the_redundant_null_keeps_a_strong_source_and_loses_the_rest():
    generator = np.random.default_rng(1)
    x1 = generator.integers(0, 2, 2_000)
    x2 = x1 ^ (generator.random(2_000) < 0.2)
    y = x1 ^ (generator.random(2_000) < 0.1)
    found = pid.estimate(x1, x2, y, n_null=99)
    assert 0.0 < found.diagnostics["synergy_p_redundant"] <= 1.0
    assert found.diagnostics["p_values"]["synergy"] >= found.diagnostics["synergy_p_redundant"]
    # given X1 a permuted label tells nothing of X2: I12 - I1 is chi-squared with 2 degrees over 2 N ln 2
    assert np.mean(found.diagnostics["redundant_null"]) < 3 / (2 * 2_000 * math.log(2))
    # what is compared with is what is handed out
    null = np.array(found.null["synergy"])
    assert found.diagnostics["p_values"]["synergy"] == (1 + (null >= found.synergy - 1e-12).sum()) / 100


def test_labels_that_are_constant_within_groups_have_a_null_over_groups():
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 20)
    label = (np.arange(30) % 2)[person]
    x1 = label ^ (generator.random(600) < 0.2)
    x2 = generator.integers(0, 2, 600)
    found = pid.estimate(x1, x2, label, groups=person, n_null=99)
    assert np.std(found.null["unique1"]) > 0.0
    assert found.diagnostics["p_values"]["unique1"] <= 0.05


# ---------------------------------------------------------------- refusals


def test_too_few_rows_name_how_many_would_do():
    counts = np.zeros((10, 10, 2))
    counts[..., 0], counts[0, 0, 1] = 3.0, 10.0
    with pytest.raises(InputError) as caught:
        check_bias(counts, 0.5)
    h = stats.entropy([300, 10], base=2)
    needed = math.ceil(99 / (2 * math.log(2)) / (0.5 * h))
    assert f"{needed} rows" in caught.value.remedy
    assert "310 rows for 100 pairs" in caught.value.received
    assert check_bias(counts, 1.3)["predicted_bias"] == pytest.approx(99 / (2 * 310 * math.log(2)))


def test_an_estimate_from_too_few_rows_is_refused():
    generator = np.random.default_rng(0)
    x1, x2 = generator.integers(0, 8, (2, 150))
    y = (np.arange(150) < 6).astype(int)
    with pytest.raises(InputError, match="predicted bias") as caught:
        pid.estimate(x1, x2, y)
    assert "Collect at least" in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"correction": "shufle"}, "correction"),
        ({"interval": "percentile"}, "interval"),
        ({"max_bias_share": 0.0}, "max_bias_share"),
        ({"n_null": 1}, "n_null"),
        ({"n_boot": 2.5}, "n_boot"),
    ],
)
def test_unknown_rules_are_named(options, argument):
    x1, x2, y = drawn_rows("AND", 100, 0)
    with pytest.raises(InputError) as caught:
        pid.estimate(x1, x2, y, **options)
    assert caught.value.argument == argument


def test_a_source_that_nearly_decides_the_label_leaves_little_bias_to_take_off():
    # X1 is related to X2 alone, so U1 = S = 0 by the Markov chain X1 - X2 - Y; raw S is all bias
    generator = np.random.default_rng(3)
    posterior, mass = np.linspace(0.02, 0.98, 12), generator.dirichlet(np.ones(12) * 5)
    pairs = (mass[:, None] * generator.dirichlet(np.ones(12) * 2, size=12)).T
    p = pairs[:, :, None] * np.stack([1 - posterior, posterior], axis=1)[None]
    raw, corrected = [], []
    for seed in range(30):
        counts = generator.multinomial(2500, p.ravel())
        cells = np.repeat(np.arange(p.size), counts)
        table = pid.decompose((counts / counts.sum()).reshape(p.shape))
        raw.append(table.synergy)
        corrected.append(assess(table, cells, p.shape, n_boot=40, seed=seed).corrected["synergy"])
    error = np.std(corrected) / np.sqrt(len(corrected))
    assert np.mean(raw) > 0.03
    assert abs(np.mean(corrected)) < 0.003 + 3 * error
