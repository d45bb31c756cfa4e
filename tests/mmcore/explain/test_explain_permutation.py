"""Permutation importance and the explanation's summary: known drops, the use of a tiny dataset, the contract."""

import json

import numpy as np
import pandas as pd
import pytest

from mmcore.atomic import canonical_json
from mmcore.errors import InputError
from mmcore.evaluation.predictions import prediction_frame
from mmcore.explain.permutation import PermutedScores, permutation_importance, permuted_scores
from mmcore.explain.summary import explain


class Table:
    """The few parts of a dataset that shuffling needs."""

    def __init__(self, columns, presence):
        self.columns, self.present = columns, presence
        self.modalities = tuple(columns)

    def __getitem__(self, name):
        return self.columns[name]

    def presence(self, name):
        return self.present[name]

    def select(self, rows):
        return Table({n: v[rows] for n, v in self.columns.items()}, {n: v[rows] for n, v in self.present.items()})

    def replace(self, arrays, presence):
        return Table({**self.columns, **arrays}, {**self.present, **presence})


def xor_world(n=400):
    bits = np.array([[i >> 1 & 1, i & 1, i >> 2 & 1] for i in range(n)])
    columns = {"a": bits[:, 0], "b": bits[:, 1], "unused": bits[:, 2]}
    return Table(columns, {name: np.ones(n, bool) for name in columns}), bits[:, 0] ^ bits[:, 1]


def test_xor_drops_fully_for_each_and_an_unused_modality_not_at_all():
    ds, y = xor_world()
    rows = np.arange(0, 400)
    scores = permuted_scores(lambda d: ((d["a"] ^ d["b"]) == y[rows]).astype(float), ds, rows, n_repeats=20, seed=1)
    drop = permutation_importance(scores)
    # a shuffled fair bit agrees half of the time: accuracy 1 -> 1/2, error 1 / sqrt(4 n repeats)
    assert drop["a"].value == pytest.approx(0.5, abs=0.03) and drop["b"].value == pytest.approx(0.5, abs=0.03)
    assert drop["a"].low < 0.5 < drop["a"].high or abs(drop["a"].value - 0.5) < 0.03
    assert (drop["unused"].value, drop["unused"].low, drop["unused"].high) == (0.0, 0.0, 0.0)


def test_streams_are_named_and_reproducible():
    ds, y = xor_world(40)
    rows = np.arange(40)

    def predict(d):
        return ((d["a"] ^ d["b"]) == y).astype(float)

    both = permuted_scores(predict, ds, rows, seed=3)
    one = permuted_scores(predict, ds, rows, seed=3, modalities=["b"])
    assert np.array_equal(both.shuffled["b"], one.shuffled["b"])
    assert not np.array_equal(both.shuffled["a"], permuted_scores(predict, ds, rows, seed=4).shuffled["a"])


def test_presence_moves_with_its_rows():
    values = np.arange(1.0, 31.0)
    present = np.arange(30) % 3 > 0
    ds = Table({"a": np.where(present, values, 0.0)}, {"a": present})
    seen = []

    def predict(d):
        seen.append((d["a"] > 0) == d.presence("a"))
        return np.zeros(len(d["a"]))

    permuted_scores(predict, ds, np.arange(30), n_repeats=3)
    assert len(seen) == 4 and all(match.all() for match in seen)


def test_only_tested_rows_are_mixed():
    ds = Table({"a": np.arange(20)}, {"a": np.ones(20, bool)})
    rows = np.array([3, 5, 8, 13])

    def predict(d):
        assert sorted(d["a"]) == rows.tolist()
        return np.zeros(4)

    permuted_scores(predict, ds, rows)


def test_runs_over_folds_and_seeds_are_joined_by_row():
    first = PermutedScores(np.array([0, 1]), np.ones(2), {"a": np.array([0.0, 1.0])})
    second = PermutedScores(np.array([2, 3]), np.ones(2), {"a": np.array([0.0, 0.0])})
    joined = permutation_importance([first, second])
    assert joined["a"].value == 0.75 and joined["a"].n_units == 4
    # the same runs under another seed are no new units
    twice = permutation_importance([first, second, first, second])
    assert twice["a"].n_units == 4 and twice["a"].low == pytest.approx(joined["a"].low)
    grouped = permutation_importance([first, second], np.array(["p", "p", "q", "q"]))
    assert grouped["a"].n_units == 2 and grouped["a"].unit == "group"


@pytest.mark.parametrize(
    ("keywords", "argument"),
    [({"modalities": ["aa"]}, "modalities"), ({"rows": np.array([1])}, "rows"), ({"n_repeats": 0}, "n_repeats")],
)
def test_bad_requests_are_named(keywords, argument):
    ds, _ = xor_world(8)
    with pytest.raises(InputError) as error:
        permuted_scores(lambda d: np.zeros(8), ds, **{"rows": np.arange(8), **keywords})
    assert error.value.argument == argument


def test_scores_of_another_length_and_no_runs_are_refused():
    ds, _ = xor_world(8)
    with pytest.raises(InputError) as error:
        permuted_scores(lambda d: np.zeros(3), ds, np.arange(8))
    assert error.value.argument == "predict"
    with pytest.raises(InputError):
        permutation_importance([])


def masked_tables(task="classification", n=80):
    _, y = xor_world(n)
    ids = [f"r{i:02d}" for i in range(n)]
    tables = {}
    for subset in (("a",), ("b",), ("b", "a")):
        known = len(subset) == 2
        logits = np.stack([1.0 - y, 1.0 * y], axis=1) if known else np.tile([1.0, 0.0], (n, 1))
        outputs, truth, classes = logits, y, ("zero", "one")
        if task == "regression":
            outputs, truth, classes = (y if known else np.zeros(n))[:, None], 1.0 * y, ()
        if task == "multilabel":
            outputs, truth = 10 * logits - 5, np.stack([1 - y, y], axis=1)
        tables[subset] = pd.concat([
            prediction_frame(outputs, truth, ids, model="early_fusion", seed=s, fold=0, part="test", task=task,
                             classes=classes) for s in (0, 1)
        ])  # fmt: skip
    return tables, classes


@pytest.mark.parametrize(
    ("task", "full", "empty"),
    [("classification", 1.0, 0.5), ("multilabel", 1.0, 0.5), ("regression", 0.0, -0.5)],
)
def test_the_explanation_keeps_the_contract(task, full, empty):
    tables, classes = masked_tables(task)
    drops = permutation_importance(PermutedScores(np.arange(4), np.ones(4), {"a": np.full(4, 0.5), "b": np.zeros(4)}))
    result = explain(tables, drops, model="early_fusion", modalities=["b", "a"], task=task, classes=classes)
    assert (result["full"], result["empty"]) == (full, empty)
    values = {name: entry["value"] for name, entry in result["shapley"]["overall"].items()}
    assert values == pytest.approx({"b": 0.25, "a": 0.25}) and list(values) == ["b", "a"]
    assert result["permutation"]["b"]["drop"] == 1.0 and list(result["permutation"]) == ["b", "a"]
    if task == "classification":
        assert result["majority_rate"] == 0.5
        by_class = {entry["label"]: entry["values"] for entry in result["shapley"]["by_class"]}
        assert by_class == {"zero": {"a": 0.25, "b": 0.25}, "one": {"a": 0.25, "b": 0.25}}
    assert json.loads(canonical_json(result)) == result


def test_missing_subsets_and_other_rows_are_refused():
    tables, classes = masked_tables()
    given = {"model": "early_fusion", "modalities": ["a", "b"], "task": "classification", "classes": classes}
    with pytest.raises(InputError) as error:
        explain({s: t for s, t in tables.items() if s != ("b", "a")}, {}, **given)
    assert error.value.argument == "masked"
    with pytest.raises(InputError) as error:
        explain({**tables, ("a",): tables["a",][tables["a",]["sample_id"] != "r00"]}, {}, **given)
    assert "rows" in error.value.received
