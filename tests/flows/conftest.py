"""One finished project for the tests that only look at it, or that copy it to change something."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from projects import MOODS, finished_project, make_project, tiny, toy_table


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose planted-tiny report is up to date. Look, do not touch."""
    return finished_project(tmp_path_factory)


@pytest.fixture
def copy_of_finished(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, cache and all, to change at will."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


@pytest.fixture
def toy_project(tmp_path: Path) -> Callable[..., Path]:
    """Make a project whose only dataset is the user's table `mine/moods.csv`."""

    def make(table: pd.DataFrame | None = None, **source: object) -> Path:
        def change(content: dict) -> None:
            tiny(content)
            content["datasets"] = {"moods": {"source": {**MOODS["source"], **source}}}
            content["train"] |= {"seeds": [0], "epochs": 5}
            content["estimate"]["n_boot"] = 20

        project = make_project(tmp_path / "toy", change)
        (project / "mine").mkdir()
        (toy_table() if table is None else table).to_csv(project / "mine" / "moods.csv", index=False)
        return project

    return make
