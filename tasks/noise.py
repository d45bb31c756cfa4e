"""Predict test rows whose modalities were corrupted, one at a time and all at once, by the models that meet it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from mmcore.evaluation.corrupted import ALL, corrupted_rows
from mmcore.seeds import stream_seed
from tasks.learn import Learning, Run, frame_of

if TYPE_CHECKING:
    from mmcore.data import Dataset


def noisy_models(learning: Learning, verdict: dict[str, Any]) -> list[str]:
    """Return the models that meet the noise: those that decide, or all, as params say."""
    contestants = list(dict.fromkeys(run.model for run in learning.runs if run.contestant))
    if learning.evaluate.noise_models == "all":
        return contestants
    deciding = (verdict["recommended"], verdict["best_unimodal"], "late_fusion")
    return [model for model in contestants if model in deciding]


def noisy_seeds(learning: Learning) -> list[int]:
    """Return the seeds whose models meet the noise."""
    return list(learning.train.seeds[: learning.evaluate.noise_seeds])


def noisy_predictions(learning: Learning, models: Sequence[str]) -> pd.DataFrame:
    """Return the predictions tables of corrupted test rows, with columns `noise` and `noise_level`.

    A fold's rows are corrupted once and shown to every model, with statistics of that fold's training rows.
    """
    runs = [run for run in learning.runs if run.model in models and run.seed in noisy_seeds(learning)]
    frames = []
    for fold in learning.parts:
        of_fold = [run for run in runs if run.fold == fold]
        loaded = [(run, _loaded(learning, run)) for run in of_fold]
        for noise, level, rows in _corrupted(learning, fold):
            for run, model in loaded:
                if noise in (ALL, *run.modalities):
                    frame = _predicted(learning, run, model, rows)
                    frames.append(frame.assign(noise=noise, noise_level=level))
    return pd.concat(frames, ignore_index=True)


def corruption_names(learning: Learning) -> dict[str, list[str]]:
    """Return modality -> the corruptions that it met."""
    from mmcore.data.corruption import default_corruptions

    return {name: list(default_corruptions(learning.ds, name)) for name in learning.ds.modalities}


def _loaded(learning: Learning, run: Run) -> Any:
    from mmcore.models import load_model

    return load_model(learning.weights(run), learning.ds.spec)


def _corrupted(learning: Learning, fold: int) -> Iterator[tuple[str, float, Dataset]]:
    """Yield noise, level and the fold's test rows as a corrupted dataset."""
    part, seed = learning.parts[fold], stream_seed(learning.parameters.seed, "noise", fold)
    return corrupted_rows(learning.ds, part.test, part.train, levels=learning.evaluate.noise_levels, seed=seed)


def _predicted(learning: Learning, run: Run, model: Any, rows: Dataset) -> pd.DataFrame:
    import numpy as np

    from mmcore.training import predict

    return frame_of(learning, run, "test", predict(model, rows, np.arange(len(rows))))
