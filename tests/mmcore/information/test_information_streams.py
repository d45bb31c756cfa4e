"""Features read piece by piece give the symbols that they give as a whole, and never stand in memory together."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from worlds import planted_shared, sample, vectors

from mmcore.data import from_arrays, load_dataset, save_dataset
from mmcore.errors import InputError
from mmcore.information import discretise, encode, sources
from mmcore.information.pairs import estimate_dataset
from mmcore.information.plan import read_options


def source_of(values: np.ndarray, name: str = "a") -> sources.Source:
    return sources.Source(name, values.shape[1], np.ones(len(values), dtype=bool), "", lambda rows: values[rows])


@pytest.fixture
def pieces(monkeypatch):
    monkeypatch.setattr(sources, "_CHUNK_BYTES", 8 * 3 * 70)  # 70 rows of 3 columns


@pytest.mark.parametrize("cross_fitted", [False, True])
def test_pieces_give_the_same_symbols_as_the_whole(pieces, cross_fitted):
    values = np.random.default_rng(0).normal(size=(1000, 3))
    rows, source = np.arange(1000), source_of(values)
    folds = rows % 4 if cross_fitted else None
    found = encode.encode(source, rows, 5, distinct=encode.look(source, rows, 8), folds=folds, seed=3)
    expected, _ = discretise.cross_fit(values, 5, folds, seed=3)
    assert np.array_equal(found.symbols, expected)


def test_a_source_of_few_rows_keeps_them(pieces):
    values = np.random.default_rng(0).integers(0, 2, (1000, 3)).astype(float)
    rows, source = np.arange(1000), source_of(values)
    found = encode.encode(source, rows, 8, distinct=encode.look(source, rows, 8), folds=rows % 4)
    assert found.lossless
    assert found.n_symbols == 8
    # one symbol a distinct row, and one distinct row a symbol
    assert len({(int(s), row.tobytes()) for s, row in zip(found.symbols, values)}) == 8


def test_a_bad_number_far_down_is_found_with_its_row(pieces):
    values = np.random.default_rng(0).normal(size=(1000, 3))
    values[903, 1] = np.inf
    with pytest.raises(InputError, match="row 903, column 1"):
        encode.look(source_of(values), np.arange(1000), 8)


def test_joined_sources_say_what_is_absent():
    one, two = source_of(np.ones((4, 2)), "one"), source_of(np.full((4, 1), 3.0), "two")
    partial = sources.Source("two", 1, np.array([True, False, True, True]), "", two.take)
    joined = sources.join([one, partial], "rest")
    assert joined.take(np.array([0, 1])).tolist() == [[1.0, 1.0, 3.0, 1.0], [1.0, 1.0, 0.0, 0.0]]
    assert joined.width == 4
    assert joined.present.all()


def test_a_dataset_on_disk_is_never_in_memory_as_a_whole(tmp_path):
    world = planted_shared()
    n, width = 30_000, 400
    i, j, y = sample(world.p, n, 0)
    ds = from_arrays(
        {"left": vectors(i, 4, 1, width).astype(np.float32), "right": vectors(j, 4, 2, width).astype(np.float32)},
        labels=y, name="large", seed=0,
    )  # fmt: skip
    save_dataset(ds, tmp_path / "large")
    del ds
    loaded = load_dataset(tmp_path / "large")
    whole = n * width * 8
    tracemalloc.start()
    found = estimate_dataset(loaded, options={"n_boot": 0, "n_null": 0}, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["pairs"][0]["raw"]["synergy"] == pytest.approx(world.synergy, abs=0.02)
    # a piece is 8 MB and the sample for k-means 16 MB, each with copies at work; one modality as float64 is 96 MB
    assert peak < 0.8 * whole, peak


def test_against_the_rest_tells_what_no_pair_shows():
    generator = np.random.default_rng(0)
    a, b, c = generator.integers(0, 2, (3, 3000))
    ds = from_arrays({"a": a[:, None], "b": b[:, None], "c": c[:, None]}, labels=a ^ b ^ c, name="parity", seed=0)
    found = estimate_dataset(ds, options={"n_boot": 0, "n_null": 0}, seed=0)
    # y = a xor b xor c: every pair is independent of the label, each against the other two is an exclusive or
    for pair in found["pairs"]:
        assert sum(pair["raw"].values()) < 0.01
    assert [entry["modality"] for entry in found["against_rest"]] == ["a", "b", "c"]
    for entry in found["against_rest"]:
        assert entry["raw"]["synergy"] > 0.99
        assert entry["clusters"] == [2, 4]


def test_held_out_rows_only():
    generator = np.random.default_rng(0)
    n = 2000
    split = np.repeat(["train", "valid", "test"], [1000, 500, 500])
    y = generator.integers(0, 2, n)
    seen = np.where(split == "train", y, generator.integers(0, 2, n))  # features that have seen the training labels
    ds = from_arrays(
        {"leaky": seen[:, None], "noise": generator.integers(0, 2, (n, 1))}, labels=y, split=split, name="l"
    )
    both = {rows: estimate_dataset(ds, options={"rows": rows, "n_boot": 0}, seed=0) for rows in ("all", "heldout")}
    assert both["all"]["information"][0]["value"] > 0.1
    assert both["heldout"]["information"][0]["value"] < 0.01
    assert both["heldout"]["rows"]["n_labelled"] == 1000


def test_held_out_rows_of_a_dataset_without_any():
    ds = from_arrays({"a": np.eye(40), "b": np.eye(40)}, labels=np.arange(40) % 2, split=["train"] * 40, name="t")
    with pytest.raises(InputError, match="held-out"):
        estimate_dataset(ds, options={"rows": "heldout"}, seed=0)


def test_a_wrong_option_is_named():
    with pytest.raises(InputError, match="Did you mean 'heldout'"):
        read_options({"rows": "held_out"})
    with pytest.raises(InputError, match="clusters"):
        read_options({"compare": ["posterior"]})
    for options in ({"n_boot": "x"}, {"n_boot": 1}, {"n_boot": True}, {"n_null": 2.5}, {"n_null": -1}):
        with pytest.raises(InputError, match=rf"{next(iter(options))}: received .*allowed: 0, or an integer >= 2"):
            read_options(options)


def test_groups_that_are_the_label_are_refused():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 5, 600)
    ds = from_arrays(
        {"a": generator.normal(size=(600, 3)), "b": generator.normal(size=(600, 3))},
        labels=y, groups=[f"class {k}" for k in y], split=["train"] * 600, name="own",
    )  # fmt: skip
    found = estimate_dataset(ds, options={"n_boot": 0, "n_null": 0}, seed=0)
    assert found["pairs"][0]["status"] == "refused"
    assert "not the label" in found["pairs"][0]["reason"]
