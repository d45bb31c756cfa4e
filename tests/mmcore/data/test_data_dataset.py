"""Dataset and Ragged: selecting, replacing, describing; and specifications that cannot be."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.data import Dataset, DatasetSpec, LabelSpec, ModalitySpec, Ragged, from_arrays
from mmcore.errors import InputError


def small():
    return from_arrays(
        {
            "a": np.arange(12.0).reshape(6, 2),
            "s": [np.full((t, 1), t) for t in (1, 0, 2, 3, 0, 1)],
            "t": ["p", None, "q", "r", "s", "t"],
        },
        labels={"y": [0, 1, None, 1, 0, 1], "z": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0]},
        split=["train", "train", "train", "valid", "test", "test"],
        groups=["g", "g", "g", "h", "i", "i"],
        folds=[0, 0, 0, 1, 1, None],
        units={"a": "m"},
        name="small",
    )


@pytest.mark.parametrize("rows", [[4, 0, 2], np.array([True, False, True, False, True, False])])
def test_select_takes_the_same_rows_of_everything(rows):
    ds = small()
    picked = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.array(rows)
    part = ds.select(rows)
    assert len(part) == part.spec.n_samples == 3
    np.testing.assert_array_equal(part["a"], ds["a"][picked])
    assert [part["s"][i].tolist() for i in range(3)] == [ds["s"][int(i)].tolist() for i in picked]
    assert part["t"].tolist() == ds["t"][picked].tolist()
    assert part.samples["sample_id"].tolist() == ds.samples["sample_id"][picked].tolist()
    assert part.labels().tolist() == ds.labels()[picked].tolist()
    assert part.folds.tolist() == ds.folds[picked].tolist()
    assert part.presence("s").tolist() == ds.presence("s")[picked].tolist()


def test_select_refuses_nothing_and_foreign_masks():
    with pytest.raises(InputError):
        small().select([])
    with pytest.raises(InputError) as error:
        small().select(np.ones(5, bool))
    assert error.value.argument == "rows"


def test_replace_swaps_and_adds():
    ds = small()
    swapped = ds.replace(a=np.ones((6, 5), np.float32))
    assert swapped.spec.modality("a") == dataclasses.replace(ds.spec.modality("a"), shape=(5,), dtype="float32")
    assert ds["a"].shape == (6, 2), "the first dataset is as it was"
    spec = ModalitySpec("b", "embedding", (3,), "float64")
    mask = np.array([True] * 5 + [False])
    added = ds.replace({"b": np.zeros((6, 3))}, specs={"b": spec}, presence={"b": mask})
    assert added.modalities == ("a", "s", "t", "b")
    assert added.presence("b").tolist() == mask.tolist()
    assert "has_b" not in ds.samples
    dense = ds.replace(s=np.zeros((6, 3, 1)))
    assert not dense.spec.modality("s").ragged


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"b": np.zeros((6, 1))}, "specs"),
        ({"a": np.zeros((5, 2))}, "a"),
        ({"a": np.zeros((6, 2)), "presence": {"a": [True]}}, "presence of a"),
        ({"presence": {"q": [True] * 6}}, "presence"),
        ({"a": np.zeros((6, 3)), "specs": {"a": ModalitySpec("a", "tabular", (2,), "float64")}}, "a"),
    ],
)
def test_replace_names_what_does_not_fit(change, argument):
    with pytest.raises(InputError) as error:
        small().replace(**change)
    assert error.value.argument == argument


def test_unknown_names_offer_the_nearest():
    with pytest.raises(InputError) as error:
        from_arrays({"audio": np.ones((3, 1))})["audoi"]
    assert "'audio'" in error.value.remedy
    with pytest.raises(InputError) as error:
        small().rows("tets")
    assert "'test'" in error.value.remedy


def test_annotate_adds_and_leaves_the_first():
    ds = small().annotate(question="?").annotate(sample_noun="row")
    assert ds.spec.annotations == {"question": "?", "sample_noun": "row"}
    assert small().spec.annotations == {}


def test_without_labels_groups_or_folds():
    ds = from_arrays({"a": np.ones((4, 1))})
    assert ds.groups is None
    assert ds.folds is None
    with pytest.raises(InputError) as error:
        ds.labels()
    assert error.value.argument == "label"


def test_describe_counts():
    described = small().describe()
    assert json.loads(json.dumps(described)) == described
    assert described["n_samples"] == 6
    assert described["splits"] == {"train": 3, "valid": 1, "test": 2}
    assert described["folds"] == {"0": 3, "1": 2}
    assert described["groups"] == {"n": 3, "smallest": 1, "median": 2.0, "largest": 3}
    first, second = described["labels"]
    assert first["n_labelled"] == 5
    assert first["classes"] == [{"name": "0", "n": 2, "share": 0.4}, {"name": "1", "n": 3, "share": 0.6}]
    assert (second["n_labelled"], second["minimum"], second["mean"], second["maximum"]) == (5, 1.0, 3.6, 6.0)
    table, steps, text = described["modalities"]
    assert (table["kind"], table["shape"], table["dtype"], table["n_missing"]) == ("tabular", [2], "float64", 0)
    assert (steps["n_missing"], steps["missing_rate"]) == (2, 1 / 3)
    assert steps["length"] == {"minimum": 1, "median": 1.5, "maximum": 3}
    assert (text["dtype"], text["n_missing"]) == ("str", 1)


def test_describe_multilabel_and_empty_parts():
    table = np.array([[1, 0], [1, 1], [np.nan, np.nan]])
    ds = from_arrays({"a": [[np.nan]] * 3}, labels={"m": table, "r": np.full(3, np.nan)}, split=["train"] * 3)
    multilabel, regression = ds.describe()["labels"]
    assert [c["n"] for c in multilabel["classes"]] == [2, 1]
    assert multilabel["classes"][1]["share"] == 0.5
    assert (regression["n_labelled"], regression["mean"]) == (0, None)
    assert ds.describe()["modalities"][0]["missing_rate"] == 1.0


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=8), seed=st.integers(0, 99), timed=st.booleans())
def test_ragged_select_is_selection_of_a_list(lengths, seed, timed):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(t, 2)) for t in lengths]
    times = [rng.random((t, 2)) for t in lengths] if timed else None
    ragged = Ragged.from_list(rows, times, width=2)
    picked = rng.integers(0, len(rows), 5)
    part = ragged.select(picked)
    for i, row in enumerate(picked):
        np.testing.assert_array_equal(part[i], rows[row])
        if timed:
            np.testing.assert_array_equal(part.times_of(i), times[row])
    keep = rng.random(len(rows)) < 0.5
    assert ragged.emptied(keep).lengths.tolist() == [t if k else 0 for t, k in zip(lengths, keep, strict=True)]
    np.testing.assert_array_equal(ragged[-1], rows[-1])
    assert len(list(ragged)) == len(rows)


@pytest.mark.parametrize(
    ("values", "offsets", "times", "argument"),
    [
        (np.zeros(3), [0, 3], None, "values"),
        (np.zeros((3, 1)), [0, 2], None, "offsets"),
        (np.zeros((3, 1)), [0, 2, 1, 3], None, "offsets"),
        (np.zeros((3, 1)), [0.0, 3.0], None, "offsets"),
        (np.zeros((3, 1)), [0, 3], np.zeros((2, 2)), "times"),
    ],
)
def test_ragged_parts_must_fit(values, offsets, times, argument):
    with pytest.raises(InputError) as error:
        Ragged(values, np.array(offsets), times)
    assert error.value.argument == argument


def test_ragged_index_beyond_the_end():
    with pytest.raises(IndexError):
        Ragged.from_list([[1.0]])[1]


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda: ModalitySpec("a", "tabular", (None, 2), "float32"), "shape of a"),
        (lambda: ModalitySpec("a", "tabular", (2,), "float32", rate=0.0), "rate of a"),
        (lambda: LabelSpec("y", "classification"), "classes of y"),
        (lambda: LabelSpec("y", "classification", ("a", "a")), "classes of y"),
        (lambda: LabelSpec("y", "regression", ("a",)), "classes of y"),
        (lambda: LabelSpec("split", "regression"), "label column"),
        (lambda: DatasetSpec("d", "1", (), (), 3), "modalities"),
        (lambda: DatasetSpec.from_dict({"name": "d"}), "dataset.json"),
        (lambda: DatasetSpec.from_dict({**small().spec.to_dict(), "lables": []}), "dataset.json key"),
        (lambda: Dataset(small().spec, small().samples.drop(columns="has_a"), small().arrays), "samples"),
        (lambda: Dataset(small().spec, small().samples[:3], small().arrays), "samples"),
        (lambda: Dataset(small().spec, small().samples, {"a": np.zeros((6, 2))}), "arrays"),
    ],
)
def test_specifications_that_cannot_be(build, argument):
    with pytest.raises(InputError) as error:
        build()
    assert error.value.argument == argument


def test_planted_tiny_is_a_dataset_name_but_no_modality_name():
    assert from_arrays({"a": np.ones((3, 1))}, name="planted-tiny").spec.name == "planted-tiny"
    with pytest.raises(InputError):
        from_arrays({"planted-tiny": np.ones((3, 1))})
