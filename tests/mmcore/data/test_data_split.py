"""Splits and folds: shares, strata, whole groups, nothing empty, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.data.split import fold_rows, split_rows, strata
from mmcore.errors import InputError

PARTS = ("train", "valid", "test")


def counts(parts, rows=slice(None)):
    return [int((parts[rows] == p).sum()) for p in PARTS]


def test_shares_are_exact_in_every_class():
    labels = np.repeat([0, 1, 2], [1000, 100, 20])
    parts = split_rows(labels, seed=0)
    assert counts(parts) == [784, 168, 168]
    for label, n in enumerate([1000, 100, 20]):
        assert counts(parts, labels == label) == [0.7 * n, 0.15 * n, 0.15 * n]


def test_leftovers_keep_the_total_right():
    labels = np.arange(300) // 3
    parts = split_rows(labels, seed=0)
    assert counts(parts) == [210, 45, 45]
    assert all((parts[labels == k] == "train").any() for k in range(100))


def test_a_class_of_one_row_is_in_train():
    labels = np.r_[np.zeros(40, int), np.arange(1, 11)]
    for seed in range(10):
        assert (split_rows(labels, seed=seed)[40:] == "train").all()


def test_the_order_of_rows_is_not_the_split():
    parts = split_rows(np.zeros(1000, int), seed=0)
    assert (parts[:700] == "train").sum() < 600
    assert not np.array_equal(parts, split_rows(np.zeros(1000, int), seed=1))
    assert np.array_equal(parts, split_rows(np.zeros(1000, int), seed=0))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_groups=st.integers(3, 40),
    n_classes=st.integers(1, 4),
    n=st.integers(40, 200),
    n_folds=st.integers(2, 5),
)
def test_no_group_lies_in_two_parts_and_none_is_empty(seed, n_groups, n_classes, n, n_folds):
    rng = np.random.default_rng(seed)
    groups = np.r_[np.arange(n_groups), rng.integers(0, n_groups, n - min(n, n_groups))][:n]
    labels = rng.integers(-1, n_classes, n)
    parts = split_rows(labels, groups=groups, seed=seed)
    assert all(len(set(parts[groups == g])) == 1 for g in np.unique(groups))
    assert set(parts) == set(PARTS)
    for label in np.unique(labels[labels >= 0]):
        where = parts[labels == label]
        lonely = [p for p in PARTS[1:] if len(set(groups[parts == p])) == 1]
        assert "train" in where or set(where) <= set(lonely), "a class is kept from train only where a part would empty"
    if n_groups >= n_folds:
        folds = fold_rows(labels, groups=groups, n_folds=n_folds, seed=seed)
        assert all(len(set(folds[groups == g])) == 1 for g in np.unique(groups))
        assert set(folds) == set(range(n_folds))


def test_grouped_shares_and_strata_are_close():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4000)
    labels = (rng.random(4000) < np.linspace(0.1, 0.9, 200)[groups]).astype(int)
    parts = split_rows(labels, groups=groups, seed=0)
    np.testing.assert_allclose(np.array(counts(parts)) / 4000, [0.7, 0.15, 0.15], atol=0.01)
    for part in PARTS:
        assert abs(labels[parts == part].mean() - labels.mean()) < 0.02
    folds = fold_rows(labels, groups=groups, n_folds=5, seed=0)
    assert np.ptp(np.bincount(folds)) < 40
    assert np.ptp([labels[folds == k].mean() for k in range(5)]) < 0.03


def test_grouped_dealing_is_as_even_as_that_of_scikit_learn():
    from sklearn.model_selection import StratifiedGroupKFold

    def spread(folds):
        table = np.array([np.bincount(labels[folds == k], minlength=3) for k in range(5)])
        return np.abs(table / table.sum(axis=0) - 0.2).mean()

    rng = np.random.default_rng(3)
    groups = rng.integers(0, 60, 900)
    labels = rng.integers(0, 3, 60)[groups]
    theirs = np.empty(900, int)
    for k, (_, test) in enumerate(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(labels, labels, groups)):
        theirs[test] = k
    assert spread(fold_rows(labels, groups=groups, n_folds=5, seed=0)) <= spread(theirs) + 0.01


def test_folds_are_even_in_every_class():
    labels = np.repeat([0, 1], [53, 22])
    folds = fold_rows(labels, n_folds=5, seed=0)
    assert sorted(np.bincount(folds)) == [15] * 5
    for label in (0, 1):
        assert np.ptp(np.bincount(folds[labels == label])) <= 1


def test_ten_people_five_folds_two_each():
    people = np.repeat(np.arange(10), 30)
    folds = fold_rows(np.tile(np.arange(3), 100), groups=people, n_folds=5, seed=0)
    assert [len(set(people[folds == k])) for k in range(5)] == [2] * 5


def test_regressions_are_split_by_quantile():
    y = np.exp(np.random.default_rng(0).normal(size=1000))
    y[:100] = np.nan
    parts = split_rows(y, seed=0)
    assert counts(parts) == [700, 150, 150]
    assert counts(parts, slice(0, 100)) == [70, 15, 15]
    medians = [np.nanmedian(y[parts == p]) for p in PARTS]
    assert np.ptp(medians) < 0.1
    assert np.bincount(strata(y, 1000)[100:]).tolist() == [90] * 10


def test_multilabel_rows_are_split_by_their_rarest_label():
    rng = np.random.default_rng(0)
    y = (rng.random((2000, 4)) < [0.5, 0.3, 0.05, 0.01]).astype(float)
    y[:40] = np.nan
    parts = split_rows(y, seed=0)
    for k, tolerance in zip(range(4), (0.05, 0.05, 0.02, 0.06), strict=True):
        positive = np.nan_to_num(y[:, k]) > 0
        np.testing.assert_allclose(
            np.array(counts(parts, positive)) / positive.sum(), [0.7, 0.15, 0.15], atol=tolerance
        )
    assert counts(parts, slice(0, 40)) == [28, 6, 6]
    assert strata(np.array([[1, 1], [1, 0], [0, 0], [np.nan, np.nan]]), 4).tolist() == [1, 0, 2, -1]


def test_names_and_codes_split_alike():
    codes = np.random.default_rng(0).integers(0, 3, 90)
    names = np.array(["a", "b", "c"])[codes]
    assert np.array_equal(split_rows(codes, seed=4), split_rows(names, seed=4))


def test_no_labels_need_only_a_size():
    assert counts(split_rows(None, n_rows=100, seed=0)) == [70, 15, 15]
    assert counts(split_rows(None, n_rows=1, seed=0)) == [1, 0, 0]
    assert counts(split_rows(None, n_rows=3, seed=0)) == [1, 1, 1]
    assert counts(split_rows(np.zeros(10), fractions=(0.8, 0.2, 0), seed=0)) == [8, 2, 0]


@pytest.mark.parametrize(
    ("call", "argument", "received"),
    [
        (lambda: fold_rows(np.zeros(9), groups=[0, 1, 2] * 3, n_folds=5, seed=0), "n_folds", "5 folds of 3 groups"),
        (lambda: fold_rows(np.zeros(3), n_folds=5, seed=0), "n_folds", "5 folds of 3 rows"),
        (lambda: fold_rows(np.zeros(3), n_folds=1, seed=0), "n_folds", "1"),
        (lambda: split_rows(np.zeros(9), groups=[0, 1, 1] * 3, seed=0), "groups", "2 groups"),
        (lambda: split_rows(np.zeros(9), groups=[0, 1, 2], seed=0), "groups", "'groups': 3"),
        (lambda: split_rows(np.zeros(9), fractions=(0.7, 0.2, 0.2), seed=0), "fractions", "(0.7, 0.2, 0.2)"),
        (lambda: split_rows(None, seed=0), "n_rows", "None"),
        (lambda: split_rows(np.zeros(0), seed=0), "labels", "0 rows"),
    ],
)
def test_what_cannot_be_split_is_named(call, argument, received):
    with pytest.raises(InputError) as error:
        call()
    assert error.value.argument == argument
    assert received in error.value.received
