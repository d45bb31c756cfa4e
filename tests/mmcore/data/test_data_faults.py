"""Rows that cannot be used are found, each with its reason, whatever the kind of modality and the size of a chunk."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from mmcore.data import Dataset, from_arrays, load_dataset, save_dataset
from mmcore.data import faults as module
from mmcore.data.faults import content_digests, row_faults
from mmcore.data.ragged import Ragged
from mmcore.data.state import row_summary

N = 20
SPLIT = ["train"] * 12 + ["valid"] * 4 + ["test"] * 4


def dataset(split=SPLIT, presence=None, folds=None, **modalities) -> Dataset:
    labels = [row % 2 for row in range(N)]
    return from_arrays(modalities, labels=labels, split=split, folds=folds, presence=presence, name="my")


def values(width: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, width))


def reasons(ds: Dataset, ranges=None, **options) -> list[tuple[int, str]]:
    return [(fault.row, fault.reason) for fault in row_faults(ds, ranges, **options)]


def test_clean_rows_have_no_fault_and_missing_numbers_are_none():
    a = values()
    a[3, 1] = np.nan
    a[4] = np.nan
    assert row_faults(dataset(a=a, b=values(2)), {"a": (-100.0, 100.0)}) == []


@pytest.mark.parametrize("number", [np.inf, -np.inf])
def test_infinite_numbers_are_found_beside_missing_ones(number):
    a = values()
    a[5, 2], a[5, 0] = number, np.nan
    (fault,) = row_faults(dataset(a=a))
    assert (fault.row, fault.sample_id, fault.reason) == (
        5,
        dataset(a=a).samples["sample_id"][5],
        "a holds an infinite number",
    )


def test_limits_are_allowed_themselves_and_name_the_worst_number():
    a = np.zeros((N, 2)) + np.arange(N)[:, None]
    ds = dataset(a=a)
    assert reasons(ds, {"a": (0.0, 19.0)}) == []
    assert reasons(ds, {"a": (1.5, None)}) == [(0, "a holds 0, below 1.5"), (1, "a holds 1, below 1.5")]
    assert reasons(ds, {"a": (None, 18.0)}) == [(19, "a holds 19, above 18")]
    assert reasons(ds, {"b": (5.0, 6.0)}) == []


def test_a_row_may_have_several_faults():
    a = values()
    a[2] = [np.inf, -50.0, 60.0]
    assert reasons(dataset(a=a), {"a": (-9.0, 9.0)}) == [
        (2, "a holds -50, below -9"), (2, "a holds 60, above 9"), (2, "a holds an infinite number")
    ]  # fmt: skip


def test_rows_that_are_absent_are_not_looked_at():
    a = values()
    ds = dataset(a=a, b=values(2), presence={"a": np.arange(N) != 7})
    stale = np.array(ds["a"])
    stale[7] = np.inf
    assert reasons(ds.replace(a=stale)) == []
    assert reasons(ds, {"a": (10.0, None)})[0][0] == 0
    assert 7 not in {row for row, _ in reasons(ds, {"a": (10.0, None)})}


def test_a_row_without_any_modality_is_a_fault_and_repeats_nothing():
    present = np.ones(N, dtype=bool)
    present[[1, 18]] = False
    ds = dataset(a=values(), b=values(2), presence={"a": present, "b": present})
    assert reasons(ds) == [(1, "no modality is present"), (18, "no modality is present")]


def test_a_row_that_repeats_one_of_a_later_split_is_a_fault_of_the_earlier():
    a = values()
    a[2], a[13] = a[17], a[17]
    ds = dataset(a=a)
    last = ds.samples["sample_id"][17]
    repeated = f"repeats {last} of the test split"
    assert reasons(ds) == [(2, repeated), (13, repeated)]
    assert reasons(ds, duplicates=False) == []
    a[2], a[13] = a[3], -1.0
    assert reasons(dataset(a=a)) == []  # twice in the same split leaks nothing


def test_with_folds_the_copy_in_the_higher_fold_stays_whatever_the_split():
    folds = np.arange(N) % 4
    a = values()
    a[2] = a[5]  # folds 2 and 1, both of the training split
    a[3] = a[19]  # train and test, both in fold 3: never on two sides
    ds = dataset(a=a, folds=folds)
    assert reasons(ds) == [(5, f"repeats {ds.samples['sample_id'][2]} of fold 2")]
    assert [row for row, _ in reasons(dataset(a=a))] == [3]  # without folds, splits are compared
    without = pd.Series(folds, dtype="Int64")
    without[2] = pd.NA  # trained on in every fold
    assert [row for row, _ in reasons(dataset(a=a, folds=without))] == [2]


def test_every_modality_has_to_repeat():
    a, b = values(), values(2)
    a[2] = a[17]
    assert reasons(dataset(a=a, b=b)) == []
    b[2] = b[17]
    assert [row for row, _ in reasons(dataset(a=a, b=b))] == [2]


def test_data_of_few_distinct_values_repeat_by_nature():
    assert reasons(dataset(a=np.arange(N)[:, None] % 4 * 1.0)) == []
    nearly = np.arange(N)[:, None] * 1.0
    nearly[[0, 1]] = nearly[[18, 19]]  # 18 of 20 are distinct: exactly the share from which repetition counts
    assert [row for row, _ in reasons(dataset(a=nearly))] == [0, 1]
    nearly[2] = nearly[17]
    assert reasons(dataset(a=nearly)) == []


def ragged(*, broken: bool) -> Ragged:
    rows = [np.full((row % 4, 2), float(row)) for row in range(N)]
    rows[3] = np.array([[1.0, np.inf if broken else 2.0]])
    rows[6] = np.array([[0.0, 0.0], [0.0, -77.0 if broken else 3.0]])
    return Ragged.from_list(rows)


def test_ragged_rows_and_empty_ones():
    assert reasons(dataset(a=ragged(broken=False), b=values())) == []
    found = reasons(dataset(a=ragged(broken=True), b=values()), {"a": (-10.0, None)})
    assert found == [(3, "a holds an infinite number"), (6, "a holds -77, below -10")]


def test_texts_and_images():
    texts = np.array([f"line {row}" for row in range(N)])
    images = np.random.default_rng(1).integers(0, 256, (N, 4, 4, 3), dtype=np.uint8)
    images[5] = 200
    images[9] = 0
    ds = dataset(words=texts, picture=images)
    assert reasons(ds, {"picture": (None, 255.0), "words": (0.0, 1.0)}) == []
    low = {row for row, reason in reasons(ds, {"picture": (1.0, None)}) if "below" in reason}
    assert low == set(np.flatnonzero((images == 0).any(axis=(1, 2, 3))))
    texts[0], images[0] = texts[19], images[19]
    assert [row for row, _ in reasons(dataset(words=texts, picture=images))] == [0]


@pytest.mark.parametrize("numbers", [1, 7, 10_000])
def test_chunks_of_any_size_find_the_same(numbers, monkeypatch):
    a, b = np.random.default_rng(4).normal(size=(N, 2, 3)), ragged(broken=True)
    a[4, 1, 1], a[19, 0, 0] = np.inf, -88.0
    ds = dataset(a=a, b=b)
    whole = reasons(ds, {"a": (-5.0, 5.0), "b": (-10.0, 50.0)})
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", numbers)
    assert reasons(ds, {"a": (-5.0, 5.0), "b": (-10.0, 50.0)}) == whole
    assert {4, 19, 3, 6} <= {row for row, _ in whole}


def test_digests_are_equal_where_and_only_where_rows_are():
    a = values()
    a[1] = a[0]
    ds = dataset(a=a, b=np.arange(N)[:, None] // 2 * 1.0, presence={"b": np.arange(N) != 2})
    digests = content_digests(ds)
    assert digests[0] == digests[1]
    assert len(set(digests)) == N - 1
    assert content_digests(ds.select(np.arange(N)[::-1])) == digests[::-1]
    # What is absent does not count, whatever lies there.
    assert content_digests(ds.replace(b=np.array(ds["b"]) + (np.arange(N) == 2)[:, None])) == digests


def test_ragged_modalities_do_not_run_into_one_another():
    one, two = [[1.0], [2.0]], [[3.0]]
    first = [one, [[1.0]], *([[float(row)]] for row in range(10, 28))]
    second = [two, [[2.0], [3.0]], *([[float(row)]] for row in range(10, 28))]
    digests = content_digests(dataset(a=Ragged.from_list(first), b=Ragged.from_list(second)))
    assert digests[0] != digests[1]


def test_memory_stays_at_a_chunk_whatever_the_array(tmp_path, monkeypatch):
    shape = (4000, 50, 40)  # 64 MB on disk as float64
    big = np.random.default_rng(0).normal(size=shape)
    save_dataset(from_arrays({"a": big}, labels=np.arange(4000) % 2, name="big", seed=0), tmp_path / "big")
    del big
    ds = load_dataset(tmp_path / "big")
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", 100_000)
    tracemalloc.start()
    assert row_faults(ds, {"a": (-50.0, 50.0)}) == []
    row_summary(ds, "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6


def test_seventeen_thousand_rows_of_four_modalities_take_well_under_two_seconds():
    n, draws = 17_000, np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(draws.integers(20, 60, n))])
    modalities = {
        "table": draws.normal(size=(n, 50)),
        "signal": draws.normal(size=(n, 50, 6)).astype(np.float32),
        "steps": Ragged(draws.normal(size=(offsets[-1], 4)).astype(np.float32), offsets),
        "words": np.array([f"text number {row}" for row in range(n)]),
    }
    ds = from_arrays(modalities, labels=draws.integers(0, 3, n), name="large", seed=0)
    began = time.process_time()
    for name in ds.modalities:
        row_summary(ds, name)
    content_digests(ds)
    assert time.process_time() - began < 2.0
