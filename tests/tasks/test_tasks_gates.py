"""The gates of `validate` on a small project: schemas, quarantine, the acceptance suite, and what is left behind."""

from __future__ import annotations

import copy
import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from valid_parameters import PARAMETERS

from mmcore.data import from_arrays, load_dataset
from mmcore.errors import InputError
from tasks.acquire import prepare_workspace, read_source
from tasks.gates import GateError
from tasks.schemas.frames import hold, predictions_schema, samples_schema
from tasks.validate import accept_rows, run_checks

N = 120


@pytest.fixture
def ds():
    values = np.random.default_rng(1).normal(size=(6, 2))
    return from_arrays(
        {"a": values}, labels=list("xyxyxy"), split=["train"] * 4 + ["valid", "test"], groups=list("aabbcd"), name="my"
    )


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("surprise", "x", "surprise"),
        ("split", None, "split"),
        ("split", "dev", "dev"),
        ("label", "q", "label: q"),
        ("group", None, "group"),
        ("sample_id", "", "sample_id"),
        ("has_a", 2, "has_a"),
    ],
)
def test_each_broken_cell_of_the_samples_is_named(ds, column, value, shown):
    hold(ds.samples, samples_schema(ds), "samples")
    broken = ds.samples.astype(object) if column != "surprise" else ds.samples.copy()
    for name in ds.modalities:
        broken[f"has_{name}"] = broken[f"has_{name}"].astype(object if column == "has_a" else bool)
    broken.loc[1, column] = value
    with pytest.raises(InputError, match=re.escape(shown)) as caught:
        hold(broken, samples_schema(ds), "samples of my")
    assert caught.value.argument == "samples of my"


def test_a_missing_column_and_a_repeated_id_are_named_together(ds):
    broken = ds.samples.drop(columns="has_a")
    broken.loc[1, "sample_id"] = broken.loc[0, "sample_id"]
    with pytest.raises(InputError) as caught:
        hold(broken, samples_schema(ds), "samples")
    assert "has_a" in caught.value.received
    assert "sample_id" in caught.value.received


def test_unlabelled_rows_fit(ds):
    samples = ds.samples.copy()
    samples.loc[0, "label"] = None
    hold(samples, samples_schema(ds), "samples")


PREDICTIONS = {
    "model": ["late_fusion"] * 2, "seed": [0, 1], "fold": [-1, -1], "part": ["valid", "test"], "sample_id": ["a", "b"],
    "group": ["g", None], "truth": [0.0, 1.0], "prediction": [0.0, 0.0], "p_0": [0.9, 0.8], "p_1": [0.1, 0.2],
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("part", ["train", "test"]), ("seed", [-1, 0]), ("fold", [-2, 0]), ("p_1", [np.nan, 0.1]), ("p_2", [0.1, 0.1]),
        ("truth", [None, 1.0]), ("sample_id", ["a", None]), ("model", [None, "b"]), ("seed", [0.5, 1.0]),
    ],
)  # fmt: skip
def test_each_broken_column_of_the_predictions_is_named(column, values):
    schema = predictions_schema(2)
    hold(pd.DataFrame(PREDICTIONS), schema, "predictions")
    with pytest.raises(InputError, match=column):
        hold(pd.DataFrame({**PREDICTIONS, column: values}), schema, "predictions")


def test_predictions_keep_their_order():
    frame = pd.DataFrame(PREDICTIONS)
    with pytest.raises(InputError, match="order"):
        hold(frame[[*frame.columns[1:], "model"]], predictions_schema(2), "predictions")


@pytest.fixture
def project(tmp_path):
    """Write params and two modalities with the given changes; return the project's root."""

    content = copy.deepcopy(PARAMETERS)

    def write(*, infinite=0, low=None, groups=None, options=None):
        draws = np.random.default_rng(5)
        arrays = {"sound": draws.normal(size=(N, 3)), "sight": draws.normal(size=(N, 2))}
        arrays["sound"][:infinite, 1] = np.inf
        split = np.repeat(["train", "valid", "test"], [80, 20, 20])
        path = tmp_path / "data" / "raw" / "films.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **arrays, fresh=np.arange(N) % 2, split=split, group=np.arange(N) // 5)
        source = {**content["datasets"]["films"]["source"], "split": "split", "groups": "group"}
        block = {"source": source}
        if low is not None:
            block["ranges"] = {"sound": {"low": low}}
        made = {**content, "datasets": {"films": block}, "validate": {**content["validate"], **(options or {})}}
        (tmp_path / "params.yaml").write_text(json.dumps(made), encoding="utf-8")
        return tmp_path

    return write


def validate(root):
    read_source("films", root)
    return run_checks("films", root, accept_rows("films", root))


def test_clean_data_are_accepted_whole_with_one_remark(project):
    content = json.loads(validate(project()).read_text(encoding="utf-8"))
    assert (content["n_samples"], content["n_accepted"], content["n_quarantined"]) == (N, N, 0)
    assert content["quarantine"] == []
    assert {check["status"] for check in content["checks"][:-1]} == {"passed"}
    assert content["reference"] == {"status": "none", "accepted_version": None}
    last = content["checks"][-1]
    assert (last["id"], last["status"], last["found"]) == ("drift", "warning", "no reference yet")


def test_results_are_the_same_bytes_twice(project):
    root = project(infinite=3)
    first = validate(root).read_bytes()
    assert validate(root).read_bytes() == first


def test_rows_set_aside_are_counted_and_kept_with_their_reasons(project):
    root = project(infinite=3)
    content = json.loads(validate(root).read_text(encoding="utf-8"))
    assert (content["n_accepted"], content["n_quarantined"], content["quarantine_share"]) == (N - 3, 3, 3 / N)
    assert [row["reasons"] for row in content["quarantine"]] == [["sound holds an infinite number"]] * 3
    workspace = prepare_workspace("films", root)
    assert len(load_dataset(workspace / "accepted")) == N - 3
    assert len(pd.read_parquet(workspace / "quarantine.parquet")) == 3


def test_too_many_rows_set_aside_stop_the_stage_but_are_kept(project):
    root = project(infinite=13)
    with pytest.raises(GateError, match=r"13 of 120 rows \(10\.8%\).*allowed: 10\.0%.*sound holds an infinite number"):
        validate(root)
    assert len(pd.read_parquet(prepare_workspace("films", root) / "quarantine.parquet")) == 13
    assert not (root / "results").exists()


def test_every_row_set_aside_is_a_gate_and_not_an_empty_dataset(project):
    root = project(low=100.0, options={"max_quarantine_share": 1.0})
    with pytest.raises(GateError, match="no row is left"):
        validate(root)


def reference_of(root, **changes):
    path = root / "references" / "films.json"
    path.parent.mkdir()
    found = json.loads((prepare_workspace("films", root) / "checks.json").read_text(encoding="utf-8"))["state"]
    path.write_text(json.dumps({**found, **changes}), encoding="utf-8")


def test_an_accepted_state_is_compared_with_and_drift_leaves_the_results_alone(project):
    root = project()
    validate(root)
    reference_of(root)
    content = json.loads(validate(root).read_text(encoding="utf-8"))
    assert content["reference"]["status"] == "accepted"
    assert {check["status"] for check in content["checks"]} == {"passed"}
    reference = root / "references" / "films.json"
    state = json.loads(reference.read_text(encoding="utf-8"))
    state["modalities"]["sound"]["mean"] += 10
    reference.write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(GateError, match=r"(?s)1 check of 'films' failed.*sound is as accepted.*interplay accept films"):
        validate(root)
    assert not (root / "results").exists()
    stopped = json.loads((prepare_workspace("films", root) / "checks.json").read_text(encoding="utf-8"))
    assert [check["id"] for check in stopped["checks"] if check["status"] == "failed"] == ["drift_sound"]


def test_data_docs_are_built_only_where_asked_for(project):
    root = project()
    validate(root)
    pages = root / ".interplay" / "data-docs" / "films"
    assert not pages.exists()
    assert validate(project(options={"data_docs": True})).is_file()
    assert list(pages.rglob("index.html"))


def test_the_schema_of_a_dataset_follows_its_labels(ds):
    other = dataclasses.replace(ds.spec.label(), classes=("x", "y", "z"))
    wider = dataclasses.replace(ds, spec=dataclasses.replace(ds.spec, labels=(other,)))
    samples = ds.samples.copy()
    samples.loc[0, "label"] = "z"
    hold(samples, samples_schema(wider), "samples")
    with pytest.raises(InputError, match="z"):
        hold(samples, samples_schema(ds), "samples")
