"""Fit one model: mini-batch AdamW on Lightning Fabric with early stopping, resumable bit for bit.

    w <- w - eta (AdamW(clip(grad L(w))) + lam w),   returned: the weights of the epoch with the best validation metric

Reference: Loshchilov and Hutter 2019, Decoupled weight decay regularization (ICLR); early stopping as in Prechelt 1998.
Epochs with an equal metric are ranked by their validation loss (lower first), then the earlier wins.
A regression's loss is divided by the variance of its training labels, so that the learning rate and the clipping mean
the same in every unit; reported metrics are in the label's unit.
On a CPU the same seed, data and number of threads give the same bits. An accelerator may round differently run by run.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from mmcore.errors import InputError
from mmcore.models.cost import count_parameters
from mmcore.models.randomness import seeded
from mmcore.seeds import stream_seed
from mmcore.training.checkpoint import TrainingState, checkpoint_path, fit_key, read_state
from mmcore.training.devices import deterministic_algorithms, fabric_for
from mmcore.training.loop import Learner, LearningPart, NonFiniteLossError, outputs_of, train_epoch
from mmcore.training.loss import ObjectiveSettings, TrainedLoss, read_objective
from mmcore.training.metrics import find_validation_metric
from mmcore.training.options import FitOptions
from mmcore.training.running import Keeper, Progress, advance, described_fit, learner_for, on_device, prepare
from mmcore.training.targets import Part, training_parts

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from mmcore.data import Dataset, LabelSpec


@dataclass(frozen=True)
class FitResult:
    """A fitted model and how it came about.

    Args:
        model: the module that was passed in, in evaluation mode, with the weights of the best epoch.
        history: one entry an epoch: `epoch` (from 1), `loss`, `valid_loss`, `metric`.
        metric: name of the validation metric; higher is better.
        best_metric: its value at `best_epoch`.
        checkpoint: the file that holds the training state, or None.
        n_parameters: trainable ones.
        seed: of the fit.
        details: what a procedure found beside it, JSON-able.
    """

    model: nn.Module
    history: tuple[dict[str, float], ...]
    metric: str
    best_metric: float
    best_epoch: int
    checkpoint: Path | None
    n_parameters: int
    seed: int
    details: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Epochs that were run."""
        return len(self.history)

    def __repr__(self) -> str:
        found = f"{self.metric} {self.best_metric:.4f} at epoch {self.best_epoch} of {self.epochs}"
        return f"FitResult({found}, {self.n_parameters} parameters, seed {self.seed})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model and the path, as JSON-able values."""
        kept = ("metric", "best_metric", "best_epoch", "epochs", "n_parameters", "seed")
        own = {name: getattr(self, name) for name in kept}
        return {**own, "history": list(self.history), "details": self.details}


def _label_of(model: nn.Module, ds: Dataset, label: str | None) -> LabelSpec:
    built_for = getattr(model, "configuration", {}).get("label")
    if label is not None and built_for is not None and label != built_for:
        ds.spec.label(label)
        raise InputError("label", f"'{label}'", f"'{built_for}', which the model was built for", "Build another model.")
    spec = ds.spec.label(label if label is not None else built_for)
    if model.outputs != spec.n_outputs:
        raise InputError("model", f"{model.outputs} outputs", f"{spec.n_outputs}", "Build it for this dataset.")
    return spec


def _evaluate(learner: Learner, part: LearningPart) -> tuple[float, float]:
    """Return the validation loss of the task and the metric."""
    outputs = outputs_of(learner.module, part.inputs)
    with torch.inference_mode():
        loss = float(learner.loss.task.loss(outputs, part.targets)) * learner.loss.loss_weight
    return loss, find_validation_metric(learner.options.metric, learner.loss.task).score(outputs, part.targets, loss)


def _run(
    learner: Learner, parts: tuple[LearningPart, LearningPart], state: TrainingState, keeper: Keeper
) -> np.ndarray | None:
    """Train until the state is finished; return the positions of a batch whose loss is not finite, if any."""
    with seeded(learner.options.seed, parts[0].inputs.device):
        while not state.finished:
            epoch = state.epoch + 1
            loss, diverged = train_epoch(learner, parts[0], epoch)
            if diverged is not None:
                return diverged
            valid_loss, metric = _evaluate(learner, parts[1])
            entry = {"epoch": epoch, "loss": loss, "valid_loss": valid_loss, "metric": metric}
            advance(state, entry, learner.loss.model, learner.options)
            keeper.after_epoch(state, learner)
    return None


@dataclass(frozen=True)
class _Task:
    """One fit, checked and ready to run, in this process or in several."""

    model: nn.Module
    ds: Dataset
    label: LabelSpec
    settings: ObjectiveSettings
    options: FitOptions
    parts: tuple[Part, Part]
    loss_weight: float
    checkpoint_dir: str | Path | None
    checkpoint_seconds: float
    progress: Progress | None


def _fit_here(fabric: Fabric, task: _Task) -> tuple[TrainingState, Path | None]:
    """Run a fit to its end, from its checkpoint where there is one; return its state and the checkpoint's place."""
    options, train, valid = task.options, *task.parts
    with seeded(stream_seed(options.seed, "terms")):
        loss = TrainedLoss(task.model, task.settings, loss_weight=task.loss_weight, n_rows=len(train.rows))
    described = described_fit(options, task.settings, task.ds, task.label, task.model, fabric)
    key = fit_key(described, task.parts, loss)
    learner = learner_for(fabric, loss, options)
    path = None if task.checkpoint_dir is None else checkpoint_path(task.checkpoint_dir, key)
    state = TrainingState() if path is None else read_state(path, key, loss, learner.optimizer)
    if not state.finished:
        placed = (on_device(learner, task.ds, train), on_device(learner, task.ds, valid))
        keeper = Keeper(path, key, task.checkpoint_seconds, task.progress)
        with deterministic_algorithms(options.deterministic):
            diverged = _run(learner, placed, state, keeper)
        if diverged is not None:
            where = train.rows[diverged]
            samples = [str(sample) for sample in task.ds.samples["sample_id"].iloc[where]]
            raise NonFiniteLossError(state.epoch + 1, where, samples)
    return state, path


def _fit_apart(fabric: Fabric, task: _Task) -> tuple[TrainingState, Path | None]:
    """`_fit_here`, with weights as arrays: a tensor's shared memory ends with the process that returns it."""
    state, path = _fit_here(fabric, task)
    arrays = {name: tensor.cpu().numpy() for name, tensor in state.best_weights.items()}
    return dataclasses.replace(state, best_weights=arrays), path  # type: ignore[arg-type]


def _fit_in_processes(fabric: Fabric, task: _Task) -> tuple[TrainingState, Path | None]:
    state, path = fabric.launch(functools.partial(_fit_apart, task=task))
    weights = {name: torch.from_numpy(np.array(values)) for name, values in state.best_weights.items()}
    return dataclasses.replace(state, best_weights=weights), path


def fit(
    model: nn.Module,
    ds: Dataset,
    *,
    objective: str | Mapping[str, Any] = "auto",
    label: str | None = None,
    rows: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    epochs: int = 30,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-2,
    patience: int = 10,
    modality_dropout: float = 0.0,
    max_gradient_norm: float = 1.0,
    metric: str = "auto",
    device: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
    compile: bool = False,
    deterministic: bool = False,
    checkpoint_dir: str | Path | None = None,
    checkpoint_seconds: float = 1.0,
    progress: Progress | None = None,
) -> FitResult:
    """Return the model trained on the labelled training rows, with the weights of its best validation epoch.

    Args:
        model: from `build_model`; trained in place, its standardisation fitted on the training rows.
        ds: the dataset.
        objective: a name of `OBJECTIVES`, `auto` for the one of the label's task, a name of `TERMS` (beside the
            task's own), or `{"task": name, "options": {...}, "terms": {term: {"weight": number, **options}}}`.
        label: the label column (None: the one that the model was built for).
        rows: `{"train": positions, "valid": positions}` (None: the dataset's split).
        seed: of the order of rows and of all dropout. Initial weights have their own, in `build_model`.
        epochs: at most so many; `patience` epochs without a better metric end it earlier.
        batch_size: rows an update.
        learning_rate: of AdamW.
        weight_decay: of AdamW, decoupled.
        patience: see `epochs`.
        modality_dropout: chance that a training row loses each modality, in [0, 1); never all of them.
        max_gradient_norm: gradients are scaled down to this 2-norm.
        metric: of validation, that chooses the epoch and stops early; `auto` is the objective's own.
        device: `auto`, `cpu`, `cuda`, `cuda:<index>` or `mps`.
        devices: processes, each with its share of every batch (distributed data parallel); more than one starts
            processes, so that a script needs `if __name__ == "__main__"`. Without dropout and terms over a batch the
            losses are those of one process.
        precision: `32-true`, `64-true` or `bf16-mixed`.
        compile: run model and loss through `torch.compile`; needs a C++ compiler.
        deterministic: only algorithms that repeat bit for bit on an accelerator too; an operation without one raises.
        checkpoint_dir: where the training state is kept; a fit that was interrupted goes on from there, one that was
            finished returns at once. None keeps nothing.
        checkpoint_seconds: at most one write in so many seconds (0: after every epoch); the last epoch always writes.
        progress: called after each epoch with (epoch, epochs, metric).

    Raises:
        InputError: for options out of range, more processes than rows in a batch, no labelled rows in a part, a single
            label in training, a row in both parts, a value that is not finite (names modality and sample), or a damaged
            checkpoint.
        NonFiniteLossError: when training diverges, with the batch's sample ids.

    Example:
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> x = np.random.default_rng(0).normal(size=(300, 2))
        >>> ds = from_arrays({"a": x}, labels=(x[:, 0] > 0).astype(int), name="tiny")
        >>> result = fit(build_model("unimodal:a", ds.spec), ds, epochs=10, device="cpu")
        >>> result.best_metric > 0.9
        True
    """
    options = FitOptions(
        seed=seed,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        patience=patience,
        modality_dropout=modality_dropout,
        max_gradient_norm=max_gradient_norm,
        metric=metric,
        precision=precision,
        compile=compile,
        deterministic=deterministic,
    )
    target = _label_of(model, ds, label)
    settings = read_objective(objective, target.task)
    name = find_validation_metric(metric, settings.task).name
    parts = training_parts(ds, target, rows)
    fewest = min(batch_size, len(parts[0].rows))
    if devices > fewest:
        received = f"{devices} for batches of {fewest} rows"
        raise InputError("devices", received, f"at most {fewest}", "Each process needs a row of every batch.")
    loss_weight = 1.0 / prepare(model, ds, target, parts) ** settings.task.unit_power
    task = _Task(model, ds, target, settings, options, parts, loss_weight, checkpoint_dir, checkpoint_seconds, progress)
    if devices == 1:
        state, path = _fit_here(fabric_for(device, precision), task)
    else:
        state, path = _fit_in_processes(fabric_for(device, precision, devices), task)
        if precision == "64-true":
            model.double()
    model.load_state_dict(state.best_weights)
    return FitResult(
        model=model.eval(),
        history=tuple(state.history),
        metric=name,
        best_metric=state.best["metric"],
        best_epoch=state.best_epoch,
        checkpoint=path,
        n_parameters=count_parameters(model),
        seed=seed,
    )
