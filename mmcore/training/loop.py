"""One epoch of training and one evaluation, on tensors that are already where they are needed.

Order of rows, dropped modalities and dropped units of epoch e come from streams named after e under the fit's seed, not
from a generator that runs through: whoever resumes at epoch e draws what the uninterrupted run would have drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcore.models.randomness import reseed
from mmcore.seeds import stream, stream_seed
from mmcore.training.inputs import InputRows
from mmcore.training.loss import TrainedLoss, scored
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
    """Inputs and targets of one part on the device."""

    inputs: InputRows
    targets: Tensor


@dataclass(frozen=True)
class Learner:
    """Model and loss as one module, the same and its optimizer as Fabric wrapped them, and the options."""

    fabric: Any
    loss: TrainedLoss
    module: Any
    optimizer: Any
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


def batches_of(order: Tensor, batch_size: int, processes: int = 1) -> list[Tensor]:
    """Return the rows of each update; a last batch of one row, or of fewer than processes, joins the one before it.

    One row alone has no variance, which batch normalisation divides by; a process without a row has no loss.

    Example:
        >>> [batch.tolist() for batch in batches_of(torch.arange(5), 2)]
        [[0, 1], [2, 3, 4]]
    """
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) < min(batch_size, max(2, processes)):
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def own_share(fabric: Any, positions: Tensor) -> tuple[Tensor, float]:
    """Return this process's rows of a batch, and what its mean loss counts so that gradients average to the batch's."""
    processes, rank = fabric.world_size, fabric.global_rank
    if processes == 1:
        return positions, 1.0
    own = positions[rank::processes]
    return own, len(own) * processes / len(positions)


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
    losses, batches = [], batches_of(order, options.batch_size, learner.fabric.world_size)
    for batch in batches:
        positions, share = own_share(learner.fabric, batch)
        targets = part.targets.index_select(0, positions)
        loss = learner.module(*inputs.take(positions, presence), targets, positions, share)
        learner.optimizer.zero_grad(set_to_none=True)
        learner.fabric.backward(loss)
        learner.fabric.clip_gradients(
            learner.module, learner.optimizer, max_norm=options.max_gradient_norm, error_if_nonfinite=False
        )
        learner.optimizer.step()
        losses.append(loss.detach())
    seen = torch.stack(losses)  # looked at once an epoch: an accelerator need not wait
    if learner.fabric.world_size > 1:
        seen = learner.fabric.all_reduce(seen.double(), reduce_op="mean")
    values = seen.cpu().double().numpy()  # in this order: an accelerator may have no double precision
    if not np.isfinite(values).all():
        return float("nan"), batches[int(np.flatnonzero(~np.isfinite(values))[0])].cpu().numpy()
    return float(np.average(values, weights=[len(b) for b in batches])), None


def outputs_of(module: Any, inputs: InputRows, at_once: int = EVALUATED_AT_ONCE) -> Tensor:
    """Return the outputs `(n, outputs)` of all rows in evaluation mode, on the device."""
    module.eval()
    presence = inputs.presence_tensors(inputs.presence)
    every = torch.arange(len(inputs), device=inputs.device)
    with torch.inference_mode():
        return torch.cat([scored(module(*inputs.take(positions, presence))) for positions in every.split(at_once)])
