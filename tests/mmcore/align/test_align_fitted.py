"""What an alignment learned is stored and applied again: new rows get what they get as part of the whole."""

import numpy as np
import pytest

from mmcore.align import METHODS, align_dataset, fit_alignment, load_alignment
from mmcore.align.resample import delay
from mmcore.atomic import canonical_json
from mmcore.data import Dataset, Ragged, from_arrays
from mmcore.errors import InputError

N = 60
SPLIT = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
NEW = np.arange(40, N)
VECTORS = {"method": "correlation", "reference": "a", "components": 2}
STEPS = {"method": "correlation", "reference": "a", "over": "steps", "ridge": 0.01}
LAG = {"method": "lag", "reference": "a", "max_lag": 0.3}
CASES = {"vectors": VECTORS, "steps": STEPS, "ragged steps": STEPS, "lag": LAG, "ragged lag": LAG}


def dataset(name: str, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    if name == "vectors":
        a = rng.normal(size=(N, 4))
        b = a @ rng.normal(size=(4, 3)) + rng.normal(size=(N, 3))
    else:
        a = np.lib.stride_tricks.sliding_window_view(rng.normal(size=(N, 68, 2)), 9, axis=1) @ np.hanning(9)
        b = np.stack([delay(row, 4.25) for row in a]) if "lag" in name else a @ rng.normal(size=(2, 2)) + 0.1
    content = {"a": a, "b": b}
    if "ragged" in name:
        content = {m: [row[: 50 + i % 10] for i, row in enumerate(rows)] for m, rows in content.items()}
    kind = "tabular" if name == "vectors" else "timeseries"
    rates = None if name == "vectors" else {"a": 50.0, "b": 50.0}
    return from_arrays(
        content, labels=np.arange(N) % 2, name="my", kinds=dict.fromkeys("ab", kind), rates=rates, split=SPLIT,
        presence={"b": np.arange(N) % 11 > 0},
    )  # fmt: skip


def flat(ds: Dataset, name: str) -> np.ndarray:
    return ds[name].values if isinstance(ds[name], Ragged) else ds[name]


def same(first: Dataset, second: Dataset) -> bool:
    return all(np.array_equal(flat(first, m), flat(second, m)) for m in "ab") and first.modalities == second.modalities


@pytest.mark.parametrize("name", CASES)
def test_new_rows_get_what_they_get_in_the_whole(name, tmp_path):
    ds, block = dataset(name), CASES[name]
    whole, record = align_dataset(ds, **block)
    assert not same(whole, ds)
    fitted = fit_alignment(ds, **block)
    fitted.save(tmp_path)
    loaded = load_alignment(tmp_path)
    assert "fitted on train rows" in repr(loaded)
    for alignment in (fitted, loaded):
        again, said = alignment.apply(ds)
        assert same(again, whole) and canonical_json(said) == canonical_json(record)
        part, _ = alignment.apply(ds.select(NEW))  # no train row among them: nothing could be fitted here
        expected = whole.select(NEW)
        for modality in "ab":
            np.testing.assert_allclose(flat(part, modality), flat(expected, modality), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_only_train_rows_teach(name, tmp_path):
    first, second = dataset(name), dataset(name, seed=1)
    arrays = {m: np.concatenate([flat(first, m), flat(second, m)]) for m in "ab"} if "ragged" not in name else {}
    for modality in "ab" if not arrays else ():
        rows = [first[modality][i] for i in range(40)] + [second[modality][i] for i in range(40, N)]
        arrays[modality] = Ragged.from_list(rows)
    if "ragged" not in name:
        arrays = {m: np.concatenate([values[:40], values[N + 40 :]]) for m, values in arrays.items()}
    for folder, ds in (("one", first), ("other", first.replace(arrays)), ("third", second)):
        fit_alignment(ds, **CASES[name]).save(tmp_path / folder)
    one, other, third = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("one", "other", "third")
    )
    assert one == other != third


@pytest.mark.parametrize("method", [m.name for m in METHODS if m.name not in ("words", "none")])
def test_every_method_can_be_stored(method, tmp_path):
    ds = dataset("lag").select(np.arange(32, 44))  # train and validation rows
    block = {"lag": LAG, "correlation": STEPS}.get(method, {"method": method, "reference": "a"})
    fit_alignment(ds, **block).save(tmp_path)
    again, record = load_alignment(tmp_path).apply(ds)
    whole, expected = align_dataset(ds, **block)
    assert same(again, whole) and canonical_json(record) == canonical_json(expected)


def test_what_is_worked_out_on_each_sample_is_not_learned(tmp_path):
    fitted = fit_alignment(dataset("lag"), **LAG, scope="sample")
    assert fitted.learned is None and "nothing fitted" in repr(fitted)


def test_an_earlier_fit_leaves_no_file(tmp_path):
    fit_alignment(dataset("vectors"), **VECTORS).save(tmp_path)
    assert (tmp_path / "correlation.npz").is_file()
    fit_alignment(dataset("vectors")).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["alignment.json"]


def test_other_modalities_and_broken_files_are_refused(tmp_path):
    fitted = fit_alignment(dataset("vectors"), **VECTORS)
    with pytest.raises(InputError) as error:
        fitted.apply(dataset("steps"))
    assert error.value.argument == "modalities"
    with pytest.raises(InputError) as error:
        load_alignment(tmp_path)
    assert error.value.argument == "directory"
    fitted.save(tmp_path)
    (tmp_path / "correlation.npz").write_bytes(b"other")
    with pytest.raises(InputError) as error:
        load_alignment(tmp_path)
    assert error.value.argument == "correlation.npz"
    for content, received in (("{", "line 1"), ('{"format": 9}', "format 9"), ("[]", "format list")):
        (tmp_path / "alignment.json").write_text(content)
        with pytest.raises(InputError) as error:
            load_alignment(tmp_path)
        assert received in error.value.received
