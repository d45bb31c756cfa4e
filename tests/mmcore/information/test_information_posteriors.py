"""Posteriors: worlds whose posterior is known in closed form, gates, calibration, folds, uncertainty, refusals."""

import json

import numpy as np
import pytest
from scipy.special import entr, expit, logsumexp
from scipy.stats import norm
from worlds import WORLDS, planted, sample

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.posteriors import crossfit
from mmcore.information.posteriors.calibration import CALIBRATIONS, expected_calibration_error, log_loss
from mmcore.information.posteriors.symbols import (
    View,
    choose_symbols,
    cluster_symbols,
    quantile_symbols,
    table_of,
    view_of,
)
from mmcore.information.posteriors.tables import decompose_tables, tables_of

ATOMS = pid.ATOMS


def estimate(x1, x2, y, **options):
    return pid.estimate(x1, x2, y, method="posteriors", **options)


def gaussian_atoms(mu1, mu2, n_bins=400):
    """X_k given y is N(+-mu_k, 1), independent given y: exact atoms of 400 x 400 bins, and of X1, X2 by integration."""
    edges = np.r_[-np.inf, np.linspace(-7.0, 7.0, n_bins - 1), np.inf]
    first, second = (np.stack([np.diff(norm.cdf(edges, s * mu)) for s in (-1, 1)], axis=1) for mu in (mu1, mu2))
    return pid.decompose(0.5 * first[:, None, :] * second[None, :, :])


def gaussian_information(mu):
    """I(X;Y) in bits of X = N(+-mu, 1) by numerical integration of the closed-form posterior."""
    x = np.linspace(-mu - 9.0, mu + 9.0, 20_001)
    p = expit(2.0 * mu * x)
    entropy = (entr(p) + entr(1.0 - p)) / np.log(2.0)
    return 1.0 - np.trapezoid(entropy * 0.5 * (norm.pdf(x, mu) + norm.pdf(x, -mu)), x)


def gaussians(n, mu1, mu2, seed, columns=1):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    x1, x2 = generator.normal(size=(2, n, columns))
    x1[:, 0] += (2 * y - 1) * mu1
    x2[:, 0] += (2 * y - 1) * mu2
    return x1, x2, y


def test_the_truth_itself_by_two_methods():
    atoms = gaussian_atoms(1.0, 0.5)
    assert atoms.information1 == pytest.approx(gaussian_information(1.0), abs=1e-4)
    assert atoms.information2 == pytest.approx(gaussian_information(0.5), abs=1e-4)
    assert atoms.total == pytest.approx(gaussian_information(np.hypot(1.0, 0.5)), abs=1e-3)  # along the line of means


@pytest.mark.parametrize(("mu1", "mu2", "table"), [(1.0, 0.5, "counted"), (1.0, 0.5, "trusted"), (0.6, 0.6, "counted")])
def test_gaussian_classes_have_their_atoms(mu1, mu2, table):
    truth, found = gaussian_atoms(mu1, mu2), []
    for seed in range(2):
        rows = gaussians(6000, mu1, mu2, seed, columns=3)
        found.append(list(estimate(*rows, classifier="logistic", table=table, seed=seed).atoms.values()))
    # standard error of an information of 6,000 rows: about 0.01 bits each, so 0.007 of their mean
    assert np.mean(found, axis=0) == pytest.approx(list(truth.atoms.values()), abs=0.025)


def test_posteriors_are_those_of_bayes():
    x1, x2, y = gaussians(4000, 1.0, 0.5, 0)
    folds = crossfit.outer_folds(y, None, 5, seed=0)
    plan = crossfit.Plan("logistic")
    (fitted,) = crossfit.cross_fit((x1, x2), ((0, 1),), y, 2, None, folds, plan, seed=0)
    bayes = expit(2.0 * x1[:, 0] + 1.0 * x2[:, 0])
    assert np.abs(fitted.posteriors[:, 1] - bayes).mean() < 0.02
    assert fitted.posteriors.sum(axis=1) == pytest.approx(1.0)
    assert fitted.calibration_error < 0.03
    assert fitted.log_loss == pytest.approx(log_loss(np.stack([1 - bayes, bayes], axis=1), y), abs=0.01)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_symbols_are_decomposed_as_their_table(world):
    x1, x2, y = sample(world.p, 4000, 0)
    found = estimate(x1, x2, y)
    counts = np.zeros(world.p.shape)
    np.add.at(counts, (x1, x2, y), 1.0 / 4000)
    assert found.atoms == pytest.approx(pid.decompose(counts).atoms, abs=1e-8)
    noise = 0.03 if world.name.startswith("NOISY") else 0.02  # standard error of I of a noisy bit: 0.015
    assert found.atoms == pytest.approx(world.atoms, abs=noise)
    assert set(found.diagnostics["classifiers"].values()) == {"distinct rows"}


def test_signs_of_continuous_features_need_a_classifier_that_sees_interactions():
    x1, x2 = np.random.default_rng(0).normal(size=(2, 2500, 2))
    y = (x1[:, 0] > 0) ^ (x2[:, 0] > 0)
    found = estimate(x1, x2, y, classifier="boosting", n_folds=3)
    assert found.synergy > 0.9
    assert abs(found.redundancy) + abs(found.unique1) + abs(found.unique2) < 0.02
    assert estimate(x1, x2, y, classifier="logistic", n_folds=3).synergy < 0.1
    both = np.hstack([x1, x2])[:600]
    _, name = crossfit.fit_posteriors(both, y[:600].astype(np.int64), 2, None, crossfit.Plan("auto"), seed=0)
    assert name in ("boosting", "forest")


def test_duplicated_features_are_redundant():
    x1, _, y = gaussians(4000, 1.0, 1.0, 0, columns=2)
    found = estimate(x1, x1 * 5.0 - 2.0, y, classifier="logistic")
    assert found.redundancy == pytest.approx(gaussian_information(1.0), abs=0.04)
    assert max(abs(found.unique1), abs(found.unique2), abs(found.synergy)) < 0.012


def test_unrelated_sources_tell_nothing():
    generator = np.random.default_rng(0)
    x1, x2, y = generator.normal(size=(1800, 4)), generator.normal(size=(1800, 4)), generator.integers(0, 2, 1800)
    found = estimate(x1, x2, y, classifier="logistic")
    # 12 bins: (12 - 1) / (2 N ln 2) = 0.0044 bits for each information; 20 x 20 clusters would make a synergy of 0.18
    assert max(abs(value) for value in found.atoms.values()) < 0.01
    assert found.atoms == pytest.approx(dict.fromkeys(ATOMS, 0.0), abs=0.01)


def test_four_labels_where_one_source_is_a_noisier_other():
    """x2 carries the same means at half the scale, so it is a degraded x1: U2 = 0, R = I2, S = I12 - I1."""
    generator, means = np.random.default_rng(0), np.eye(4)

    def rows(n):
        y = generator.integers(0, 4, n)
        return 2 * means[y] + generator.normal(size=(n, 4)), means[y] + generator.normal(size=(n, 4)), y

    def information(x, centres):
        logits = x @ centres.T - 0.5 * (centres**2).sum(axis=1)
        p = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
        return 2.0 + np.where(p > 0, p * np.log2(np.maximum(p, 1e-300)), 0.0).sum(axis=1).mean()

    x1, x2, _ = rows(100_000)
    one, two = information(x1, 2 * means), information(x2, means)
    both = information(np.hstack([x1, x2]), np.hstack([2 * means, means]))
    found = estimate(*rows(4000), classifier="logistic", tol=1e-6)
    assert list(found.atoms.values()) == pytest.approx([two, one - two, 0.0, both - one], abs=0.04)
    assert found.gap <= 1e-6


def test_sums_hold_and_the_union_is_certified():
    x1, x2, y = gaussians(900, 0.7, 0.4, 1)
    found = estimate(x1, x2, y, classifier="logistic")
    assert found.status == "estimated"
    assert found.method == "posteriors"
    assert found.redundancy + found.unique1 + found.unique2 == pytest.approx(found.union_upper, abs=1e-12)
    assert found.gap == found.union_upper - found.union_lower <= 1e-9
    assert min(found.unique1, found.unique2) >= -found.gap
    swapped = estimate(x2, x1, y, classifier="logistic")
    assert swapped.unique1 == pytest.approx(found.unique2, abs=0.01)


def test_wide_sources_are_projected():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 400)
    x1 = generator.normal(size=(400, 300)) + 0.5 * (2 * y[:, None] - 1)
    found = estimate(x1, generator.normal(size=(400, 200)), y, classifier="logistic", components=5)
    assert found.information1 > 0.85
    assert found.information2 < 0.1


def test_projection_is_standardised_and_leaves_constant_columns_out():
    x = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 50.0, 0.0] + 7.0
    z = crossfit.fit_projection(x, 10, seed=0)(x)
    assert z.shape == (200, 2)
    assert z.mean(axis=0) == pytest.approx(0.0, abs=1e-12)
    assert z.std(axis=0) == pytest.approx(1.0)


def test_a_row_never_meets_a_classifier_that_saw_it_or_its_group(monkeypatch):
    x1, x2, y = gaussians(300, 1.0, 1.0, 0)
    groups = np.random.default_rng(0).integers(0, 20, 300)
    seen = []
    fit = crossfit.fit_posteriors

    def spy(z, labels, n_classes, group, plan, *, seed):
        seen.append(set(group.tolist()))
        return fit(z, labels, n_classes, group, plan, seed=seed)

    monkeypatch.setattr(crossfit, "fit_posteriors", spy)
    folds = crossfit.outer_folds(y, groups, 4, seed=0)
    crossfit.cross_fit((x1, x2), ((0,),), y, 2, groups, folds, crossfit.Plan("logistic"), seed=0)
    assert len(seen) == 4
    for fold, trained in enumerate(seen):
        assert not trained & set(groups[folds == fold].tolist())


def test_groups_keep_identity_from_passing_for_information():
    """Each person has one label and a place of its own: rows tell the person, and nothing of another person's label."""
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 10)
    y = generator.permutation(np.arange(30) % 2)[person]
    x = (generator.normal(size=(30, 4)) * 8.0)[person] + generator.normal(size=(300, 4))
    loss = {}
    for groups in (None, person):
        folds = crossfit.outer_folds(y, groups, 3, seed=0)
        plan = crossfit.Plan("forest")
        loss[groups is None] = crossfit.cross_fit((x,), ((0,),), y, 2, groups, folds, plan, seed=0)[0].log_loss
    assert loss[True] < 0.2
    assert loss[False] > 0.6  # ln 2 = 0.69 is what knowing nothing costs


@pytest.mark.parametrize("calibration", [c for c in CALIBRATIONS if c.name != "none"], ids=lambda c: c.name)
@pytest.mark.parametrize("power", [0.3, 3.0])
def test_calibration_undoes_false_confidence(calibration, power):
    generator = np.random.default_rng(0)
    p = generator.uniform(0.02, 0.98, 20_000)
    y = (generator.random(20_000) < p).astype(np.int64)
    q = p**power / (p**power + (1 - p) ** power)
    wrong = np.stack([1 - q, q], axis=1)
    fitted = calibration.fit(wrong[:10_000], y[:10_000])(wrong[10_000:])
    assert expected_calibration_error(wrong[10_000:], y[10_000:]) > 0.08
    assert expected_calibration_error(fitted, y[10_000:]) < 0.03
    assert np.abs(fitted[:, 1] - p[10_000:]).mean() < 0.03
    assert fitted.sum(axis=1) == pytest.approx(1.0)


def test_false_confidence_adds_to_trusted_tables_and_not_to_counted_ones():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 4000)
    p = np.clip(generator.uniform(0.0, 1.0, 4000) > 0.5, 0.001, 0.999)  # sure of a coin
    posteriors = np.stack([1 - p, p], axis=1)
    information = {}
    for trust in (False, True):
        view = view_of(posteriors, 16, trust=trust)
        information[trust] = decompose_tables([tables_of((view, view, view), y, 2)])[0].information1
    assert information[False] < 0.01
    assert information[True] > 0.9


@pytest.mark.parametrize("labels", [2, 4])
def test_trusted_tables_have_the_rows_and_labels_of_the_sample(labels):
    generator = np.random.default_rng(0)
    posteriors = generator.dirichlet(np.ones(labels), 500)
    y = generator.integers(0, labels, 500)
    view = view_of(posteriors, 20, trust=True)
    table = table_of(view, y, labels)
    assert table.sum(axis=0) == pytest.approx(np.bincount(y) / 500, abs=1e-12)
    assert table.sum(axis=1) == pytest.approx(np.bincount(view.symbols) / 500, abs=1e-9)


def test_symbols_by_hand():
    assert quantile_symbols(np.arange(12.0), 4).tolist() == np.repeat(np.arange(4), 3).tolist()
    assert quantile_symbols(np.zeros(5), 4).tolist() == [0] * 5
    assert [choose_symbols(n, 2) for n in (64, 1000, 10**9)] == [4, 10, 40]
    corners = np.repeat(np.eye(3), 5, axis=0) * 0.94 + 0.02
    blurred = np.random.default_rng(0).dirichlet([1, 1, 1], 15) * 0.05 + corners * 0.95
    assert len({tuple(cluster_symbols(blurred, 3, seed=s)[[0, 5, 10]].tolist()) for s in range(3)}) >= 1
    symbols = cluster_symbols(blurred, 3, seed=0)
    assert all(len(set(symbols[k : k + 5].tolist())) == 1 for k in (0, 5, 10)) and len(set(symbols.tolist())) == 3


def test_a_garbling_of_posteriors_never_adds_information():
    """Bins are functions of the source: merging them loses, for each source and for the union."""
    x1, x2, y = gaussians(4000, 1.0, 0.7, 0)
    fine = [View(quantile_symbols(x[:, 0], 32), 32) for x in (x1, x2, x1 + x2)]
    coarse = [View(view.symbols // 4, 8) for view in fine]
    many, few = (decompose_tables([tables_of(views, y, 2)])[0] for views in (fine, coarse))
    assert few.information1 < many.information1
    assert few.information2 < many.information2
    assert few.union_upper < many.union_upper


def test_negative_synergy_is_reported_as_it_is():
    one, less = np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([[0.3, 0.2], [0.2, 0.3]])
    found = decompose_tables([(one, one, less)])[0]
    assert found.synergy == pytest.approx(-(0.6 * np.log2(0.6) * -1 + 0.4 * np.log2(0.4) * -1))  # h(.4) - 1 bit less
    assert found.redundancy == pytest.approx(1.0)


def test_resamples_and_permutations():
    x1, x2, y = gaussians(600, 1.0, 0.3, 0)
    options = {"classifier": "logistic", "n_boot": 60, "n_null": 40, "seed": 3}
    found = estimate(x1, x2, y, **options)
    assert found.to_dict() == estimate(x1, x2, y, **options).to_dict()
    assert pid.PID.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    for name in ATOMS:
        low, high = found.interval[name]
        assert low <= found.corrected[name] <= high
        assert len(found.null[name]) == 40
    assert found.unique1 > max(found.null["unique1"])
    assert sum(found.corrected.values()) < found.total  # counting adds: the correction takes away
    assert found.diagnostics["held_fixed"]
    assert estimate(x1, x2, y, **{**options, "seed": 4}).interval != found.interval


def test_intervals_hold_the_truth():
    truth, inside = gaussian_atoms(1.0, 0.3), dict.fromkeys(ATOMS, 0)
    for seed in range(8):
        found = estimate(*gaussians(600, 1.0, 0.3, seed), classifier="logistic", n_folds=2, n_boot=60, seed=seed)
        for name in ATOMS:
            low, high = found.interval[name]
            inside[name] += low <= truth.atoms[name] <= high
    assert min(inside.values()) >= 5  # of 8 at nominal 95 %: fewer has probability 0.0004
    assert sum(inside.values()) >= 26


def test_the_null_can_fit_everything_again():
    x1, x2, y = gaussians(200, 1.0, 0.3, 0)
    options = {"classifier": "logistic", "calibration": "none", "n_folds": 2, "n_null": 4}
    fixed, again = (estimate(x1, x2, y, null=null, **options) for null in ("symbols", "refit"))
    assert fixed.atoms == again.atoms
    assert fixed.null != again.null
    assert max(again.null["unique1"]) < again.unique1
    assert "fitted again" in again.diagnostics["null"]


def test_groups_are_resampled_whole():
    x1, x2, y = gaussians(400, 1.0, 0.5, 0)
    options = {"classifier": "logistic", "n_boot": 60}
    rows = estimate(x1, x2, y, **options).interval["unique1"]
    groups = estimate(x1, x2, y, groups=np.arange(400) // 100 * 2 + y, **options)  # eight groups of one label each
    assert groups.diagnostics["n_groups"] == 8
    assert groups.interval["unique1"] != rows


def test_a_continuous_label_is_binned():
    x1, x2, _ = gaussians(800, 0.0, 0.0, 0)
    found = estimate(x1, x2, x1[:, 0] + 0.1 * x2[:, 0], label_bins=2, classifier="logistic")
    assert len(found.diagnostics["label_edges"]) == 1
    assert found.unique1 > 0.6


def test_one_discrete_source_beside_a_continuous_one():
    generator = np.random.default_rng(0)
    x1 = generator.integers(0, 2, 2000)
    x2 = generator.normal(size=2000)
    found = estimate(x1, x2, x1 ^ (x2 > 0), classifier="boosting", n_folds=3)
    assert found.synergy > 0.93
    assert found.diagnostics["classifiers"]["x1"] == "distinct rows"
    assert found.diagnostics["classifiers"]["both"] == ["boosting"] * 3


@pytest.mark.slow
def test_planted_symbols_under_noise_are_recovered():
    world = planted()
    i, j, y = sample(world.p, 6000, 0)
    generator = np.random.default_rng(0)
    corners = np.array([[0.0, 0.0], [0.0, 6.0], [6.0, 0.0], [6.0, 6.0]])
    x1, x2 = corners[i] + generator.normal(size=(6000, 2)), corners[j] + generator.normal(size=(6000, 2))
    found = estimate(x1, x2, y, tol=1e-6)
    assert found.atoms == pytest.approx(world.atoms, abs=0.08)


@pytest.mark.slow
def test_five_thousand_rows_of_fifty_columns_take_seconds():
    import time

    x1, x2 = np.random.default_rng(0).normal(size=(2, 5000, 50))
    y = x1[:, 0] * x2[:, 0] + x1[:, 1] > 0
    start = time.process_time()
    found = estimate(x1, x2, y)
    assert time.process_time() - start < 10.0
    assert found.synergy > 0.1


X1, X2, Y = gaussians(120, 1.0, 1.0, 0)


@pytest.mark.parametrize(
    ("options", "argument", "words"),
    [
        ({"classifier": "boostin"}, "classifier", "boostin"),
        ({"calibration": "isotonik"}, "calibration", "isotonik"),
        ({"table": "count"}, "table", "count"),
        ({"null": "refits"}, "null", "refits"),
        ({"n_fold": 3}, "option of method 'posteriors'", "n_fold"),
        ({"n_folds": 1}, "n_folds", "1"),
        ({"symbols": 1}, "symbols", "1"),
        ({"label_bins": 1}, "label_bins", "1"),
        ({"level": 95}, "level", "95"),
        ({"tol": 0.0}, "tol", "0.0"),
        ({"rows_per_cell": 0}, "rows_per_cell", "0"),
        ({"n_boot": 1}, "n_boot", "1"),
        ({"n_null": -1}, "n_null", "-1"),
        ({"groups": np.zeros(120)}, "groups", "1 group"),
        ({"y": np.r_[2, Y[1:]]}, "y", "a class of 1 row"),
        ({"y": np.zeros(120, int)}, "y", "one class"),
        ({"x1": np.where(X1 > 2, np.nan, X1)}, "x1", "non-finite"),
        ({"y": np.arange(120) % 15}, "x1, x2, y", "120 rows of 15 classes"),
    ],
)
def test_what_cannot_be_used_is_named(options, argument, words):
    rows = {"x1": X1, "x2": X2, "y": Y, **options}
    with pytest.raises(InputError) as caught:
        estimate(**rows)
    assert caught.value.argument == argument
    assert words in caught.value.received
    assert caught.value.remedy


def test_the_nearest_name_is_offered():
    with pytest.raises(InputError, match="Did you mean 'boosting'"):
        estimate(X1, X2, Y, classifier="boostin")
