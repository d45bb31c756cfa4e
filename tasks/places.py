"""Where each artefact of a dataset lies: the one module that knows. A test compares it with `dvc.yaml`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        return self.root / ".interplay" / stage / hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
