"""Record arrays as the DCASE baseline wrote them become sounds and captions; code in one does not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from mmcore.data.formats import check_source, read
from mmcore.data.formats.record_arrays import load_records
from mmcore.errors import InputError

BLOCK = {"reader": "clotho", "path": "clotho"}
WORDS = ["<sos>", "<eos>", *(f"word{i}" for i in range(40))]
FIELDS = [("file_name", "U40"), ("features", object), ("caption", object), ("caption_ind", "i4"), ("words_ind", object)]


def features(sound: int) -> np.ndarray:
    """(8 + sound, 64): sound number in every band."""
    return np.full((8 + sound, 64), sound, dtype=np.float32) + np.arange(8 + sound, dtype=np.float32)[:, None] / 100


def indices(sound: int, caption: int) -> np.ndarray:
    return np.array([0, 2 + sound, 30 + caption, 1])


def record(sound: int, caption: int, fields: tuple[str, ...] = tuple(n for n, _ in FIELDS)) -> np.recarray:
    values = {
        "file_name": f"{sound}.wav",
        "features": features(sound),
        "caption": f"sound {sound} told {caption}",
        "caption_ind": caption,
        "words_ind": indices(sound, caption),
    }
    dtype = [(name, kind) for name, kind in FIELDS if name in fields]
    array = np.empty((1,), dtype=dtype)
    array[0] = tuple(values[name] for name, _ in dtype)
    return array.view(np.recarray)


def make(root: Path, fields: tuple[str, ...] = tuple(n for n, _ in FIELDS), under: str = "clotho/data") -> Path:
    """12 sounds of development and 4 of evaluation, 3 captions each."""
    for part, sounds in (("dev", range(12)), ("eva", range(12, 16))):
        folder = root / under / f"clotho_dataset_{part}"
        folder.mkdir(parents=True)
        for sound in sounds:
            for caption in range(3):
                np.save(folder / f"clotho_{sound:02d}_{caption}.npy", record(sound, caption, fields))
    return root


def _raised(block: dict, folder: Path) -> InputError:
    with pytest.raises(InputError) as raised:
        read(block, folder, name="a")
    return raised.value


def test_captions_without_pairs_are_the_records(tmp_path: Path) -> None:
    block = {**BLOCK, "pairs": False}
    assert check_source(block) == []
    ds = read(block, make(tmp_path), name="a")
    assert len(ds) == 48
    assert ds.spec.labels == ()
    assert ds.spec.modality("audio").shape == (None, 64)
    for row, (sound, caption) in enumerate((s, c) for s in range(16) for c in range(3)):
        np.testing.assert_array_equal(ds["audio"][row], features(sound))
        assert ds["caption"][row] == f"sound {sound} told {caption}"
    assert ds.samples["sample_id"].iloc[[0, 47]].tolist() == ["dev/clotho_00_0", "eva/clotho_15_2"]


def test_evaluation_is_test_and_sounds_stay_whole(tmp_path: Path) -> None:
    ds = read({**BLOCK, "valid_share": 0.25}, make(tmp_path), name="a")
    split = ds.samples["split"].to_numpy()
    assert ds.groups is not None
    parts = {g: set(split[ds.groups == g]) for g in set(ds.groups)}
    assert all(len(p) == 1 for p in parts.values())
    assert {g for g, p in parts.items() if p == {"test"}} == {f"{i}.wav" for i in range(12, 16)}
    assert sum(p == {"valid"} for p in parts.values()) == 3
    none = read({**BLOCK, "valid_share": 0}, tmp_path, name="a")
    assert set(none.samples["split"]) == {"train", "test"}


def test_a_pair_matches_exactly_where_sound_and_caption_are_of_one_record(tmp_path: Path) -> None:
    ds = read({**BLOCK, "mismatches": 2, "valid_share": 0.25}, make(tmp_path), name="a")
    assert len(ds) == 48 * 3
    sound = np.array([int(x[0, 0]) for x in ds["audio"]])
    told = np.array([int(text.split()[1]) for text in ds["caption"]])
    np.testing.assert_array_equal(ds.samples["match"] == "match", sound == told)
    assert (ds.samples["match"] == "match").sum() == 48
    split = ds.samples["split"].to_numpy()
    part_of = {s: split[sound == s][0] for s in set(sound)}
    assert all(part_of[t] == p for t, p in zip(told, split, strict=True))


def test_captions_pool_and_words(tmp_path: Path) -> None:
    make(tmp_path)
    with (tmp_path / "clotho/data/words_list.p").open("wb") as file:
        pickle.dump(WORDS, file)
    block = {**BLOCK, "pairs": False, "captions": 1, "pool": 3, "words": "words_list.p"}
    ds = read(block, tmp_path, name="a")
    assert len(ds) == 16
    whole = features(5)  # 13 steps: four means of three, one of the last
    expected = np.vstack([whole[:12].reshape(4, 3, 64).mean(axis=1), whole[12:]])
    np.testing.assert_allclose(ds["audio"][5], expected, rtol=1e-6)
    assert ds["caption"][5] == "word5 word28"
    assert ds.spec.annotations["reading"]["text_from"] == ["words"]


def test_without_captions_and_names_the_indices_are_the_words(tmp_path: Path) -> None:
    ds = read({**BLOCK, "pairs": False}, make(tmp_path, ("features", "words_ind"), "clotho"), name="a")
    assert ds["caption"][4] == "0 3 31 1"
    assert ds.spec.annotations["reading"]["text_from"] == ["words_ind"]
    assert ds.groups is not None
    assert len(set(ds.groups)) == 16  # equal features are one sound


def _saved(path: Path, array: np.ndarray, old_names: bool) -> None:
    """An object .npy as numpy 1 wrote it: protocol 2, names of modules that numpy 2 moved."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        data = pickle.dumps(array, protocol=2)
        if old_names:
            data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            data = data.replace(b"numpy.rec\n", b"numpy.core.records\n")
        file.write(data)


@pytest.mark.parametrize("old_names", [False, True])
@pytest.mark.parametrize("form", ["recarray", "structured", "scalar"])
def test_records_of_old_and_new_numpy(form: str, old_names: bool, tmp_path: Path) -> None:
    array = record(3, 1)
    array = np.array(array) if form == "structured" else array.reshape(()) if form == "scalar" else array
    _saved(tmp_path / "a.npy", array, old_names)
    (found,) = load_records(tmp_path / "a.npy", "a.npy")
    np.testing.assert_array_equal(found["features"], features(3))
    np.testing.assert_array_equal(found["words_ind"], indices(3, 1))
    assert (found["file_name"], found["caption"], found["caption_ind"]) == ("3.wav", "sound 3 told 1", 1)


class _Code:
    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.place,)


def test_code_in_a_record_is_refused_and_does_not_run(tmp_path: Path) -> None:
    array = record(1, 0)
    array["features"][0] = _Code(tmp_path / "made")
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError) as raised:
        load_records(tmp_path / "a.npy", "a.npy")
    assert "mkdir" in raised.value.received
    assert not (tmp_path / "made").exists()


def test_plain_arrays_and_truncated_files_are_no_records(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(InputError, match="float64"):
        load_records(tmp_path / "a.npy", "a.npy")
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError):
        load_records(tmp_path / "a.npy", "a.npy")
    np.save(tmp_path / "b.npy", record(1, 0))
    whole = (tmp_path / "b.npy").read_bytes()
    for keep in (0, 5, 60, 300, 1000, len(whole) - 1):
        (tmp_path / "b.npy").write_bytes(whole[:keep])
        with pytest.raises(InputError) as raised:
            load_records(tmp_path / "b.npy", "b.npy")
        assert "b.npy" in raised.value.received


def test_a_truncated_record_of_the_set_is_named(tmp_path: Path) -> None:
    broken = make(tmp_path) / "clotho/data/clotho_dataset_eva/clotho_13_1.npy"
    broken.write_bytes(broken.read_bytes()[:-40])
    assert "clotho_dataset_eva/clotho_13_1.npy" in _raised(BLOCK, tmp_path).received


def test_a_missing_field_or_folder_and_wrong_shapes_are_named(tmp_path: Path) -> None:
    make(tmp_path)
    place = tmp_path / "clotho/data/clotho_dataset_dev/clotho_00_0.npy"
    np.save(place, record(0, 0, ("file_name", "features")))
    assert "with the fields file_name, features" in _raised(BLOCK, tmp_path).received
    for field, value, part in (
        ("features", np.zeros((5, 63)), "features of float64 (5, 63)"),
        ("features", np.zeros(64), "features of float64 (64,)"),
        ("words_ind", np.zeros(3), "words_ind of float64 (3,)"),
    ):
        array = record(0, 0)
        array[field][0] = value
        np.save(place, array)
        assert part in _raised(BLOCK, tmp_path).received
    np.save(place, record(13, 0))
    assert _raised(BLOCK, tmp_path).received == "13.wav in both folders"
    (tmp_path / "clotho/data/clotho_dataset_eva").rename(tmp_path / "clotho/data/clotho_dataset_val")
    assert "clotho_dataset_eva" in _raised(BLOCK, tmp_path).received


def test_another_list_of_words_and_other_modalities_are_refused(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "clotho/data/words.txt").write_text("\n".join(WORDS[:10]))
    error = _raised({**BLOCK, "words": "words.txt"}, tmp_path)
    assert (error.argument, error.allowed) == ("words", "0 to 9")
    error = _raised({**BLOCK, "modalities": {"audio": "timeseries"}}, tmp_path)
    assert error.allowed == "audio: timeseries, caption: text"
