"""The state of a dataset: shares, means and spreads that can be worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmcore.data import from_arrays, load_dataset, save_dataset
from mmcore.data.ragged import Ragged
from mmcore.data.state import acceptance_frame, row_summary, state


def test_row_summaries_are_means_of_finite_numbers_of_present_rows():
    a = np.array([[1.0, 3.0], [np.nan, 5.0], [np.inf, 7.0], [np.nan, np.nan], [9.0, 9.0]])
    ds = from_arrays({"a": a}, labels=[0, 1, 0, 1, 0], presence={"a": [True, True, True, True, False]}, name="my")
    np.testing.assert_array_equal(row_summary(ds, "a"), [2.0, 5.0, 7.0, np.nan, np.nan])


def test_row_summaries_of_texts_images_and_ragged_rows():
    ds = from_arrays(
        {
            "words": ["four", "", "sixsix"],
            "picture": np.full((3, 2, 2, 3), 200, dtype=np.uint8),
            "steps": Ragged.from_list([[[1.0], [2.0]], [], [[6.0]]]),
        },
        labels=[0, 1, 0], name="my",
    )  # fmt: skip
    np.testing.assert_array_equal(row_summary(ds, "words"), [4.0, np.nan, 6.0])
    np.testing.assert_array_equal(row_summary(ds, "picture"), [200.0] * 3)
    np.testing.assert_array_equal(row_summary(ds, "steps"), [1.5, np.nan, 6.0])


def test_small_types_do_not_overflow():
    ds = from_arrays({"a": np.full((2, 300), 60_000, dtype=np.float16)}, labels=[0, 1], name="my")
    np.testing.assert_allclose(row_summary(ds, "a"), float(np.float16(60_000)))


def test_state_has_shares_means_and_spreads():
    ds = from_arrays(
        {"a": [[1.0], [3.0], [5.0], [100.0]]}, labels=["x", "x", "y", None], classes=["x", "y", "z"], name="my",
        presence={"a": [True, True, True, False]}, version="4",
    )  # fmt: skip
    found = state(ds)
    assert (found["version"], found["n_samples"]) == ("4", 4)
    assert found["labels"] == {"label": {"x": 2 / 3, "y": 1 / 3, "z": 0.0}}
    assert found["modalities"]["a"] == {"missing": 0.25, "mean": 3.0, "sd": pytest.approx(np.sqrt(8 / 3))}


def test_nothing_known_is_none_and_not_a_number_that_json_lacks():
    ds = from_arrays({"a": [[1.0], [2.0]], "b": [[1.0], [2.0]]}, labels=[None, None], task="classification",
                     classes=["x", "y"], presence={"a": [False, False]}, name="my")  # fmt: skip
    found = state(ds)
    assert found["modalities"]["a"] == {"missing": 1.0, "mean": None, "sd": None}
    assert found["labels"] == {"label": {"x": 0.0, "y": 0.0}}
    json.dumps(found, allow_nan=False)


def test_state_does_not_depend_on_the_order_of_rows_or_on_the_disk(tmp_path):
    draws = np.random.default_rng(2)
    ds = from_arrays({"a": draws.normal(size=(50, 4))}, labels=draws.integers(0, 3, 50), name="my", seed=0)
    save_dataset(ds, tmp_path / "my")
    assert state(load_dataset(tmp_path / "my")) == state(ds)
    turned, same = state(ds.select(np.arange(50)[::-1])), state(ds)
    assert turned["labels"] == same["labels"]
    assert turned["modalities"]["a"]["mean"] == pytest.approx(same["modalities"]["a"]["mean"], rel=1e-12)


def test_a_shift_by_half_a_spread_is_what_drift_measures():
    a = np.random.default_rng(0).normal(size=(200, 1))
    before = state(from_arrays({"a": a}, labels=np.arange(200) % 2, name="my"))["modalities"]["a"]
    after = state(from_arrays({"a": a + before["sd"] / 2}, labels=np.arange(200) % 2, name="my"))["modalities"]["a"]
    assert (after["mean"] - before["mean"]) / before["sd"] == pytest.approx(0.5)


def test_the_frame_of_acceptance_leaves_other_labels_out_and_missing_texts_visible():
    ds = from_arrays({"a": [[1.0], [2.0]]}, labels={"kind": ["x", None], "score": [0.5, 1.5]}, name="my",
                     groups=["g", "h"], split=["train", "test"])  # fmt: skip
    frame = acceptance_frame(ds)
    assert list(frame.columns) == ["sample_id", "split", "group", "kind", "has_a", "mean_a"]
    assert frame["kind"].isna().tolist() == [False, True]
    samples = ds.samples.copy()
    samples.loc[0, "split"] = None
    assert acceptance_frame(type(ds)(ds.spec, samples, ds.arrays))["split"].tolist() == ["", "test"]
