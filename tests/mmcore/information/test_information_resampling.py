"""Permutations by group: what they keep, and that a label a person still gives a null."""

import numpy as np
import pytest

from mmcore.information import pid
from mmcore.information.resampling import permuted_labels


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
