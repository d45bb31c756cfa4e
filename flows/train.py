"""Fit the candidates and the mandatory baselines, over seeds and folds."""

from __future__ import annotations

from pathlib import Path

from tasks.tracking import flow
from tasks.train import collect_fits, fit_models


@flow
def train(dataset: str, root: Path = Path()) -> Path:
    """Fit the candidates and the mandatory baselines, over seeds and folds."""
    fit_models(dataset, root)
    return collect_fits(dataset, root)
