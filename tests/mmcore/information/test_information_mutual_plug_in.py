"""Mutual information from counts: closed forms, known bias, identities between corrections."""

import numpy as np
import pytest
from scipy.special import digamma

from mmcore.errors import InputError
from mmcore.information.entropy import mutual_information
from mmcore.information.mutual_information import MutualInformation, plug_in
from mmcore.information.mutual_information.corrections import CORRECTIONS, possible_symbols, quadratic_limit
from mmcore.information.mutual_information.plug_in import count_table

LN2 = np.log(2.0)
CORRECTED = [name for name in CORRECTIONS if name != "none"]


def binary_entropy(e):
    return -e * np.log2(e) - (1 - e) * np.log2(1 - e)


def channel(n, error, seed):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 2, n)
    return x, x ^ (generator.random(n) < error)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("error", [0.05, 0.2])
def test_binary_symmetric_channel(correction, error):
    """I = 1 - h(e). Ten draws of 4,000 rows: the mean is within three standard errors."""
    found = [plug_in(*channel(4_000, error, seed), correction=correction, n_draws=10).value for seed in range(10)]
    standard_error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(1 - binary_entropy(error), abs=3 * standard_error + 1e-4)


@pytest.mark.parametrize("correction", CORRECTED)
def test_independent_20_by_20_is_near_zero_on_average(correction):
    """1,800 rows in 400 cells: raw 361 / (2 N ln 2) = 0.145 bits and more; each correction leaves a fifth at most.

    Expansions in 1/N are pushed beyond their range by 4.5 rows a cell (and extrapolation by 1.1 in its quarters).
    """
    draws = []
    for seed in range(12):
        x, y = np.random.default_rng(seed).integers(0, 20, (2, 1_800))
        draws.append(plug_in(x, y, correction=correction, n_draws=8, seed=seed))
    raw = np.mean([draw.diagnostics["plug_in"] for draw in draws])
    assert raw == pytest.approx(361 / (2 * 1_800 * LN2), rel=0.15)
    near = correction in ("shuffle", "grassberger", "panzeri_treves", "miller_madow")
    assert abs(np.mean([draw.value for draw in draws])) < (0.1 * raw if near else 0.2 * raw)


@pytest.mark.parametrize("correction", [name for name in CORRECTED if name != "chao_shen"])
def test_independent_20_by_20_is_zero_with_20_rows_a_cell(correction):
    """8,000 rows: raw 0.033 bits; Chao and Shen correct for unseen symbols only, of which there are none here."""
    draws = []
    for seed in range(12):
        x, y = np.random.default_rng(seed).integers(0, 20, (2, 8_000))
        draws.append(plug_in(x, y, correction=correction, n_draws=8, seed=seed).value)
    assert np.mean(draws) == pytest.approx(0.0, abs=3 * np.std(draws, ddof=1) / np.sqrt(12) + 1e-3)


def test_miller_madow_takes_off_the_asymptotic_bias():
    counts = np.array([[30, 10, 0], [5, 20, 35]])  # |XY| = 5, |X| = 2, |Y| = 3
    x, y = np.repeat(np.argwhere(counts >= 0), counts.ravel(), axis=0).T
    expected = mutual_information(counts / 100) - (4 - 1 - 2) / (2 * 100 * LN2)
    assert plug_in(x, y, correction="miller_madow").value == pytest.approx(expected, abs=1e-12)


def test_jackknife_equals_leaving_rows_out_one_by_one():
    x, y = np.random.default_rng(0).integers(0, 4, (2, 60))
    n = len(x)
    without = [plug_in(np.delete(x, i), np.delete(y, i), correction="none").value for i in range(n)]
    expected = n * plug_in(x, y, correction="none").value - (n - 1) * np.mean(without)
    assert plug_in(x, y, correction="jackknife").value == pytest.approx(expected, abs=1e-11)


def test_extrapolation_is_exact_for_a_quadratic_in_one_over_n():
    a, b, limit, n = 3.0, 7.0, 0.4, 100.0
    at = [limit + a * part / n + b * (part / n) ** 2 for part in (1, 2, 4)]
    assert quadratic_limit(*at) == pytest.approx(limit, abs=1e-12)
    # variables that every part of the rows leaves alone keep their value
    assert plug_in([0, 1] * 40, [0, 0] * 40, correction="quadratic_extrapolation").value == pytest.approx(0, abs=1e-12)


def test_grassberger_matches_its_recursion():
    """G(1) = -gamma - ln 2, G(2) = 2 - gamma - ln 2, G(2n+1) = G(2n), G(2n+2) = G(2n) + 2/(2n+1) (Grassberger 2003)."""
    g = {1: -np.euler_gamma - LN2, 2: 2 - np.euler_gamma - LN2}
    for n in range(3, 41):
        g[n] = g[n - 1] if n % 2 else g[n - 2] + 2 / (n - 1)
    counts = np.array([[1, 2, 8], [13, 4, 12]])
    total = counts.sum()

    def entropy(n):
        return np.log(total) - sum(k * g[int(k)] for k in n) / total

    expected = (entropy(counts.sum(axis=1)) + entropy(counts.sum(axis=0)) - entropy(counts.ravel())) / LN2
    found = CORRECTIONS["grassberger"].value(counts, np.random.default_rng(0), 0)
    assert found == pytest.approx(expected, abs=1e-12)
    assert digamma(1) == pytest.approx(-np.euler_gamma)


def test_possible_symbols_lie_between_seen_and_all():
    generator = np.random.default_rng(0)
    for n in (5, 20, 200):
        counts = np.bincount(generator.integers(0, 10, n), minlength=20)
        found = possible_symbols(counts, 20)
        assert (counts > 0).sum() <= found <= 20
    # many rows on few symbols: nothing unseen is expected
    assert possible_symbols(np.array([100, 120, 0, 0]), 4) == 2


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_order_names_and_sides_do_not_matter(correction):
    x, y = np.random.default_rng(5).integers(0, 5, (2, 300))
    y = np.where(np.random.default_rng(6).random(300) < 0.5, x, y)
    reference = plug_in(x, y, correction=correction, n_draws=400).value
    drawn = correction in ("shuffle", "quadratic_extrapolation")
    tolerance = {"abs": 0.02} if drawn else {"abs": 1e-12}
    assert plug_in(y, x, correction=correction, n_draws=400).value == pytest.approx(reference, **tolerance)
    names = np.array(list("vwxyz"))[::-1]
    order = np.random.default_rng(7).permutation(300)
    assert plug_in(names[x][order], y[order], correction=correction, n_draws=400).value == pytest.approx(
        reference, **tolerance
    )


def test_columns_join_into_symbols():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10)
    assert plug_in(x, x[:, 0] ^ x[:, 1], correction="none").value == pytest.approx(1.0)
    assert count_table(x, x[:, 0]).shape == (4, 2)


def test_null_is_uniform_under_independence_and_small_under_dependence():
    p_values = []
    for seed in range(200):
        x, y = np.random.default_rng(seed).integers(0, 3, (2, 60))
        p_values.append(plug_in(x, y, n_null=39, seed=seed).diagnostics["p_value"])
    assert np.mean(np.array(p_values) <= 0.05) <= 0.1
    assert 0.4 < np.mean(p_values) < 0.6
    assert plug_in(*channel(100, 0.05, 0), n_null=199).diagnostics["p_value"] == 1 / 200


def test_interval_covers():
    """Nominal 95 %, 150 draws: at least 91 % (three standard errors below would be 89.7 %)."""
    truth, hits = 1 - binary_entropy(0.15), 0
    for seed in range(150):
        low, high = plug_in(*channel(300, 0.15, seed), n_boot=150, seed=seed).interval
        hits += low <= truth <= high
    assert hits / 150 >= 0.91


def test_result_is_deterministic_and_survives_the_way_to_json():
    x, y = channel(200, 0.1, 0)
    first, again = (plug_in(x, y, correction="shuffle", n_boot=20, n_null=20, seed=9) for _ in range(2))
    assert first == again
    assert MutualInformation.from_dict(first.to_dict()) == first
    assert "bits" in repr(first) and "\n" not in repr(first)
    with pytest.raises(InputError):
        MutualInformation.from_dict({"value": 1.0})


@pytest.mark.parametrize(
    ("x", "y", "argument"),
    [
        ([0.5, 1.5], [0, 1], "x"),
        ([0, 1], [0, 1, 1], "y"),
        ([0, 1], [None, 1], "y"),
        ([0.0, np.nan], [0, 1], "x"),
        ([], [], "x"),
    ],
)
def test_bad_input_names_the_argument(x, y, argument):
    with pytest.raises(InputError) as caught:
        plug_in(x, y)
    assert caught.value.argument == argument


def test_unknown_correction_names_the_nearest():
    with pytest.raises(InputError) as caught:
        plug_in([0, 1], [0, 1], correction="miller")
    assert "miller_madow" in caught.value.allowed
    with pytest.raises(InputError):
        plug_in([0, 1] * 3, [0, 1] * 3, correction="quadratic_extrapolation")
