"""What every training loop shares: preparing a model and its rows, one optimiser, the best epoch, the state on disk.

    best = argmax over epochs of (metric, -validation loss), the earlier of equals;   stop: `patience` epochs without it

Reference: early stopping as in Prechelt 1998, Early stopping - but when? (Neural networks: tricks of the trade).
`fit` has one such loop, procedures with streams or windows another; what a checkpoint holds is the same for all.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from mmcore.errors import InputError
from mmcore.models.standardisation import OutputScale, standardise_from
from mmcore.training.checkpoint import TrainingState, write_state
from mmcore.training.inputs import InputRows, check_finite
from mmcore.training.loop import Learner, LearningPart
from mmcore.training.loss import ObjectiveSettings, TrainedLoss
from mmcore.training.options import FitOptions
from mmcore.training.targets import Part

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from mmcore.data import Dataset, LabelSpec

Progress = Callable[[int, int, float], None]


def prepare(model: nn.Module, ds: Dataset, label: LabelSpec, parts: tuple[Part, Part]) -> float:
    """Check the inputs of both parts, fit the model's statistics on the first; return what a unit of the label is.

    Returns:
        the standard deviation of a regression's training labels, 1.0 for other tasks.

    Raises:
        InputError: for a present value that is not finite.

    Example:
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": [[1.0], [3.0], [9.0]]}, labels=[0.0, 2.0, 5.0], name="tiny")
        >>> train, valid = (Part(np.array(rows), np.array(y)) for rows, y in (([0, 1], [[0.0], [2.0]]), ([2], [[5.0]])))
        >>> prepare(build_model("unimodal:a", ds.spec), ds, ds.spec.label(), (train, valid))
        1.0
    """
    names: tuple[str, ...] = model.modalities  # type: ignore[assignment]
    check_finite(ds, names, np.concatenate([part.rows for part in parts]))
    standardise_from(model, ds, parts[0].rows)
    if label.task != "regression":
        return 1.0
    mean, std = float(parts[0].labels.mean()), float(parts[0].labels.std())
    if isinstance(model.scale, OutputScale):
        model.scale.shift.fill_(mean)
        model.scale.scale.fill_(std)
    return std


def learner_for(fabric: Fabric, loss: TrainedLoss, options: FitOptions) -> Learner:
    """Return model and loss with a fresh AdamW, on the device of `fabric` and wrapped by it."""
    fused = fabric.device.type in ("cpu", "cuda")
    optimizer = torch.optim.AdamW(
        loss.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=fused
    )
    compiled: Any = torch.compile(loss) if options.compile else loss
    module, wrapped = fabric.setup(compiled, optimizer)
    return Learner(fabric, loss, module, wrapped, options)


def on_device(learner: Learner, ds: Dataset, part: Part) -> LearningPart:
    """Return inputs and targets of a part where the learner is."""
    names: tuple[str, ...] = learner.loss.model.modalities  # type: ignore[assignment]
    device = learner.fabric.device
    targets = torch.from_numpy(part.labels)
    if targets.is_floating_point() and learner.options.precision != "64-true":
        targets = targets.float()
    return LearningPart(InputRows(ds, names, part.rows, device), targets.to(device))


def described_fit(
    options: FitOptions, settings: ObjectiveSettings, ds: Dataset, label: LabelSpec, model: nn.Module, fabric: Fabric
) -> dict[str, Any]:
    """Return what decides a fit besides rows, labels, weights and statistics, as JSON-able values for `fit_key`."""
    return {
        "options": dataclasses.asdict(options),
        "objective": [settings.task.name, settings.options, settings.terms],
        "dataset": [ds.spec.name, ds.spec.version, label.to_dict()],
        "configuration": getattr(model, "configuration", None),
        "device": [fabric.device.type, fabric.world_size],
    }


def advance(state: TrainingState, entry: dict[str, float], model: nn.Module, options: FitOptions) -> None:
    """Record one epoch in `state`: is it the best, and is it the last?

    Args:
        state: changed in place.
        entry: `epoch`, `loss`, `valid_loss` and `metric`.
        model: its weights are kept where the epoch is the best so far.
        options: `epochs` and `patience`.

    Raises:
        InputError: for a validation loss that is not finite.

    Example:
        >>> state, model = TrainingState(), nn.Linear(1, 1)
        >>> for epoch, metric in ((1, 0.5), (2, 0.7), (3, 0.7)):
        ...     entry = {"epoch": epoch, "loss": 1.0, "valid_loss": 1.0, "metric": metric}
        ...     advance(state, entry, model, FitOptions(epochs=3))
        >>> state.best_epoch, state.finished
        (2, True)
    """
    if not np.isfinite(entry["valid_loss"]):
        received = f"a validation loss of {entry['valid_loss']} in epoch {entry['epoch']}"
        raise InputError("learning_rate", received, "a finite loss", "Lower it.")
    state.history.append(entry)
    rank = (entry["metric"], -entry["valid_loss"])
    if state.best_epoch == 0 or rank > (state.best["metric"], -state.best["valid_loss"]):
        state.best_epoch = state.epoch
        state.best_weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    state.finished = state.epoch == options.epochs or state.epoch - state.best_epoch >= options.patience


@dataclass
class Keeper:
    """Writes a state to its place, at most once in `seconds` and at the end, and tells the caller how far it is.

    Args:
        path: of the state; None writes nothing.
        key: of the fit, from `fit_key`.
        seconds: at most one write in so many.
        progress: called with (epoch, epochs, metric), or None.
    """

    path: Path | None
    key: str
    seconds: float
    progress: Progress | None
    last_write: float = dataclasses.field(default_factory=time.monotonic)

    def after_epoch(self, state: TrainingState, learner: Learner) -> None:
        """Write and tell, in the first process only."""
        due = state.finished or time.monotonic() - self.last_write >= self.seconds
        first = learner.fabric.global_rank == 0
        if self.path is not None and due and first:
            write_state(self.path, self.key, state, learner.loss, learner.optimizer)
            self.last_write = time.monotonic()
        if self.progress is not None and first:
            self.progress(state.epoch, learner.options.epochs, state.history[-1]["metric"])
