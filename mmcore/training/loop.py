"""One epoch of training and one evaluation, on tensors that are already where they are needed.

Order of rows, dropped modalities and dropped units of epoch e come from streams named after e under the fit's seed, not
from a generator that runs through: whoever resumes at epoch e draws what the uninterrupted run would have drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.models.randomness import reseed
from mmcore.objectives import Objective
from mmcore.seeds import stream, stream_seed
from mmcore.training.inputs import InputRows
from mmcore.training.options import FitOptions

EVALUATED_AT_ONCE = 2048


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; names the epoch and the rows of the batch where it did."""

    def __init__(self, epoch: int, rows: np.ndarray, sample_ids: list[str]) -> None:
        self.epoch, self.rows, self.sample_ids = epoch, rows, sample_ids
        shown = ", ".join(sample_ids[:5]) + (", ..." if len(sample_ids) > 5 else "")
        super().__init__(
            f"the loss is not finite in epoch {epoch}, in the batch of samples {shown}. "
            "Lower learning_rate, or look at these samples."
        )

    def __reduce__(self) -> tuple[type[NonFiniteLossError], tuple[int, np.ndarray, list[str]]]:
        return type(self), (self.epoch, self.rows, self.sample_ids)


@dataclass(frozen=True)
class LearningPart:
    """Inputs and targets of one part on the device; `loss_weight` brings a regression's loss to unit variance."""

    inputs: InputRows
    targets: Tensor
    loss_weight: float = 1.0


@dataclass(frozen=True)
class Learner:
    """The model, then module and optimizer as Fabric wrapped them, and what they are trained by."""

    fabric: Any
    model: nn.Module
    module: Any
    optimizer: Any
    objective: Objective
    options: FitOptions


def dropped_modalities(presence: np.ndarray, rate: float, seed: int, epoch: int) -> np.ndarray:
    """Return `presence` (M, n) with each modality removed at `rate`; a row that would lose all keeps what it had.

    Reference: Neverova et al. 2016, ModDrop (TPAMI 38:8).

    Example:
        >>> bool(dropped_modalities(np.ones((2, 500), bool), 0.9, seed=0, epoch=1).any(0).all())
        True
    """
    if rate == 0.0:
        return presence
    kept = presence & (stream(seed, "modality dropout", epoch).random(presence.shape) >= rate)
    return np.where(kept.any(0), kept, presence)


def _scored(outputs: Tensor) -> Tensor:
    """Outputs in at least single precision: a loss in bfloat16 would round away what it should see."""
    return outputs if outputs.dtype == torch.float64 else outputs.float()


def train_epoch(learner: Learner, part: LearningPart, epoch: int) -> tuple[float, np.ndarray | None]:
    """Update the module with every batch of one epoch.

    Returns:
        the mean loss over rows before each update, and the positions of the first batch whose loss is not finite.
    """
    options, inputs = learner.options, part.inputs
    device = inputs.device
    order = torch.from_numpy(stream(options.seed, "batches", epoch).permutation(len(inputs))).to(device)
    kept = dropped_modalities(inputs.presence, options.modality_dropout, options.seed, epoch)
    presence = inputs.presence_tensors(kept)
    reseed(stream_seed(options.seed, "dropout", epoch), device)
    learner.module.train()
    losses, batches = [], order.split(options.batch_size)
    for positions in batches:
        outputs = _scored(learner.module(*inputs.take(positions, presence)))
        loss = learner.objective.loss(outputs, part.targets.index_select(0, positions)) * part.loss_weight
        learner.optimizer.zero_grad(set_to_none=True)
        learner.fabric.backward(loss)
        learner.fabric.clip_gradients(
            learner.module, learner.optimizer, max_norm=options.max_gradient_norm, error_if_nonfinite=False
        )
        learner.optimizer.step()
        losses.append(loss.detach())
    values = torch.stack(losses).double().cpu().numpy()  # looked at once an epoch: an accelerator need not wait
    if not np.isfinite(values).all():
        return float("nan"), batches[int(np.flatnonzero(~np.isfinite(values))[0])].cpu().numpy()
    return float(np.average(values, weights=[len(b) for b in batches])), None


def outputs_of(module: Any, inputs: InputRows, at_once: int = EVALUATED_AT_ONCE) -> Tensor:
    """Return the outputs `(n, outputs)` of all rows in evaluation mode, on the device."""
    module.eval()
    presence = inputs.presence_tensors(inputs.presence)
    every = torch.arange(len(inputs), device=inputs.device)
    with torch.inference_mode():
        return torch.cat([_scored(module(*inputs.take(positions, presence))) for positions in every.split(at_once)])
