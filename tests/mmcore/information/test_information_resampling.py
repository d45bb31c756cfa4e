"""Nulls, p, corrections and refusals that all estimators from rows share."""

import pickle

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.resampling import permuted_labels
from mmcore.information.samples import TooFewRows


def test_labels_within_groups_keep_each_groups_frequencies():
    generator = np.random.default_rng(0)
    groups, labels = np.repeat(np.arange(8), 9), generator.integers(0, 3, 72)
    kept = np.bincount(groups * 3 + labels, minlength=24)
    drawn = list(permuted_labels(labels, groups, 10, seed=0))
    for permuted in drawn:
        np.testing.assert_array_equal(np.bincount(groups * 3 + permuted, minlength=24), kept)
    assert any((permuted != labels).any() for permuted in drawn)


def test_one_label_a_group_is_permuted_over_whole_groups():
    groups = np.repeat(np.arange(12), np.arange(1, 13))  # groups of different sizes
    of_group = np.arange(12) % 3
    for permuted in permuted_labels(of_group[groups], groups, 10, seed=1):
        assert all(len(set(permuted[groups == group])) == 1 for group in range(12))
        first = permuted[np.unique(groups, return_index=True)[1]]
        assert sorted(first) == sorted(of_group)


def test_groups_of_one_row_are_rows():
    labels = np.arange(30) % 2
    seen = {tuple(drawn) for drawn in permuted_labels(labels, np.arange(30), 20, seed=2)}
    assert len(seen) > 15


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("clusters", {"clusters": 3}),
        ("posteriors", {"classifier": "logistic"}),
        ("neighbours", {}),
        ("gaussian", {}),
    ],
)
def test_a_label_a_person_leaves_a_null(method, options):
    # 40 people of one label each: permuting within people moves nothing, so every null would equal the observation
    generator = np.random.default_rng(3)
    person = np.repeat(np.arange(40), 12)
    y = generator.permutation(np.arange(40) % 2)[person]
    x1, x2 = (y + 0.5 * generator.normal(size=480) for _ in range(2))
    found = pid.estimate(x1, x2, y, method=method, groups=person, n_null=19, seed=0, **options)
    null = np.array(found.null["redundancy"])
    assert np.ptp(null) > 0
    assert null.max() < 0.5 * found.redundancy
    assert found.diagnostics["p_values"]["redundancy"] == pytest.approx(1 / 20)


@pytest.mark.parametrize(
    ("method", "options"), [("posteriors", {"classifier": "logistic"}), ("neighbours", {}), ("gaussian", {})]
)
def test_p_values_count_the_null(method, options):
    generator = np.random.default_rng(4)
    x1, x2 = generator.normal(size=(2, 300))
    y = (x1 + generator.normal(size=300) > 0).astype(int)
    found = pid.estimate(x1, x2, y, method=method, n_null=29, seed=1, **options)
    assert found.diagnostics["p_values"]["unique1"] <= 2 / 30
    for name, value in found.diagnostics["p_values"].items():
        assert value == pytest.approx((1 + sum(v >= getattr(found, name) - 1e-12 for v in found.null[name])) / 30)
    assert "p_values" not in pid.estimate(x1, x2, y, method=method, seed=1, **options).diagnostics


def test_a_p_value_of_the_couplings():
    generator = np.random.default_rng(5)
    x1, x2 = generator.integers(0, 2, (2, 200))
    options = {"n_seeds": 1, "epochs": 2, "min_steps": 60, "coupling_epochs": 0, "max_support": 4}
    found = pid.estimate(x1, x2, x1 ^ x2, method="batch", n_null=2, **options)
    assert found.diagnostics["p_values"]["synergy"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("clusters", {"clusters": 3}),
        ("posteriors", {"classifier": "logistic"}),
        ("neighbours", {}),
        ("gaussian", {}),
        ("gaussian", {"ridge": 0.1}),
        ("batch", {"n_seeds": 2, "epochs": 2, "min_steps": 60, "coupling_epochs": 0, "max_support": 16}),
    ],
)
def test_every_estimate_is_corrected_without_being_asked(method, options):
    generator = np.random.default_rng(6)
    x1, x2 = generator.normal(size=(2, 240))
    y = (x1 + x2 > 0).astype(int)
    found = pid.estimate(x1, x2, y, method=method, seed=2, **options)
    assert found.interval is None and found.null is None
    assert found.corrected != found.atoms
    assert all(abs(found.corrected[name] - value) < 0.1 for name, value in found.atoms.items())
    assert found == pid.estimate(x1, x2, y, method=method, seed=2, **options)


@pytest.mark.parametrize(
    ("method", "options", "columns"),
    [
        ("clusters", {"clusters": 3}, 1),
        ("posteriors", {"classifier": "logistic"}, 1),
        ("gaussian", {"ridge": 0.5}, 4),
    ],
)
def test_what_nothing_tells_is_nearer_nothing_once_corrected(method, options, columns):
    # unrelated labels: all that is found is bias ("neighbours" counts no cells, and has none of this kind)
    raw, better = [], []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        x1, x2 = generator.normal(size=(2, 150, columns))
        y = generator.permutation(np.arange(150) % 2)
        found = pid.estimate(x1, x2, y, method=method, seed=seed, **options)
        raw.append(found.synergy)
        better.append(found.corrected["synergy"])
    assert abs(np.mean(better)) < 0.6 * abs(np.mean(raw))


def test_raw_atoms_stay_where_no_correction_is_wanted():
    x1, x2 = np.random.default_rng(7).integers(0, 3, (2, 200))
    found = pid.estimate(x1, x2, (x1 + x2) % 2, correction="none")
    assert found.corrected == found.atoms


def _rows(n, columns):
    generator = np.random.default_rng(8)
    return generator.normal(size=(n, columns)), generator.normal(size=(n, columns)), np.arange(n) % 2


@pytest.mark.parametrize(
    ("method", "n", "columns", "options"),
    [
        ("clusters", 40, 1, {"clusters": 8}),  # fewer rows than cells
        ("clusters", 60, 1, {"clusters": 5, "max_bias_share": 0.2}),  # more bias than the label holds
        ("posteriors", 12, 2, {}),
        ("neighbours", 12, 2, {}),
        ("batch", 8, 2, {}),
        ("gaussian", 18, 5, {}),  # 11 columns
    ],
)
def test_too_few_rows_have_an_error_of_their_own(method, n, columns, options):
    with pytest.raises(TooFewRows) as caught:
        pid.estimate(*_rows(n, columns), method=method, **options)
    assert isinstance(caught.value, InputError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is TooFewRows and str(again) == str(caught.value)
    assert str(n) in caught.value.received or str(n // 2) in caught.value.received  # rows, or rows of a class
    assert caught.value.remedy.startswith("Collect")


def test_two_rows_a_column_are_enough_for_a_covariance_or_a_ridge():
    assert pid.estimate(*_rows(22, 5), method="gaussian").status == "estimated"
    assert pid.estimate(*_rows(18, 5), method="gaussian", ridge=0.1).status == "estimated"
    with pytest.raises(TooFewRows, match=r"21 rows for 5 \+ 5 \+ 1 columns.*at least 22 rows"):
        pid.estimate(*_rows(21, 5), method="gaussian")


def test_one_row_of_a_class_is_too_few():
    x1, x2, y = _rows(60, 2)
    y[0] = 2
    for method in ("posteriors", "neighbours", "batch"):
        with pytest.raises(TooFewRows):
            pid.estimate(x1, x2, y, method=method)
