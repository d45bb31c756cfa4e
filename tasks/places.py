"""Where each artefact of a dataset lies: the one module that knows. A test compares it with `dvc.yaml`."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HASH_LENGTH = 16


@dataclass(frozen=True)
class Places:
    """The paths of one dataset, relative to the project's root unless `root` says otherwise.

    Example:
        >>> Places("movies").estimate.as_posix()
        'results/movies/estimate.json'
    """

    dataset: str
    root: Path = Path()

    @property
    def prepared(self) -> Path:
        """The dataset directory that every later stage reads."""
        return self.root / "data" / "prepared" / self.dataset

    @property
    def results(self) -> Path:
        """The directory of result files."""
        return self.root / "results" / self.dataset

    @property
    def checks(self) -> Path:
        """Acceptance checks and quarantine."""
        return self.results / "checks.json"

    @property
    def preprocessing(self) -> Path:
        """Everything that was fitted by preprocess."""
        return self.results / "preprocessing"

    @property
    def estimate(self) -> Path:
        """The atoms."""
        return self.results / "estimate.json"

    @property
    def atoms(self) -> Path:
        """The atoms again, as a table."""
        return self.results / "atoms.parquet"

    @property
    def selection(self) -> Path:
        """Candidates and reasons."""
        return self.results / "selection.json"

    @property
    def learn(self) -> Path:
        """Predictions, verdict, evaluation, explanation, weights."""
        return self.results / "learn"

    @property
    def cost(self) -> Path:
        """Measured time and memory; uncached, and no stage depends on it."""
        return self.results / "cost.json"

    @property
    def report(self) -> Path:
        """The directory of the page and its PDF."""
        return self.root / "reports" / self.dataset

    @property
    def summary(self) -> Path:
        """The card for the index over all datasets."""
        return self.root / "results" / "summaries" / f"{self.dataset}.json"

    @property
    def index(self) -> Path:
        """The page over all datasets."""
        return self.root / "reports" / "index.html"

    @property
    def reference(self) -> Path:
        """The accepted state of the dataset that drift is measured against."""
        return self.root / "references" / f"{self.dataset}.json"

    def workspace(self, stage: str, inputs: Any) -> Path:
        """Return the git-ignored directory for what must survive a kill of `stage` on exactly these inputs."""
        text = json.dumps([self.dataset, inputs], sort_keys=True, default=str)
        name = f"{self.dataset}-{hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]}"
        return self.root / ".interplay" / stage / name

    def workspaces(self, stage: str) -> list[Path]:
        """Return the workspaces of `stage` that this dataset has, for whatever inputs; newest files first."""
        folder = self.root / ".interplay" / stage
        # Not a glob: 'moods-2-<hash>' belongs to another dataset than 'moods'.
        own = re.compile(rf"{re.escape(self.dataset)}-[0-9a-f]{{{_HASH_LENGTH}}}")
        found = [path for path in folder.iterdir() if own.fullmatch(path.name)] if folder.is_dir() else []
        return sorted(found, key=lambda path: (_newest_change(path), path.name), reverse=True)


def _newest_change(folder: Path) -> int:
    """Return when the newest file directly in `folder` was written, in nanoseconds; 0 where there is none."""
    return max((path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()), default=0)


@functools.cache
def code_digest(names: tuple[str, ...], root: Path) -> str:
    """Return one sha256 over the code that a stage runs and over the versions it runs with.

    Args:
        names: Python files and folders of them, relative to where the packages are imported from.
        root: the project's root, whose `requirements.lock` is taken in where there is one.

    Example:
        >>> code_digest(("mmcore/atomic.py",), Path()) == code_digest(("mmcore/errors.py",), Path())
        False
    """
    packages = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for name in names:
        path = packages / name
        for file in [path] if path.suffix == ".py" else sorted(path.rglob("*.py")):
            digest.update(f"{file.relative_to(packages).as_posix()} {file_sha256(file)}\n".encode())
    lock = root / "requirements.lock"
    if lock.is_file():
        digest.update(file_sha256(lock).encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
