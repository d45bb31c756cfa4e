"""from_arrays: what users hold comes back unchanged, and what cannot be used is named."""

import numpy as np
import pandas as pd
import pytest

from mmcore.data import Ragged, from_arrays
from mmcore.errors import InputError

X = np.arange(12.0).reshape(6, 2)
Y = [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "value",
    [
        X,
        X.astype(np.float16),
        X.astype(np.int32),
        X > 3,
        X.tolist(),
        list(X),
        pd.DataFrame(X, columns=["p", "q"]),
        pd.DataFrame({"p": pd.array(X[:, 0], "Int64"), "q": X[:, 1]}),
        np.asfortranarray(X),
        X.astype(object),
    ],
    ids=lambda v: type(v).__name__,
)
def test_tables_keep_their_numbers(value):
    ds = from_arrays({"a": value}, labels=Y)
    assert ds.spec.modality("a").kind == "tabular"
    np.testing.assert_array_equal(ds["a"], np.asarray(value, dtype=np.float64))
    assert ds.presence("a").all()


def test_tensors_keep_their_numbers():
    torch = pytest.importorskip("torch")
    tensors = {"a": torch.tensor(X, requires_grad=True), "b": torch.ones(6, 2, dtype=torch.bfloat16)}
    ds = from_arrays(tensors, labels=torch.tensor(Y), presence={"a": torch.ones(6, dtype=torch.bool)})
    np.testing.assert_array_equal(ds["a"], X)
    assert ds["b"].dtype == np.float32
    assert ds.labels().tolist() == Y


@pytest.mark.parametrize(
    ("value", "kind", "shape"),
    [
        (np.zeros((6, 4, 5, 3), np.uint8), "image", (4, 5, 3)),
        (np.zeros((6, 4, 5), np.uint8), "image", (4, 5, 1)),
        (np.zeros((6, 4, 5, 3), np.float32), "image", (4, 5, 3)),
        (list("abcdef"), "text", ()),
        (pd.Series(list("abcdef")), "text", ()),
        (np.zeros((6, 7, 2)), "timeseries", (7, 2)),
        ([np.ones((t, 2)) for t in range(1, 7)], "timeseries", (None, 2)),
        (pd.Series([[1.0] * t for t in range(1, 7)]), "timeseries", (None, 1)),
        (np.arange(6), "tabular", (1,)),
    ],
)
def test_kinds_are_inferred(value, kind, shape):
    spec = from_arrays({"a": value}, labels=Y).spec.modality("a")
    assert (spec.kind, spec.shape, spec.ragged) == (kind, shape, None in shape)


def test_a_declared_kind_gets_its_channel_axis():
    ds = from_arrays({"a": X, "b": X, "c": X}, kinds={"a": "audio", "b": "timeseries"}, rates={"a": 8000.0})
    assert ds["a"].shape == ds["b"].shape == (6, 2, 1)
    assert ds["c"].shape == (6, 2)
    assert ds.spec.modality("a").rate == 8000.0


def test_rows_with_nothing_are_absent_and_hold_zeros():
    holes = X.copy()
    holes[1] = np.nan
    holes[2, 0] = np.nan
    sequences = [np.ones((2, 3)), np.zeros((0, 3)), None, np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 3))]
    same = [np.ones(3), None, *[np.ones(3)] * 4]
    texts = ["a", None, "", float("nan"), "e", "f"]
    ds = from_arrays({"a": holes, "b": sequences, "c": same, "d": texts, "e": [1.0, None, 3, 4, 5, 6]}, labels=Y)
    assert ds.presence("a").tolist() == [True, False, True, True, True, True]
    assert ds["a"][1].tolist() == [0, 0]
    assert np.isnan(ds["a"][2, 0]), "a partial gap is not an absence"
    assert ds.presence("b").tolist() == [True, False, False, True, True, True]
    assert ds["b"].lengths.tolist() == [2, 0, 0, 1, 1, 1]
    assert ds.presence("c").tolist() == [True, False, True, True, True, True]
    assert ds.presence("d").tolist() == [True, False, False, False, True, True]
    assert ds["d"].tolist() == ["a", "", "", "", "e", "f"]
    assert ds.presence("e").tolist() == [True, False, True, True, True, True]


def test_presence_given_rules_and_clears_the_rows():
    ds = from_arrays({"a": X, "b": [[1.0]] * 6}, presence={"a": [1, 1, 0, 1, 1, 1]}, labels=Y)
    assert ds["a"][2].tolist() == [0, 0]
    assert ds.presence("b").all()
    ragged = from_arrays({"a": [np.ones((t, 1)) for t in range(1, 7)]}, presence={"a": [0] + [1] * 5}, labels=Y)
    assert ragged["a"].lengths.tolist() == [0, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("labels", "options", "task", "classes", "expected"),
    [
        ([10, 2, None, 2, 10, 2], {}, "classification", ("2", "10"), [1, 0, -1, 0, 1, 0]),
        (["b", "a", None, "a", "b", "a"], {}, "classification", ("a", "b"), [1, 0, -1, 0, 1, 0]),
        (np.array(Y, bool), {}, "classification", ("false", "true"), Y),
        (
            np.array([1.0, 0, np.nan, 1, 0, 1]),
            {"task": "classification"},
            "classification",
            ("0", "1"),
            [1, 0, -1, 1, 0, 1],
        ),
        (Y, {"task": "regression"}, "regression", None, Y),
        (np.array([0.5, 1, 2, 3, 4, 5]), {}, "regression", None, [0.5, 1, 2, 3, 4, 5]),
        (Y, {"classes": [1, 0, 7]}, "classification", ("1", "0", "7"), [1, 0, 1, 0, 1, 0]),
        (pd.Series(Y).astype("category"), {}, "classification", ("0", "1"), Y),
        (pd.Series(pd.Categorical(list("xyxyxy"), ["y", "x"])), {}, "classification", ("y", "x"), [1, 0, 1, 0, 1, 0]),
    ],
)
def test_label_tasks_and_codes(labels, options, task, classes, expected):
    ds = from_arrays({"a": X}, labels=labels, **options)
    assert (ds.spec.label().task, ds.spec.label().classes) == (task, classes)
    assert ds.labels().tolist() == expected


@pytest.mark.parametrize("as_names", [False, True])
def test_multilabel_from_a_table_or_names(as_names):
    table = np.array([[1, 0], [0, 0], [np.nan, np.nan], [1, 1], [0, 1], [1, 1]])
    names = [["p"], [], None, ["q", "p"], ["q"], ["p", "q"]]
    ds = from_arrays({"a": X}, labels=names if as_names else table, classes=["p", "q"])
    assert ds.spec.label().task == "multilabel"
    np.testing.assert_array_equal(ds.labels(), table)
    assert ds.samples["label"][3] == ["p", "q"]


def test_several_label_columns():
    options = {"task": {"b": "regression"}, "classes": {"a": ["1", "0"]}, "units": {"b": "m", "x": "g"}}
    ds = from_arrays({"x": X}, labels={"a": Y, "b": Y}, **options)
    assert ds.labels().tolist() == ds.labels("a").tolist() == [1, 0, 1, 0, 1, 0]
    assert ds.labels("b").tolist() == Y
    assert ds.spec.label("b").unit == "m"
    with pytest.raises(InputError) as error:
        ds.labels("c")
    assert error.value.allowed == "a, b"


def test_given_split_folds_groups_and_ids_are_kept():
    ds = from_arrays(
        {"a": X},
        labels=Y,
        groups=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0],
        split=["train"] * 2 + ["valid"] * 2 + ["test"] * 2,
        folds=[0, 0, None, None, 1, 1],
        sample_ids=[f"s{i}" for i in range(6)],
        annotations={"question": "?"},
    )
    assert ds.rows("valid").tolist() == [2, 3]
    assert ds.groups.tolist() == ["1", "1", "2", "2", "3", "3"]
    assert ds.folds.tolist() == [0, 0, -1, -1, 1, 1]
    assert list(ds.samples.columns) == ["sample_id", "label", "split", "fold", "group", "has_a"]
    assert ds.spec.annotations == {"question": "?"}


def test_the_default_split_keeps_groups_whole_and_follows_the_seed():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 400)
    arguments = {"labels": rng.integers(0, 3, 400), "groups": groups}
    first, again, other = (from_arrays({"a": np.ones((400, 1))}, **arguments, seed=s) for s in (1, 1, 2))
    assert first.samples.equals(again.samples)
    assert not first.samples["split"].equals(other.samples["split"])
    assert (first.samples.groupby("group")["split"].nunique() == 1).all()


BAD = [
    ({"modalities": {}}, "modalities", "none"),
    ({"modalities": {"A": X}}, "modality name", "'A'"),
    ({"modalities": {"samples": X}}, "modality name", "'samples'"),
    ({"modalities": {"a": X[:0]}}, "a", "0 rows"),
    ({"modalities": {"a": X, "b": X[:4]}}, "b", "4 rows"),
    ({"modalities": {"a": np.array([1j] * 6)}}, "a", "complex"),
    ({"modalities": {"a": np.zeros((6, 0))}}, "a", "(6, 0)"),
    ({"modalities": {"a": np.zeros((6, 2, 2, 9))}}, "kind of a", "(6, 2, 2, 9)"),
    ({"modalities": {"a": np.zeros((6, 3, 32, 32), np.uint8)}}, "a", "(3, 32, 32)"),
    ({"modalities": {"a": pd.DataFrame({"p": list("abcdef"), "q": 1})}}, "a, column 'p'", "str"),
    ({"modalities": {"a": ["x", 1, "x", "x", "x", "x"]}}, "a", "int in row 1"),
    ({"modalities": {"a": [np.ones((2, 1)), *[np.ones((2, 3))] * 5]}}, "a, sequences", "sample 1"),
    ({"kinds": {"a": "tabula"}}, "kind of a", "'tabula'"),
    ({"kinds": {"b": "tabular"}}, "kinds", "'b'"),
    ({"kinds": {"a": "text"}, "modalities": {"a": np.ones(6)}}, "kind of a", "'text'"),
    ({"kinds": {"a": "image"}}, "a", "(6, 2)"),
    ({"name": "My data"}, "name", "'My data'"),
    ({"labels": Y[:5]}, "labels label", "5 rows"),
    ({"labels": {"has_a": Y}}, "label column", "'has_a'"),
    ({"labels": [0, 1, 0.5, 1, 0, 1], "task": "classification"}, "label", "0.5"),
    ({"labels": ["cat", "dgo", "cat", "cat", "cat", "cat"], "classes": ["cat", "dog"]}, "label", "'dgo'"),
    ({"labels": [[0, 2]] * 6}, "label", "[0.0, 2.0] in row 0"),
    ({"labels": [None] * 6}, "label", "no label"),
    ({"labels": [0.0, np.inf, 1, 1, 1, 1]}, "label", "inf in row 1"),
    ({"task": "clasification"}, "task", "'clasification'"),
    ({"sample_ids": list("abcdaf")}, "sample_id", "'a'"),
    ({"sample_ids": ["1", 1, 2, 3, 4, 5]}, "sample_id", "'1'"),
    ({"split": ["train"] * 5 + ["tset"]}, "split", "'tset'"),
    ({"split": ["train"] * 5}, "split", "5 rows"),
    ({"split": ["train"] * 5 + ["test"], "groups": [1, 2, 3, 4, 5, 1]}, "split", "group '1' in test, train"),
    (
        {"folds": [0, 0, 0, 1, 1, 1], "split": ["train"] * 6, "groups": [1, 2, 3, 4, 5, 1]},
        "fold",
        "group '1' in 0, 1",
    ),
    ({"folds": list("abcdef")}, "folds", "a"),
    ({"groups": [1, 2, 3, 4, 5, None]}, "groups", "row 5"),
    ({"groups": [1, 1, 1, 2, 2, 2]}, "groups", "2 groups"),
    ({"presence": {"a": [True]}}, "presence of a", "(1,)"),
    ({"presence": {"a": [1, 1], "c": []}}, "presence", "'c'"),
    ({"modalities": {"a": [[1.0], [], *[[1.0]] * 4]}, "presence": {"a": [1] * 6}}, "presence of a", "row 1"),
    ({"times": {"a": [[0, 1]] * 6}, "modalities": {"a": [np.ones((2, 1))] * 6}}, "a, times", "sample 0"),
    ({"rates": {"a": -1.0}}, "rate of a", "-1.0"),
]


@pytest.mark.parametrize(("arguments", "argument", "received"), BAD, ids=[f"{b[1]}-{i}" for i, b in enumerate(BAD)])
def test_bad_input_is_named(arguments, argument, received):
    arguments = {"modalities": {"a": X}, "labels": Y, **arguments}
    with pytest.raises(InputError) as error:
        from_arrays(arguments.pop("modalities"), **arguments)
    assert error.value.argument == argument
    assert received in error.value.received
    assert error.value.allowed
    assert error.value.remedy.endswith((".", "?"))


def test_the_nearest_class_is_offered():
    with pytest.raises(InputError) as error:
        from_arrays({"a": X}, labels=["cat"] * 5 + ["dgo"], classes=["cat", "dog"])
    assert (error.value.allowed, error.value.remedy) == ("cat, dog", "Did you mean 'dog'?")


def test_ragged_with_times():
    times = [np.column_stack([np.arange(t), np.arange(t) + 0.5]) for t in (1, 2, 3, 4, 5, 6)]
    ds = from_arrays({"a": [np.full((t, 2), t) for t in range(1, 7)]}, times={"a": times}, labels=Y)
    assert ds.spec.modality("a").timed
    np.testing.assert_array_equal(ds["a"].times_of(2), times[2])
    assert isinstance(ds["a"], Ragged)
