"""Rows: planted worlds recovered, clusters, folds, intervals, nulls, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from worlds import WORLDS, gate, planted, planted_shared, sample, through, vectors

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.clusters import Options, choose_clusters
from mmcore.information.discretise import cross_fit, fit, fold_units
from mmcore.information.interval import corrected, interval, resampled_counts
from mmcore.information.samples import check_samples, features

ATOMS = pid.ATOMS


def rows(world, n, seed):
    i, j, y = sample(world.p, n, seed)
    return vectors(i, world.p.shape[0], 1), vectors(j, world.p.shape[1], 2), y


def test_planted_worlds_are_recovered():
    for world in (planted(), planted_shared()):
        inside = dict.fromkeys(ATOMS, 0)
        for seed in range(10):
            found = pid.estimate(*rows(world, 12_000, seed), seed=seed, n_boot=60)
            assert found.diagnostics["clusters"] == list(world.p.shape[:2])
            for name in ATOMS:
                assert found.corrected[name] == pytest.approx(world.atoms[name], abs=0.02)
                low, high = found.interval[name]
                inside[name] += low <= world.atoms[name] <= high
        assert min(inside.values()) >= 8  # nominal 95 %: 8 of 10 or fewer has probability 0.01 each
        assert sum(inside.values()) >= 36


def test_zero_atoms_are_inside_where_the_percentile_interval_misses_them():
    world = next(w for w in WORLDS if w.name == "NOISY_XOR")
    x1, x2, y = rows(world, 400, 3)
    found = pid.estimate(x1, x2, y, n_boot=200, seed=0)
    for name in ("redundancy", "unique1", "unique2"):
        low, high = found.interval[name]
        assert low <= 0.0 <= high


def test_correction_removes_most_of_the_bias():
    generator = np.random.default_rng(0)
    raw, better = [], []
    for seed in range(20):
        x1, x2 = generator.integers(0, 6, (2, 900))
        found = pid.estimate(x1, x2, generator.integers(0, 2, 900), n_boot=60, seed=seed)
        raw.append(found.synergy)
        better.append(found.corrected["synergy"])
    assert np.mean(raw) > 0.015  # (36 - 1) / (2 N ln 2) = 0.028 bits for the total
    assert abs(np.mean(better)) < 0.25 * np.mean(raw)


def test_null_covers_an_unrelated_label_and_not_a_related_one():
    generator = np.random.default_rng(0)
    x1, x2 = generator.integers(0, 2, (2, 600))
    related = pid.estimate(x1, x2, x1 ^ x2, n_null=50, seed=0)
    unrelated = pid.estimate(x1, x2, generator.integers(0, 2, 600), n_null=50, seed=0)
    assert related.synergy > max(related.null["synergy"]) + 0.9
    assert min(unrelated.null["synergy"]) <= unrelated.synergy <= max(unrelated.null["synergy"])
    assert len(related.null["synergy"]) == 50


def test_the_same_seed_gives_the_same_bytes():
    world = planted()
    x1, x2, y = rows(world, 800, 0)
    x1 = x1 + np.random.default_rng(0).normal(size=x1.shape)
    groups = np.arange(800) % 12
    options = {"groups": groups, "n_boot": 20, "n_null": 5, "clusters": 3}
    first = pid.estimate(x1, x2, y, seed=5, **options)
    assert first.to_dict() == pid.estimate(x1, x2, y, seed=5, **options).to_dict()
    other = pid.estimate(x1, x2, y, seed=6, **options)
    assert other.interval != first.interval
    assert first.diagnostics["n_groups"] == 12
    assert first.status == "estimated"


def test_lossless_sources_ignore_scale_and_names():
    x1, x2, y = rows(planted(), 600, 0)
    base = pid.estimate(x1, x2, y).atoms
    assert pid.estimate(x1 * 1e6 - 3, x2.reshape(-1, 2, 3), y.astype(str)).atoms == pytest.approx(base, abs=1e-9)
    named = np.array(["abcd"[int(k)] for k in np.unique(x1, axis=0, return_inverse=True)[1]])
    assert pid.estimate(named, x2, y).atoms == pytest.approx(base, abs=1e-9)
    swapped = pid.estimate(x2, x1, y)
    assert swapped.unique1 == pytest.approx(base["unique2"], abs=1e-9)


def test_grouped_intervals_are_wider_where_groups_differ():
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(12), 60)
    x1 = generator.integers(0, 2, 720)
    reliable = generator.uniform(0.0, 0.5, 12)[person]
    y = x1 ^ (generator.random(720) < reliable)
    x2 = generator.integers(0, 2, 720)
    width = []
    for groups in (None, person):
        low, high = pid.estimate(x1, x2, y, groups=groups, n_boot=200).interval["unique1"]
        width.append(high - low)
    assert width[1] > 1.3 * width[0]


def test_resampling_groups_keeps_them_whole():
    cells, groups = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 1, 2, 2])
    for counts in resampled_counts(cells, 3, groups, 20, seed=0):
        assert counts.sum() == 6
        assert (counts % 2 == 0).all()


def test_interval_and_correction_by_hand():
    draws = np.linspace(1.0, 2.0, 101)[:, None]
    raw = np.array([1.2])
    assert corrected(raw, draws) == pytest.approx([0.9])
    # ranks 5.1 and 96.9 of 101: percentile [1.041, 1.959], reflected [0.441, 1.359]
    assert interval(raw, draws, 0.9)[0] == pytest.approx([0.441, 1.959])


def blobs(n=600, seed=0):
    generator = np.random.default_rng(seed)
    member = generator.integers(0, 4, n)
    return np.array([[0.0, 0], [9, 0], [0, 9], [9, 9]])[member] + generator.normal(size=(n, 2)), member


def same_partition(first, second):
    return len(set(zip(first.tolist(), second.tolist()))) == len(set(first.tolist())) == len(set(second.tolist()))


def test_kmeans_finds_blobs_and_applies_to_new_rows():
    x, member = blobs()
    new, new_member = blobs(seed=1)
    fitted = fit(x, 4)
    assert same_partition(fitted.apply(x), member)
    assert same_partition(np.r_[fitted.apply(x), fitted.apply(new)], np.r_[member, new_member])


def test_cross_fitted_clusters_pool_into_one_partition():
    x, member = blobs()
    symbols, reference = cross_fit(x, 4, fold_units(None, len(x), 5, seed=0))
    assert same_partition(symbols, member)
    assert (symbols == reference.apply(x)).all()


def test_a_fold_is_cut_by_the_others():
    x = np.random.default_rng(0).normal(size=(300, 2))  # no clear clusters: where to cut depends on the rows
    folds = fold_units(None, 300, 3, seed=0)
    symbols, reference = cross_fit(x, 5, folds, seed=0)
    for fold in range(3):
        held = folds == fold
        assert same_partition(symbols[held], fit(x[~held], 5, seed=0).apply(x[held]))
    assert (symbols != reference.apply(x)).any()


@pytest.mark.parametrize("kind", ["quantile", "width"])
def test_bins_of_one_column(kind):
    x = np.arange(100.0)[:, None]
    symbols = fit(x, 4, kind=kind).apply(x)
    assert np.bincount(symbols).tolist() == [25, 25, 25, 25]
    skewed = np.exp(x / 10)
    counts = np.bincount(fit(skewed, 4, kind=kind).apply(skewed), minlength=4)
    assert (counts == 25).all() == (kind == "quantile")


def test_never_more_clusters_than_distinct_rows():
    x1, _, _ = rows(planted(), 500, 0)
    assert fit(x1, 20).n_symbols == 4


def test_folds_never_split_a_group():
    groups = np.random.default_rng(0).integers(0, 13, 400)
    folds = fold_units(groups, 400, 5, seed=0)
    assert all(len(set(folds[groups == g].tolist())) == 1 for g in range(13))
    assert np.bincount(folds).min() > 40


def test_auto_clusters_follow_the_sample():
    options = Options(max_clusters=8)
    for n_rows in (100, 400, 2000, 100_000):
        k, _ = choose_clusters((9, 9), 3, n_rows, options)
        assert k == 2 or k * k * 3 <= n_rows / 5
        assert 2 <= k <= 8
    assert choose_clusters((2, 9), 2, 300, options) == (2, 8)


@pytest.mark.parametrize("solver", ["auto", "cvxpy"])
def test_continuous_features_of_a_noisy_gate(solver):
    p = through(gate(lambda i, j: i ^ j), 0.05)
    i, j, y = sample(p, 2000, 0)
    generator = np.random.default_rng(0)
    x1, x2 = i[:, None] * 4 + generator.normal(size=(2000, 3)), j[:, None] * 4 + generator.normal(size=(2000, 3))
    found = pid.estimate(x1, x2, y, clusters=2, n_boot=40, solver=solver, tol=1e-6)
    assert found.corrected["synergy"] == pytest.approx(1 - 0.2864, abs=0.05)  # h(0.05) = 0.2864
    assert abs(found.corrected["redundancy"]) < 0.01


X1, X2 = np.random.default_rng(0).normal(size=(2, 200, 3))
Y = np.arange(200) % 2


def with_nan(x, value=np.nan):
    x = x.astype(float).copy()
    x.flat[7] = value
    return x


@pytest.mark.parametrize(
    ("x1", "x2", "y", "options", "argument", "words"),
    [
        (X1, X2[:199], Y, {}, "x2", "199 rows"),
        (X1, X2, Y[:150], {}, "y", "150 rows"),
        (with_nan(X1), X2, Y, {}, "x1", "the first in row 2, column 1"),
        (X1, with_nan(X2, np.inf), Y, {}, "x2", "1 non-finite"),
        (X1, np.ones((200, 2)), Y, {}, "x2", "constant"),
        (X1, X2, with_nan(Y), {}, "y", "1 missing, the first in row 7"),
        (X1, X2, np.where(Y == 0, None, "a"), {}, "y", "100 missing"),
        (X1, X2, np.zeros(200), {}, "y", "one class"),
        (X1, X2, np.where(Y == 0, np.inf, X1[:, 0]), {}, "y", "100 infinite, the first in row 0"),
        (X1 + 1j, X2, Y, {}, "x1", "dtype complex128"),
        (X1[:, 0].astype("datetime64[s]"), X2, Y, {}, "x1", "dtype datetime64[s]"),
        (np.ma.masked_less(X1, -1.0), X2, Y, {}, "x1", "masked values"),
        ([[1.0], [2.0, 3.0]], X2, Y, {}, "x1", "list"),
        (["same"] * 200, X2, Y, {}, "x1", "constant"),
        (X1[:0], X2[:0], Y[:0], {}, "x1", "no rows"),
        (X1, X2, Y, {"clusters": 12}, "x1, x2, y", "200 rows for 12 x 12 x 2 = 288 cells"),
        (X1, X2, Y, {"groups": np.arange(100)}, "groups", "100 rows"),
        (X1, X2, Y, {"groups": np.zeros(200), "n_boot": 5}, "groups", "1 group"),
        (X1, X2, Y, {"n_boot": -1}, "n_boot", "-1"),
        (X1, X2, Y, {"level": 95}, "level", "95"),
        (X1, X2, Y, {"clusters": 1}, "clusters", "1"),
        (X1, X2, Y, {"discretiser": "quantiles"}, "discretiser", "quantiles"),
        (X1, X2, Y, {"cluster": 4}, "option of method 'clusters'", "cluster"),
        (X1, X2, Y, {"method": "cluster"}, "method", "cluster"),
        (X1, X2, Y, {"solver": "cvxpyy"}, "solver", "cvxpyy"),
        (np.array([["a", "b"]] * 200), X2, Y, {}, "x1", "dtype"),
    ],
)
def test_unusable_rows_are_named(x1, x2, y, options, argument, words):
    with pytest.raises(InputError) as caught:
        pid.estimate(x1, x2, y, **options)
    assert caught.value.argument == argument
    assert words in caught.value.received
    assert caught.value.allowed
    assert caught.value.remedy


FORMS = np.random.default_rng(0).integers(0, 4, 60)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("bool", FORMS > 1),
        *[(kind, FORMS.astype(kind)) for kind in ("int8", "uint64", "float16", "float32", "float64", "S1", "U1")],
        ("object numbers", FORMS.astype(object)),
        ("object names", np.array([f"name {k}" for k in FORMS], dtype=object)),
        ("list", FORMS.tolist()),
        ("image", np.repeat(FORMS, 2 * 3 * 3).reshape(60, 2, 3, 3).astype(np.uint8)),
        ("fortran", np.asfortranarray(np.stack([FORMS, 2.0 * FORMS], axis=1))),
        ("strided", np.stack([FORMS, FORMS], axis=1)[:, ::2]),
        ("series", pd.Series(FORMS)),
        ("series of names", pd.Series([f"name {k}" for k in FORMS])),
        ("series of categories", pd.Series([f"name {k}" for k in FORMS], dtype="category")),
        ("nullable series", pd.Series(FORMS, dtype="Int64")),
        ("frame", pd.DataFrame({"a": FORMS, "b": FORMS * 0.5})),
        ("sparse", sparse.csr_array(FORMS[:, None])),
    ],
)
def test_any_form_of_the_same_rows_gives_the_same_rows(name, form):
    read = features(form, "x1")
    assert read.dtype == np.float64 and len(read) == 60
    expected = FORMS > 1 if name == "bool" else FORMS
    assert same_partition(np.unique(read, axis=0, return_inverse=True)[1], expected)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "int64", "bool"])
def test_torch_tensors_are_read(kind):
    torch = pytest.importorskip("torch")
    tensor = torch.as_tensor(FORMS).to(getattr(torch, kind))
    tensor = tensor.requires_grad_() if tensor.is_floating_point() else tensor
    assert features(tensor, "x1").ravel().tolist() == (FORMS > 0 if kind == "bool" else FORMS).astype(float).tolist()


def test_finite_float64_rows_are_not_copied():
    x = np.random.default_rng(0).normal(size=(50, 3))
    assert np.shares_memory(features(x, "x1"), x)
    x[3, 1] = -0.0  # equal rows must be equal bytes
    assert not np.signbit(features(x, "x1")[3, 1])
    assert np.signbit(x[3, 1])


def test_a_memory_map_is_read(tmp_path):
    np.save(tmp_path / "x.npy", FORMS.astype(np.float32))
    assert features(np.load(tmp_path / "x.npy", mmap_mode="r"), "x1").ravel().tolist() == FORMS.tolist()


def test_a_continuous_label_is_cut_into_quantiles_and_says_where():
    y = np.random.default_rng(0).permutation(np.arange(400) / 400.0)
    samples = check_samples(X1.repeat(2, axis=0), X2.repeat(2, axis=0), y)
    assert samples.label_edges == pytest.approx((0.249375, 0.49875, 0.748125))  # quantiles of 0, 1/400, ..., 399/400
    assert samples.labels.tolist() == np.floor(4 * y).astype(int).tolist()
    assert check_samples(X1, X2, X1[:, 0], label_bins=7).n_classes == 7


@pytest.mark.parametrize(
    "y", [np.arange(200.0), np.arange(200), [f"film {k}" for k in range(200)], np.arange(200) % 8 / 8]
)
def test_integers_names_and_few_numbers_stay_classes(y):
    samples = check_samples(X1, X2, y)
    assert samples.label_edges is None
    assert samples.n_classes == len(set(np.asarray(y).tolist()))


def test_a_label_of_one_value_and_some_noise_has_one_class():
    y = np.r_[np.full(170, 0.5), np.linspace(0.6, 0.9, 30)]  # all quantiles coincide, nothing lies below them
    with pytest.raises(InputError, match="one class"):
        check_samples(X1, X2, y)
