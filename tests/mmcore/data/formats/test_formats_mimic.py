"""The MIMIC file: labels by their rule, upstream's split to the row, nothing standardised."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest

from mmcore.data.formats import read
from mmcore.errors import InputError

N = 60
BLOCK = {"reader": "mimic", "path": "im.pk"}


def _content() -> dict:
    rng = np.random.default_rng(0)
    return {
        "adm_features_all": rng.normal(50, 9, size=(N, 5)),
        "ep_tdata": rng.normal(80, 9, size=(N, 24, 12)),
        "adm_labels_all": (rng.uniform(size=(N, 6)) < 0.2).astype(np.int64),
        "y_icd9": rng.integers(0, 2, size=(N, 20)),
        "adm_id": np.arange(N),
    }


def _write(content: object, folder: Path) -> Path:
    (folder / "im.pk").write_bytes(pickle.dumps(content, protocol=4))
    return folder


def test_values_are_those_of_the_file(tmp_path: Path) -> None:
    content = _content()
    ds = read(BLOCK, _write(content, tmp_path), name="mimic")
    np.testing.assert_array_equal(ds["static"], content["adm_features_all"].astype(np.float32))
    np.testing.assert_array_equal(ds["series"], content["ep_tdata"].astype(np.float32))
    assert ds.modalities == ("static", "series")
    assert ds.spec.modality("series").rate == pytest.approx(1 / 3600)


def test_mortality_is_the_first_positive_flag(tmp_path: Path) -> None:
    content = _content()
    ds = read(BLOCK, _write(content, tmp_path), name="mimic")
    assert len(ds.spec.label().classes or ()) == 6
    # by hand, as in the source of the label rule: `if flag 1 ... elif flag 2 ... else 0`
    for row, flags in enumerate(content["adm_labels_all"]):
        assert ds.labels()[row] == next((k for k in range(1, 6) if flags[k] > 0), 0)
    assert len(set(ds.labels())) > 3


def test_the_split_is_upstreams(tmp_path: Path) -> None:
    ds = read(BLOCK, _write(_content(), tmp_path), name="mimic")
    # upstream shuffles the list of samples itself, with the global generator
    state = random.getstate()
    samples = list(range(N))
    random.seed(10)
    random.shuffle(samples)
    random.setstate(state)
    assert set(ds.rows("valid")) == set(samples[: N // 10])
    assert set(ds.rows("test")) == set(samples[N // 10 : N // 5])
    assert set(ds.rows("train")) == set(samples[N // 5 :])


def test_reading_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    state = random.getstate()
    read(BLOCK, root, name="mimic")
    assert random.getstate() == state


def test_other_shares_are_drawn(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    ds = read({**BLOCK, "split": [0.5, 0.25, 0.25], "target": "icd9", "icd9_group": 1}, root, name="mimic")
    assert abs(len(ds.rows("train")) - 30) <= 2
    with pytest.raises(InputError, match="'published'"):
        read({**BLOCK, "split": "publishd"}, root, name="mimic")


def test_diagnosis_groups(tmp_path: Path) -> None:
    content = _content()
    root = _write(content, tmp_path)
    ds = read({**BLOCK, "target": "icd9", "icd9_group": 7}, root, name="mimic")
    np.testing.assert_array_equal(ds.labels(), content["y_icd9"][:, 7])
    ds = read({**BLOCK, "target": "icd9"}, root, name="mimic")
    assert ds.spec.label().task == "multilabel"
    np.testing.assert_array_equal(ds.labels(), content["y_icd9"])
    with pytest.raises(InputError, match="0 to 19"):
        read({**BLOCK, "target": "icd9", "icd9_group": 20}, root, name="mimic")
    with pytest.raises(InputError, match="target: icd9"):
        read({**BLOCK, "icd9_group": 1}, root, name="mimic")


def test_infinite_and_missing_entries_are_zero_or_left_to_preprocessing(tmp_path: Path) -> None:
    content = _content()
    content["adm_features_all"][3, 1] = np.inf
    content["ep_tdata"][5, 2:4, 0] = np.nan
    root = _write(content, tmp_path)
    ds = read(BLOCK, root, name="mimic")
    assert ds["static"][3, 1] == 0
    assert not ds["series"][5, 2:4, 0].any()
    assert ds.spec.annotations["reading"] == {"non_finite": {"static": 1, "series": 2}}
    ds = read({**BLOCK, "non_finite": "nan"}, root, name="mimic")
    assert np.isnan(ds["static"][3, 1])
    assert np.isnan(ds["series"]).sum() == 2


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda c: c.pop("ep_tdata"), "ep_tdata"),
        (lambda c: c.pop("adm_labels_all"), "adm_labels_all"),
        (lambda c: c.update(ep_tdata=np.zeros((N, 12, 24))), "(N, 24, 12)"),
        (lambda c: c.update(adm_labels_all=np.zeros((N, 5))), "(N, 6)"),
        (lambda c: c.update(adm_features_all=np.zeros((N - 1, 5))), "59 rows"),
    ],
)
def test_another_layout_is_named(spoil, part: str, tmp_path: Path) -> None:
    content = _content()
    spoil(content)
    with pytest.raises(InputError) as raised:
        read(BLOCK, _write(content, tmp_path), name="mimic")
    assert part in str(raised.value)


def test_only_what_is_asked_for_needs_to_be_there(tmp_path: Path) -> None:
    content = _content()
    content.pop("ep_tdata")
    content.pop("y_icd9")
    ds = read({**BLOCK, "modalities": {"static": "tabular"}}, _write(content, tmp_path), name="mimic")
    assert ds.modalities == ("static",)


def test_a_truncated_file_or_another_object_says_so(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    whole = (root / "im.pk").read_bytes()
    (root / "im.pk").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="breaks off"):
        read(BLOCK, root, name="mimic")
    with pytest.raises(InputError, match="dict of arrays"):
        read(BLOCK, _write([1, 2], tmp_path), name="mimic")
