"""What a user can get wrong: each mistake has its own message, and nothing is lost."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from projects import edit_parameters, interplay, make_project, toy_table
from test_pipeline_runs import digests


def refused(project: Path, *words: str) -> str:
    """Run, and return the message, which must hold all of `words` and no traceback."""
    done = interplay(project, "run", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    return done.stderr


def test_five_mistakes_in_params_are_listed_together(copy_of_finished):
    before = digests(copy_of_finished)

    def spoil(content: dict) -> None:
        content["train"]["epoch"] = content["train"].pop("epochs")
        content["train"]["batch_size"] = 0
        content["estimate"]["method"] = "cluster"
        content["evaluate"]["level"] = 95
        content["datasets"]["planted-tiny"]["source"]["reader"] = "plantd"

    edit_parameters(copy_of_finished, spoil)
    message = refused(copy_of_finished, "nothing was run")
    for argument, received, allowed, remedy in (
        ("train.epoch", "an unknown key", "epochs", "Did you mean 'epochs'?"),
        ("train.batch_size", "0", ">= 1", "Change the value"),
        ("estimate.method", "'cluster'", "clusters", "Did you mean 'clusters'?"),
        ("evaluate.level", "95", "< 1", "Change the value"),
        ("datasets.planted-tiny.source.reader", "'plantd'", "planted", "Did you mean 'planted'?"),
    ):
        line = next(line for line in message.splitlines() if f" {argument}: received" in line)
        assert received in line and allowed in line and remedy in line, line
    assert digests(copy_of_finished) == before


def test_missing_file(toy_project):
    project = toy_project()
    (project / "mine" / "moods.csv").rename(project / "mine" / "mood.csv")
    refused(project, "datasets.moods.source.path", "no such file mine/moods.csv", "mood.csv", "Correct the path")


def test_duplicated_id(toy_project):
    table = toy_table()
    table.loc[5, "id"] = "row0004"
    refused(toy_project(table), "row0004", "id")


def test_label_out_of_range(toy_project):
    table = toy_table()
    table.loc[7, "mood"] = "godo"
    refused(toy_project(table, classes=["bad", "good"]), "godo", "bad, good", "good")


def test_split_that_leaks_a_group(toy_project):
    table = toy_table()
    table["split"] = (["train", "valid", "test"] * 134)[:400]
    refused(toy_project(table, split="split"), "p0", "group", "split")


def npz_project(place: Path, write) -> Path:
    def change(content: dict) -> None:
        content["datasets"] = {
            "mine": {
                "source": {
                    "reader": "npz",
                    "path": "mine.npz",
                    "label": "y",
                    "modalities": {"a": "tabular", "b": "tabular"},
                }
            }
        }

    project = make_project(place, change)
    write(project / "mine.npz")
    return project


def test_modality_with_another_row_count(tmp_path):
    rng = np.random.default_rng(0)

    def write(path):
        np.savez(path, a=rng.normal(size=(100, 2)), b=rng.normal(size=(90, 2)), y=rng.integers(0, 2, 100))

    refused(npz_project(tmp_path / "project", write), "b", "90", "100")


def test_truncated_file(tmp_path):
    def write(path):
        np.savez(path, a=np.ones((100, 2)), b=np.ones((100, 2)), y=np.arange(100) % 2)
        path.write_bytes(path.read_bytes()[:-700])

    refused(npz_project(tmp_path / "project", write), "mine.npz")


def test_truncated_npy_of_a_prepared_dataset(copy_of_finished):
    path = next((copy_of_finished / "data" / "prepared" / "planted-tiny").glob("alpha*.npy"))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-64])
    from mmcore.data import load_dataset
    from mmcore.errors import InputError

    with pytest.raises(InputError, match="alpha") as caught:
        load_dataset(path.parent)
    assert str(len(content)) in str(caught.value) or "bytes" in str(caught.value)
    assert caught.value.remedy


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("touched"),))


def test_pickle_that_would_execute_code(tmp_path):
    def change(content: dict) -> None:
        content["datasets"] = {"mine": {"source": {"reader": "affect", "path": "mine.pkl"}}}

    project = make_project(tmp_path / "project", change)
    (project / "mine.pkl").write_bytes(pickle.dumps({"train": Hostile()}))
    refused(project, "mine.pkl", "pathlib")
    assert not (project / "touched").exists()


def test_unknown_dataset(finished):
    done = interplay(finished, "run", "--dataset", "planted_tiny", check=False)
    assert done.returncode == 1 and "Did you mean 'planted-tiny'?" in done.stderr
