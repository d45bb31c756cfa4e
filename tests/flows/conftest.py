"""One finished project for the tests that only look at it, or that copy it to change something."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from projects import TINY, edit_parameters, interplay, make_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose planted-tiny report is up to date. Look, do not touch."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project", TINY)
    interplay(project, "run")
    return project


@pytest.fixture
def copy_of_finished(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, cache and all, to change at will."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def toy_table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A user's table: two modalities, a label that the first one tells, 20 people."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, n)
    return pd.DataFrame(
        {
            "id": [f"row{i:04d}" for i in range(n)],
            "voice_pitch": label + generator.normal(0, 0.7, n),
            "voice_rate": generator.normal(0, 1, n),
            "face_smile": 0.5 * label + generator.normal(0, 1, n),
            "mood": np.where(label == 1, "good", "bad"),
            "person": [f"p{i % 20:02d}" for i in range(n)],
        }
    )


@pytest.fixture
def toy_project(tmp_path: Path) -> Callable[..., Path]:
    """Make a project whose only dataset is the user's table `mine/moods.csv`."""

    def make(table: pd.DataFrame | None = None, **source: object) -> Path:
        def change(content: dict) -> None:
            TINY(content)
            content["datasets"] = {
                "moods": {
                    "source": {
                        "reader": "table",
                        "path": "mine/moods.csv",
                        "label": "mood",
                        "groups": "person",
                        "sample_id": "id",
                        "modalities": {
                            "voice": {"prefix": "voice_", "kind": "tabular"},
                            "face": {"prefix": "face_", "kind": "tabular"},
                        },
                        **source,
                    }
                }
            }
            content["train"] |= {"seeds": [0], "epochs": 5}
            content["estimate"]["n_boot"] = 20

        project = make_project(tmp_path / "toy", change)
        (project / "mine").mkdir()
        (toy_table() if table is None else table).to_csv(project / "mine" / "moods.csv", index=False)
        return project

    return make


__all__ = ["edit_parameters"]
