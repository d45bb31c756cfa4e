"""Kinetics-S and CIFAR-ESC as torch saved them: values and order come back, strangers' code does not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.data.formats import check_source, read
from mmcore.data.formats.torch_files import load_torch
from mmcore.errors import InputError

KINETICS = {"reader": "kinetics", "path": "small"}
CIFAR = {"reader": "cifar_esc", "path": "fulldata.pt"}


class _Code:
    """Pickles as a call of os.mkdir."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.place,)


def _raised(block: dict, folder: Path) -> InputError:
    with pytest.raises(InputError) as raised:
        read(block, folder, name="a")
    return raised.value


# --- torch files


def test_tensors_numpy_arrays_and_scalars_come_back(tmp_path: Path) -> None:
    content = {
        "t": torch.arange(6).reshape(2, 3),
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "n": [np.arange(4, dtype=np.int16).reshape(2, 2, order="F"), np.float32(2.5), np.array(["ab", "c"])],
        "plain": (1, "x", None, True),
    }
    torch.save(content, tmp_path / "a.pt")
    got = load_torch(tmp_path / "a.pt", "a.pt")
    np.testing.assert_array_equal(got["t"], np.arange(6).reshape(2, 3))
    assert got["half"].tolist() == [1.5]
    np.testing.assert_array_equal(got["n"][0], [[0, 2], [1, 3]])
    assert got["n"][1] == 2.5
    assert got["n"][2].tolist() == ["ab", "c"]
    assert got["plain"] == (1, "x", None, True)


def test_code_in_a_torch_file_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch.save([_Code(tmp_path / "made")], tmp_path / "a.pt")
    with pytest.raises(InputError) as raised:
        load_torch(tmp_path / "a.pt", "a.pt")
    assert "mkdir" in raised.value.received
    assert "add_safe_globals" not in str(raised.value)
    assert not (tmp_path / "made").exists()
    torch.save([np.array([_Code(tmp_path / "made")], dtype=object)], tmp_path / "a.pt")
    with pytest.raises(InputError):
        load_torch(tmp_path / "a.pt", "a.pt")
    assert not (tmp_path / "made").exists()


def test_admitted_names_do_not_stay_admitted(tmp_path: Path) -> None:
    torch.save([np.arange(3)], tmp_path / "a.pt")
    load_torch(tmp_path / "a.pt", "a.pt")
    assert [name for name in torch.serialization.get_safe_globals() if "numpy" in str(name)] == []
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "a.pt", weights_only=True)


def test_arrays_of_objects_and_odd_contents_are_refused(tmp_path: Path) -> None:
    for content in ([np.array([None, 1], dtype=object)], [{1, 2}], torch.zeros(2, 2).to_sparse()):
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(InputError) as raised:
            load_torch(tmp_path / "a.pt", "a.pt")
        assert "a.pt" in raised.value.received


# --- Kinetics-S


def video(i: int) -> torch.Tensor:
    """(3, 6, 8, 8): channel c of frame t of video i holds 100 i + 10 t + c, and its place in the last digits."""
    base = 100 * i + 10 * torch.arange(6)[None, :, None, None] + torch.arange(3)[:, None, None, None]
    return base.float() + torch.arange(64).reshape(1, 1, 8, 8) / 100


def levels(i: int) -> np.ndarray:
    """(40, 5 + i) float32."""
    return np.arange(40 * (5 + i), dtype=np.float32).reshape(40, 5 + i) + i


@pytest.fixture
def kinetics(tmp_path: Path) -> Path:
    """Parts of 4 batches: train 0, 2 and 10, two samples each, then one of valid and test."""
    batches = {"train": {0: (0, 1), 2: (2, 3), 10: (4, 5)}, "valid": {0: (6, 7)}, "test": {0: (8, 9)}}
    for part, numbered in batches.items():
        (tmp_path / "small" / part).mkdir(parents=True)
        for k, samples in numbered.items():
            # both forms occur: tensors, and numpy arrays with plain numbers
            saved = [
                (video(i), levels(i), i % 5) if i % 2 else (video(i), torch.from_numpy(levels(i)), torch.tensor(i % 5))
                for i in samples
            ]
            torch.save(saved, tmp_path / "small" / part / f"batch_37{k}.pdt")
    return tmp_path


def test_clips_come_in_the_order_of_the_batch_numbers(kinetics: Path) -> None:
    assert check_source(KINETICS) == []
    whole = {"modalities": {"video": {"kind": "timeseries", "flat": False}, "audio": "timeseries"}}
    ds = read({**KINETICS, **whole}, kinetics, name="a")
    assert ds.samples["split"].tolist() == ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    assert ds.samples["sample_id"].tolist()[4:7] == ["train/10/0", "train/10/1", "valid/0/0"]
    np.testing.assert_array_equal(ds.labels(), np.arange(10) % 5)
    assert ds.spec.label().classes == ("archery", "breakdancing", "crying", "dining", "singing")
    assert ds.spec.modality("video").shape == (None, 8, 8, 3)
    assert ds.spec.modality("audio").shape == (None, 40)
    for i in range(10):
        np.testing.assert_array_equal(ds["video"][i], video(i).numpy().transpose(1, 2, 3, 0))
        np.testing.assert_array_equal(ds["audio"][i], levels(i).T)


def test_frames_are_taken_at_equal_distances_and_sizes_average(kinetics: Path) -> None:
    block = {**KINETICS, "modalities": {"video": {"kind": "timeseries", "frames": 3, "size": [4, 4], "flat": False}}}
    assert check_source(block) == []
    ds = read(block, kinetics, name="a")
    assert ds.modalities == ("video",)
    frames = video(7).numpy().transpose(1, 2, 3, 0)[[0, 2, 5]]  # round(0, 2.5, 5), halves to even
    expected = frames.reshape(3, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(ds["video"][7], expected, rtol=1e-6)
    more = read({**KINETICS, "modalities": {"video": {"kind": "timeseries", "frames": 99}}}, kinetics, name="a")
    np.testing.assert_array_equal(more["video"][3], video(3).numpy().transpose(1, 2, 3, 0).reshape(6, -1))
    assert len(more["video"][0]) == 6


def test_the_middle_frame_and_sizes_that_differ(kinetics: Path) -> None:
    block = {**KINETICS, "modalities": {"video": "image"}}
    assert check_source(block) == []
    ds = read(block, kinetics, name="a")
    assert ds.spec.modality("video").shape == (8, 8, 3)
    np.testing.assert_array_equal(ds["video"][4], video(4)[:, 3].numpy().transpose(1, 2, 0))
    torch.save([(torch.zeros(3, 2, 4, 8), levels(0), 0)], kinetics / "small" / "test" / "batch_370.pdt")
    assert _raised(block, kinetics).received == "frames of (4, 8, 3) and (8, 8, 3)"
    smaller = {"modalities": {"video": {"kind": "image", "size": [2, 2]}}}
    assert read({**KINETICS, **smaller}, kinetics, name="a")["video"].shape == (9, 2, 2, 3)
    assert _raised({**KINETICS, "modalities": {"audio": "image"}}, kinetics).argument == "modalities.audio.kind"


@pytest.mark.parametrize(
    ("sample", "part"),
    [
        ((torch.zeros(6, 3, 8, 8), levels(0), 0), "a video of"),
        ((torch.zeros(3, 8, 8), levels(0), 0), "a video of"),
        ((video(20), np.zeros((39, 5), np.float32), 0), "a spectrogram of"),
        ((video(20), levels(0), 5), "5 in test/0/0"),
        ((video(20), levels(0), 1.5), "1.5 in test/0/0"),
        ((video(20), levels(0)), "a tuple of 2 at 0 of"),
        ((video(1), levels(0), 0), "lies in train too"),
    ],
    ids=["channels last", "one frame", "39 bands", "class 5", "class 1.5", "no label", "in two parts"],
)
def test_another_layout_is_named(sample: tuple, part: str, kinetics: Path) -> None:
    torch.save([sample], kinetics / "small" / "test" / "batch_370.pdt")
    assert part in _raised(KINETICS, kinetics).received


def test_a_missing_part_or_batch_is_named(kinetics: Path) -> None:
    batch = kinetics / "small" / "test" / "batch_370.pdt"
    torch.save({"video": 1}, batch)
    assert "a dict in small/test/batch_370.pdt" in _raised(KINETICS, kinetics).received
    batch.rename(batch.with_name("batch.pdt"))
    assert _raised(KINETICS, kinetics).received == "small/test with batch.pdt"
    (kinetics / "small" / "valid").rename(kinetics / "small" / "val")
    assert "small/valid" in _raised(KINETICS, kinetics).received


@pytest.mark.parametrize("keep", [0, 2, 100, 0.5, 0.99])
def test_a_truncated_batch_says_which(keep: float, kinetics: Path) -> None:
    batch = kinetics / "small" / "train" / "batch_372.pdt"
    whole = batch.read_bytes()
    batch.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    error = _raised(KINETICS, kinetics)
    assert error.argument == "path"
    assert "small/train/batch_372.pdt" in error.received


def test_unknown_modality_of_kinetics(kinetics: Path) -> None:
    error = _raised({**KINETICS, "modalities": {"vidio": "timeseries"}}, kinetics)
    assert error.remedy == "Did you mean 'video'?"


# --- CIFAR-ESC


def picture(i: int) -> np.ndarray:
    return (np.arange(3072) + 7 * i) % 256


def sound(i: int) -> np.ndarray:
    return np.full((112, 112), i / 100, dtype=np.float32) + np.arange(112, dtype=np.float32)[:, None]


def pairs(images: range) -> list:
    """Each image with its own sound and with the next one."""
    return [s for i in images for s in ([picture(i), sound(i), 1], [picture(i), torch.from_numpy(sound(i + 1)), 0])]


PARTS = (pairs(range(8)), pairs(range(8, 11)), pairs(range(11, 14)))


@pytest.mark.parametrize("form", ["tuple", "dict"])
def test_images_sounds_and_labels_of_cifar_esc(form: str, tmp_path: Path) -> None:
    content = PARTS if form == "tuple" else dict(zip(("train", "val", "test"), PARTS, strict=True))
    torch.save(content, tmp_path / "fulldata.pt")
    assert check_source(CIFAR) == []
    ds = read(CIFAR, tmp_path, name="a")
    assert len(ds) == 28
    assert ds.samples["split"].tolist() == ["train"] * 16 + ["valid"] * 6 + ["test"] * 6
    assert (ds["image"].dtype, ds["image"].shape, ds["audio"].shape) == (np.uint8, (28, 32, 32, 3), (28, 112, 112, 1))
    for channel, row, column in ((0, 0, 0), (1, 5, 7), (2, 31, 30)):
        # CIFAR's own order: 1024 red, then green, then blue, each row by row
        assert ds["image"][20, row, column, channel] == picture(10)[channel * 1024 + row * 32 + column]
    np.testing.assert_array_equal(ds["audio"][21, :, :, 0], sound(11))
    assert ds.samples["label"].tolist() == ["match", "mismatch"] * 14
    assert ds.groups is not None
    assert len(set(ds.groups)) == 14


def test_vectors_as_lists_and_floats(tmp_path: Path) -> None:
    floats = [[[(p / 255).tolist(), s, y] for p, s, y in part] for part in PARTS]
    torch.save(floats, tmp_path / "fulldata.pt")
    ds = read({**CIFAR, "modalities": {"image": "image"}}, tmp_path, name="a")
    assert ds["image"].dtype == np.float32
    assert ds["image"][2, 0, 3, 1] == np.float32(picture(1)[1024 + 3] / 255)


def test_images_in_two_parts_are_refused_redrawn_or_kept(tmp_path: Path) -> None:
    torch.save((PARTS[0], PARTS[1] + pairs(range(2)), PARTS[2]), tmp_path / "fulldata.pt")
    error = _raised(CIFAR, tmp_path)
    assert error.received == "2 images that lie in two parts of fulldata.pt"
    ds = read({**CIFAR, "split": [0.6, 0.2, 0.2]}, tmp_path, name="a")
    assert ds.groups is not None
    assert all(ds.samples["split"][ds.groups == g].nunique() == 1 for g in set(ds.groups))
    kept = read({**CIFAR, "overlap": "keep"}, tmp_path, name="a")
    assert kept.groups is None
    # sounds 0 to 2 of train come again with images 0 and 1 of valid, 8 and 11 as the next part's first
    assert kept.spec.annotations["reading"]["in_two_parts_of_the_file"] == {"image": 2, "audio": 5}


@pytest.mark.parametrize(
    ("content", "argument", "part"),
    [
        (PARTS[:2], "path", "a tuple of 2"),
        ((PARTS[0], [], PARTS[2]), "path", "without samples in valid"),
        ({"train": PARTS[0], "test": PARTS[2]}, "path", "without samples in valid"),
        ({"train": PARTS[0], "tset": PARTS[2]}, "part of fulldata.pt", "tset"),
        ((PARTS[0], PARTS[1], [[np.zeros(3000), sound(0), 1]]), "path", "image of float64 (3000,) at test 0"),
        ((PARTS[0], PARTS[1], [[picture(0), np.zeros((112, 100)), 1]]), "path", "sound of float64 (112, 100)"),
        ((PARTS[0], PARTS[1], [[picture(0), sound(0), 3]]), "label", "[3] at test 0"),
        ((PARTS[0], PARTS[1], [[picture(0), sound(0)]]), "path", "a list at test 0"),
        (torch.zeros(3), "path", "a ndarray"),
    ],
)
def test_another_layout_of_cifar_esc_is_named(content: object, argument: str, part: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "fulldata.pt")
    error = _raised(CIFAR, tmp_path)
    assert error.argument == argument
    assert part in error.received


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.999])
def test_a_truncated_fulldata_says_so(keep: float, tmp_path: Path) -> None:
    torch.save(PARTS, tmp_path / "fulldata.pt")
    whole = (tmp_path / "fulldata.pt").read_bytes()
    kept = int(keep * len(whole)) if isinstance(keep, float) else keep
    (tmp_path / "fulldata.pt").write_bytes(whole[:kept])
    assert "fulldata.pt" in _raised(CIFAR, tmp_path).received


def test_code_in_fulldata_does_not_run(tmp_path: Path) -> None:
    torch.save((PARTS[0], PARTS[1], [_Code(tmp_path / "made")]), tmp_path / "fulldata.pt")
    assert "asks for" in _raised(CIFAR, tmp_path).received
    assert not (tmp_path / "made").exists()
