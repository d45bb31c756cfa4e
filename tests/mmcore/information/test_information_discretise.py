"""Discretisers: the cube-root rule, bins of several columns, any dtype, held-out rows, and data larger than memory."""

import tracemalloc

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.information import discretise, pid
from mmcore.information.discretise import RowChunks, accumulate, cross_fit, cube_root_bins, fit, fold_units


def same_partition(first, second):
    return len(set(zip(first.tolist(), second.tolist()))) == len(set(first.tolist())) == len(set(second.tolist()))


def test_the_cube_root_rule():
    assert [cube_root_bins(n) for n in (1, 8, 26, 27, 1000, 999, 10**6)] == [2, 2, 2, 3, 10, 9, 100]
    x = np.random.default_rng(0).uniform(size=(1000, 1))
    assert fit(x, kind="width").n_symbols == 10
    assert fit(x, kind="quantile").n_symbols == 10


def test_bins_of_fixed_width_have_open_ends():
    x = np.linspace(0.0, 10.0, 1001)[:, None]
    fitted = fit(x, 5, kind="width")
    assert fitted.apply(np.array([[-99.0], [0.1], [1.9], [2.1], [5.0], [7.9], [8.1], [99.0]])).tolist() == (
        [0, 0, 0, 1, 2, 3, 4, 4]
    )


def test_a_span_that_is_given_is_kept():
    """Fifty bins over [-5, 5], as the text cuts its Gaussian mixture: bins of 0.2, whatever the rows."""
    x = np.random.default_rng(0).normal(size=(500, 1))
    fitted = fit(x, 50, kind="width", span=(-5.0, 5.0))
    centres = np.arange(-4.9, 5.0, 0.2)[:, None]
    assert fitted.apply(centres).tolist() == list(range(50))
    assert fitted.apply(np.array([[-1e6], [1e6]])).tolist() == [0, 49]


@pytest.mark.parametrize("kind", ["width", "quantile"])
@pytest.mark.parametrize(
    ("n_symbols", "per_axis", "n_axes"), [(8, 8, 1), (15, 15, 1), (16, 4, 2), (30, 5, 2), (64, 4, 3)]
)
def test_symbols_are_spread_over_axes(kind, n_symbols, per_axis, n_axes):
    x = np.random.default_rng(0).uniform(size=(4000, 5)) * [5, 4, 3, 2, 1]
    fitted = fit(x, n_symbols, kind=kind)
    assert [len(inner) + 1 for inner in fitted.edges] == [per_axis] * n_axes
    assert fitted.n_symbols == per_axis**n_axes <= n_symbols
    symbols = fitted.apply(x)
    assert symbols.min() >= 0
    assert symbols.max() < fitted.n_symbols


def test_two_columns_make_a_grid_of_their_own():
    x = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    symbols = fit(x, 16, kind="width").apply(x)
    assert same_partition(symbols, (x[:, 0] // 2 * 4 + x[:, 1] // 2).astype(int))
    assert np.bincount(symbols).tolist() == [4] * 16


def test_many_columns_are_cut_along_their_first_component():
    z = np.random.default_rng(0).normal(size=(1000, 1))
    x = z @ np.ones((1, 6)) + 0.01 * np.random.default_rng(1).normal(size=(1000, 6))
    symbols = fit(x, 5, kind="quantile").apply(x)
    order = np.argsort(z[:, 0])
    steps = np.abs(np.diff(symbols[order]))
    assert np.bincount(symbols).tolist() == [200] * 5
    assert (steps > 0).mean() < 0.05  # along the component the bins hardly ever alternate


def test_constant_columns_do_not_use_up_bins():
    x = np.column_stack([np.full(100, 3.0), np.arange(100.0)])
    assert np.bincount(fit(x, 4, kind="width").apply(x)).tolist() == [25] * 4
    assert fit(x[:, :1], 4, kind="width").apply(x[:, :1]).tolist() == [0] * 100


def test_bins_of_held_out_rows_are_named_as_those_of_all():
    x = np.random.default_rng(0).uniform(size=(900, 1))
    folds = fold_units(None, 900, 3, seed=0)
    symbols, reference = cross_fit(x, 6, folds, kind="quantile")
    assert (symbols == reference.apply(x)).mean() > 0.95
    assert same_partition(symbols[folds == 0], fit(x[folds != 0], 6, kind="quantile").apply(x[folds == 0]))


@pytest.mark.parametrize("kind", ["kmeans", "quantile", "width"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float32"])
def test_any_dtype_gives_the_symbols_of_its_numbers(kind, dtype):
    x = (np.random.default_rng(0).normal(size=(400, 3)) * 40 + 120).clip(0, 255).astype(dtype)
    if dtype == "bool":
        x = np.random.default_rng(0).random((400, 3)) > 0.5
    fitted, wide = fit(x, 6, kind=kind), fit(x.astype(np.float64), 6, kind=kind)
    assert (fitted.apply(x) == wide.apply(x.astype(np.float64))).all()


@pytest.mark.parametrize("discretiser", ["width", "kmeans"])
def test_images_of_bytes_are_decomposed(discretiser):
    generator = np.random.default_rng(0)
    i, j = generator.integers(0, 2, (2, 600))
    noise = generator.integers(0, 60, (2, 600, 6, 6, 3))
    images = (100 * np.stack([i, j])[..., None, None, None] + noise).astype(np.uint8)
    found = pid.estimate(*images, i ^ j, clusters=2, discretiser=discretiser)
    assert found.synergy == pytest.approx(1.0, abs=0.02)


def test_pieces_add_up_to_the_table_of_all_rows():
    generator = np.random.default_rng(0)
    x1, x2 = generator.integers(0, 2, (2, 5000, 2)).astype(np.uint8)
    y = x1[:, 0] ^ x2[:, 0] ^ (generator.random(5000) < 0.1)
    found = accumulate(RowChunks(x1, x2, y, size=701), 4)
    assert found.counts.sum() == 5000
    assert found.classes == ("0", "1")
    whole = pid.estimate(x1, x2, y, clusters=4)
    assert pid.decompose(found.table).atoms == pytest.approx(whole.atoms, abs=1e-9)


@pytest.mark.parametrize("kind", ["kmeans", "quantile", "width"])
def test_how_rows_are_cut_into_pieces_changes_nothing(kind):
    x1, x2 = np.random.default_rng(0).normal(size=(2, 3000, 4)).astype(np.float32)
    y = np.array(["no", "yes"])[(x1[:, 0] + x2[:, 0] > 0).astype(int)]
    options = {"kind": kind, "fit_rows": 500, "seed": 5}
    tables = [accumulate(RowChunks(x1, x2, y, size=size), 6, **options) for size in (3000, 999, 64)]
    assert tables[0].classes == ("no", "yes")
    for other in tables[1:]:
        assert (other.counts == tables[0].counts).all()
    assert (accumulate(RowChunks(x1, x2, y), 6, kind=kind, fit_rows=500, seed=6).counts != tables[0].counts).any()


def test_the_sample_is_drawn_from_all_pieces():
    rows = np.arange(10_000.0)
    chunks = RowChunks(rows[:, None], rows[:, None], rows // 5000, size=500)
    found = accumulate(chunks, 10, kind="quantile", fit_rows=2000)
    # inner edges are quantiles of a uniform sample of 2,000: standard error of the middle one 10,000 / 2 / sqrt(2000)
    edges = found.discretisers[0].edges[0] * found.discretisers[0].scale + found.discretisers[0].mean
    assert edges == pytest.approx(np.arange(1000, 10_000, 1000), abs=450)


def test_a_continuous_label_is_cut_at_quantiles_of_the_sample():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4000, 1))
    chunks = RowChunks(x, generator.normal(size=(4000, 1)), x[:, 0], size=1000)
    found = accumulate(chunks, 8, label_bins=2, kind="quantile")
    assert found.classes is None
    assert len(found.label_edges) == 1
    assert pid.decompose(found.table).unique1 > 0.9


def test_a_memory_map_is_never_held_whole(tmp_path):
    """Two sources of 32 MB of bytes, 512 MB as float64: traced memory stays below what one takes on disk."""
    shape, generator = (64_000, 500), np.random.default_rng(0)
    maps = []
    bits = generator.integers(0, 2, (2, shape[0])).astype(np.uint8)
    for name, bit in zip("ab", bits):
        array = np.lib.format.open_memmap(tmp_path / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
        for start in range(0, shape[0], 8000):
            noise = generator.integers(0, 50, (8000, shape[1]), dtype=np.uint8)
            array[start : start + 8000] = noise + 60 * bit[start : start + 8000, None]
        array.flush()
        del array
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    labels = bits[0] ^ bits[1]
    accumulate(RowChunks(maps[0][:500], maps[1][:500], labels[:500]), 2, fit_rows=400)  # imports are not what is traced
    tracemalloc.start()
    found = accumulate(RowChunks(*maps, labels, size=4000), 2, fit_rows=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.95 * shape[0] * shape[1]
    assert pid.decompose(found.table).synergy == pytest.approx(1.0, abs=0.001)


X1, X2 = np.random.default_rng(0).normal(size=(2, 40, 2))
Y = np.arange(40) % 2


@pytest.mark.parametrize(
    ("chunks", "options", "argument", "words"),
    [
        (iter([(X1, X2, Y)]), {}, "chunks", "read once"),
        ([], {}, "chunks", "no rows"),
        ([(X1, X2[:30], Y)], {}, "chunks", "40, 30 and 40 rows in the piece from row 0"),
        ([(X1, X2, Y), (X1[:, :1], X2, Y)], {}, "chunks", "1 and 2 columns from row 40"),
        ([(X1, X2, Y), (np.where(X1 > 2, np.nan, X1), X2, Y)], {}, "x1, counted from row 40", "non-finite"),
        ([(X1, X2, np.where(Y == 0, np.nan, 1.0))], {}, "y", "20 missing, the first in row 0"),
        ([(np.full((40, 2), "a"), X2, Y)], {}, "x1", "dtype"),
        ([(X1, X2, Y)], {"fit_rows": 1}, "fit_rows", "1"),
        ([(X1, X2, Y)], {"kind": "quantiles"}, "discretiser", "quantiles"),
    ],
)
def test_pieces_that_cannot_be_used_are_named(chunks, options, argument, words):
    with pytest.raises(InputError) as caught:
        accumulate(chunks, 3, **options)
    assert caught.value.argument == argument
    assert words in caught.value.received


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"n_clusters": 0}, "clusters"),
        ({"kind": "kmeans", "span": (0.0, 1.0)}, "span"),
        ({"kind": "width", "span": (1.0, 0.0)}, "span"),
        ({"kind": "width", "n_clusters": 4, "span": (0.0, 1.0)}, "span"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, argument):
    with pytest.raises(InputError) as caught:
        discretise.fit(X1, **{"n_clusters": 3, **options})
    assert caught.value.argument == argument
