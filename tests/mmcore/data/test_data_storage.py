"""save_dataset and load_dataset: everything comes back, the same bytes each time, and damage is named."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.data import Dataset, DatasetSpec, from_arrays, load_dataset, save_dataset
from mmcore.errors import InputError


def assert_same(first: Dataset, second: Dataset) -> None:
    assert first.spec == second.spec
    pd.testing.assert_frame_equal(first.samples, second.samples)
    for name in first.modalities:
        a, b = first[name], second[name]
        if first.spec.modality(name).ragged:
            np.testing.assert_array_equal(a.offsets, b.offsets)
            np.testing.assert_array_equal(a.values, b.values)
            assert (a.times is None) == (b.times is None)
            if a.times is not None:
                np.testing.assert_array_equal(a.times, b.times)
        else:
            np.testing.assert_array_equal(a, b)


def full_dataset(seed=0, n=30):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 5, n)
    sequences = [rng.normal(size=(t, 2)).astype(np.float32) for t in lengths]
    times = [np.column_stack([np.arange(t), np.arange(t) + 1.0]) for t in lengths]
    table = rng.normal(size=(n, 3))
    table[::4] = np.nan
    table[1, 0] = np.nan
    values = rng.integers(0, 3, n).astype(object)
    values[:3] = None
    multi = (rng.random((n, 2)) < 0.5).astype(float)
    multi[5] = np.nan
    return from_arrays(
        {
            "words": sequences,
            "steps": sequences,
            "table": table,
            "note": [f"№ {i}" if i % 3 else None for i in range(n)],
            "photo": rng.integers(0, 255, (n, 4, 4, 3), dtype=np.uint8),
        },
        labels={"kind": values, "size": table[:, 1], "tags": multi},
        groups=np.arange(n) // 2,
        folds=np.arange(n) // 10,
        times={"words": times},
        rates={"steps": 10.0},
        units={"size": "m", "steps": "m/s"},
        annotations={"question": "Which — kind?", "truth": [{"first": "a", "redundancy": 0.1}]},
        licence="CC0-1.0",
        source="here",
        name="full",
        seed=seed,
    )


def test_everything_comes_back(tmp_path):
    ds = full_dataset()
    save_dataset(ds, tmp_path / "d")
    for verify in (False, True):
        assert_same(ds, load_dataset(tmp_path / "d", verify=verify))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    n=st.integers(3, 12),
    dtype=st.sampled_from(["float64", "float32", "float16", "int8", "uint16", "bool"]),
    ragged=st.booleans(),
    task=st.sampled_from(["classification", "regression", None]),
)
def test_any_small_dataset_comes_back(tmp_path_factory, seed, n, dtype, ragged, task):
    rng = np.random.default_rng(seed)
    if ragged:
        value = [(rng.normal(size=(t, 2)) * 9).astype(dtype) for t in rng.integers(0, 4, n)]
    else:
        value = (rng.normal(size=(n, *rng.integers(1, 4, rng.integers(0, 3)))) * 9).astype(dtype)
    labels = None if task is None else [None, *rng.integers(0, 3, n - 1).tolist()]
    ds = from_arrays({"a": value}, labels=labels, task=task, seed=seed)
    where = tmp_path_factory.mktemp("any") / "d"
    save_dataset(ds, where)
    assert_same(ds, load_dataset(where, verify=True))


def test_arrays_are_mapped_and_read_only(tmp_path):
    save_dataset(full_dataset(), tmp_path / "d")
    ds = load_dataset(tmp_path / "d")
    for array in (ds["table"], ds["photo"], ds["note"], ds["words"].values, ds["words"].times):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable
    with pytest.raises(ValueError):
        ds["table"][0] = 1.0


def test_the_same_dataset_gives_the_same_bytes(tmp_path):
    for place in ("first", "second"):
        save_dataset(full_dataset(), tmp_path / place)
    save_dataset(load_dataset(tmp_path / "first"), tmp_path / "third")
    names = sorted(p.name for p in (tmp_path / "first").iterdir())
    parts = {"words": ["values", "offsets", "times"], "steps": ["values", "offsets"]}
    ragged = [f"{m}.{part}.npy" for m, held in parts.items() for part in held]
    assert names == sorted(["dataset.json", "samples.parquet", "note.npy", "photo.npy", "table.npy", *ragged])
    for place in ("second", "third"):
        assert sorted(p.name for p in (tmp_path / place).iterdir()) == names
        for name in names:
            assert (tmp_path / place / name).read_bytes() == (tmp_path / "first" / name).read_bytes(), name


def test_the_format_needs_nothing_of_ours(tmp_path):
    ds = full_dataset()
    save_dataset(ds, tmp_path / "d")
    content = json.loads((tmp_path / "d" / "dataset.json").read_text(encoding="utf-8"))
    assert set(content) == {*ds.spec.to_dict(), "files"}
    assert set(content["files"]) == {p.name for p in (tmp_path / "d").iterdir()} - {"dataset.json"}
    assert DatasetSpec.from_dict({k: v for k, v in content.items() if k != "files"}) == ds.spec
    table = pq.read_table(tmp_path / "d" / "samples.parquet")
    assert table.schema.metadata is None
    types = {f.name: str(f.type) for f in table.schema}
    assert types == {
        "sample_id": "string", "kind": "string", "size": "double", "split": "string", "fold": "int64",
        "group": "string", **{f"has_{m}": "bool" for m in ds.modalities}, "tags": types["tags"],
    }  # fmt: skip
    assert types["tags"].startswith("list<")
    assert table.column("kind").null_count == 3
    assert table.column("tags").null_count == 1
    assert np.load(tmp_path / "d" / "table.npy").shape == (30, 3)


def test_saving_in_place_and_rows_not_present_hold_zeros(tmp_path):
    save_dataset(full_dataset(), tmp_path / "d")
    ds = load_dataset(tmp_path / "d")
    present = {m: np.arange(30) % 2 == 0 for m in ds.modalities}
    dirty = np.array(ds["table"])
    dirty[1] = np.nan
    save_dataset(ds.replace(table=dirty, presence=present), tmp_path / "d")
    saved = load_dataset(tmp_path / "d")
    assert not saved["table"][1::2].any()
    assert not saved["photo"][1::2].any()
    assert set(saved["note"][1::2]) == {""}
    assert not saved["words"].lengths[1::2].any()
    np.testing.assert_array_equal(saved["words"][2], full_dataset()["words"][2])


@pytest.mark.parametrize("name", ["table.npy", "photo.npy", "note.npy", "words.values.npy", "words.times.npy"])
def test_a_truncated_array_is_named_with_both_sizes(tmp_path, name):
    save_dataset(full_dataset(), tmp_path / "d")
    file = tmp_path / "d" / name
    expected = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == name
    assert error.value.received == f"{expected - 7} bytes"
    assert error.value.allowed == f"{expected} bytes"
    assert "write the dataset again" in error.value.remedy


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array at all", b"\x93NUMPY\x01\x00\x10\x00{'descr"])
def test_a_broken_header_is_named(tmp_path, content):
    save_dataset(full_dataset(), tmp_path / "d")
    (tmp_path / "d" / "table.npy").write_bytes(content)
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == "table.npy"
    assert f"{len(content)} bytes" in error.value.received


@pytest.mark.parametrize(("name", "rows"), [("table.npy", 29), ("words.offsets.npy", 31)])
def test_another_row_count_is_named_with_both_counts(tmp_path, name, rows):
    save_dataset(full_dataset(), tmp_path / "d")
    array = np.load(tmp_path / "d" / name)
    array = array[:29] if name == "table.npy" else np.append(array, array[-1])
    np.save(tmp_path / "d" / name, array)
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == name.split(".")[0]
    assert error.value.received == f"{rows} rows"
    assert "30 rows" in error.value.allowed


def test_another_shape_dtype_pickle_or_a_missing_file_is_named(tmp_path):
    save_dataset(full_dataset(), tmp_path / "d")
    file = tmp_path / "d" / "table.npy"
    for array, received in (
        (np.zeros((30, 4)), "float64 (4,)"),
        (np.zeros((30, 3), np.int8), "int8 (3,)"),
        (np.full((30, 3), None, dtype=object), "pickled objects"),
    ):
        np.save(file, array, allow_pickle=True)
        with pytest.raises(InputError) as error:
            load_dataset(tmp_path / "d")
        assert error.value.argument == "table.npy"
        assert error.value.received == received
    file.unlink()
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert (error.value.argument, error.value.received) == ("table.npy", "no such file")
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "nowhere")
    assert error.value.argument == "path"


def test_verify_sees_a_changed_number(tmp_path):
    save_dataset(full_dataset(), tmp_path / "d")
    array = np.load(tmp_path / "d" / "table.npy")
    array[3, 1] += 1
    np.save(tmp_path / "d" / "table.npy", array)
    load_dataset(tmp_path / "d")
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d", verify=True)
    assert error.value.argument == "table.npy"
    assert error.value.received.startswith("sha256 ")


@pytest.mark.parametrize(
    ("column", "change", "argument", "received"),
    [
        ("sample_id", lambda c: c.where(c != "01", "00"), "sample_id", "'00'"),
        ("split", lambda c: c.replace("valid", "vaild"), "split", "'vaild'"),
        ("kind", lambda c: c.replace("2", "9"), "kind", "'9'"),
        ("has_note", None, "samples", "no column 'has_note'"),
        ("extra", lambda c: 1, "samples column", "'extra'"),
        ("size", lambda c: "long", "samples column size", "string"),
    ],
)
def test_a_table_that_breaks_the_contract_is_named(tmp_path, column, change, argument, received):
    save_dataset(full_dataset(), tmp_path / "d")
    file = tmp_path / "d" / "samples.parquet"
    table = pd.read_parquet(file)
    if change is None:
        table = table.drop(columns=column)
    else:
        table[column] = change(table.get(column))
    table.to_parquet(file)
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == argument
    assert received in error.value.received


def test_tables_of_another_length_and_broken_files_are_named(tmp_path):
    save_dataset(full_dataset(), tmp_path / "d")
    file = tmp_path / "d" / "samples.parquet"
    pd.read_parquet(file)[:-1].to_parquet(file)
    with pytest.raises(InputError, match="29 rows"):
        load_dataset(tmp_path / "d")
    file.write_bytes(b"PAR1")
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == "samples.parquet"
    (tmp_path / "d" / "dataset.json").write_text("{")
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == "dataset.json"


def test_a_full_disk_leaves_the_old_dataset(tmp_path):
    old = full_dataset()
    save_dataset(old, tmp_path / "d")
    script = textwrap.dedent("""
        import resource, signal, sys
        import numpy as np
        from mmcore.data import from_arrays, save_dataset
        ds = from_arrays({"a": np.ones((50_000, 4))}, labels=[0, 1] * 25_000, name="large")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            save_dataset(ds, sys.argv[1])
        except OSError as error:
            print(error)
            sys.exit(3)
    """)
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "d"], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "dataset 'large' could not be saved" in done.stdout
    assert "is unchanged" in done.stdout
    assert "None" not in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["d"], "nothing is left beside it"
    assert_same(old, load_dataset(tmp_path / "d", verify=True))


def test_a_name_cannot_leave_the_directory(tmp_path):
    save_dataset(full_dataset(), tmp_path / "d")
    file = tmp_path / "d" / "dataset.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["modalities"][0]["name"] = "../../etc/passwd"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        load_dataset(tmp_path / "d")
    assert error.value.argument == "modality name"
