"""Candidates of a fusion search: fusion layers and a head, trained on features of frozen encoders.

Encoders are in evaluation mode and their features are computed once, so that nothing of them changes while candidates
are compared. A candidate's score lies in [0, 1]: its best epoch's accuracy (or another share that is asked for), or
1 / (1 + loss) where the metric has a unit; a regression's labels have unit variance here.
Reference: Perez-Rua et al. 2019, MFAS (CVPR), section 3.3: Adam, weight decay 1e-4, learning rate by cosine annealing
with warm restarts, after every batch, the first cycle of one epoch, each twice as long as the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from mmcore.models.fusions.searched import Architecture, FusionLayers, SearchedFusion
from mmcore.models.randomness import seeded
from mmcore.seeds import stream
from mmcore.training.inputs import InputRows
from mmcore.training.loop import EVALUATED_AT_ONCE, batches_of
from mmcore.training.metrics import ValidationMetric

if TYPE_CHECKING:
    from mmcore.data import Dataset
    from mmcore.objectives import Objective
    from mmcore.training.targets import Part

WEIGHT_DECAY = 1e-4
LEAST_LEARNING_RATE = 1e-6
BOUNDED = ("accuracy", "balanced_accuracy", "f1_macro")


@dataclass(frozen=True)
class Features:
    """One part as frozen encoders see it: `values[m][a]` (n, size) of layer a, targets (n,) or (n, outputs)."""

    values: list[list[Tensor]]
    targets: Tensor


@dataclass(frozen=True)
class CandidateOptions:
    """How a candidate is trained and scored."""

    task: Objective
    metric: ValidationMetric
    outputs: int
    hidden: int
    epochs: int
    batch_size: int
    learning_rate: float


def features_of(model: SearchedFusion, ds: Dataset, part: Part) -> list[list[Tensor]]:
    """Return the features of all rows of a part, on the model's device; the model is left in evaluation mode."""
    model.eval()
    inputs = InputRows(ds, model.modalities, part.rows, next(model.parameters()).device)
    presence = inputs.presence_tensors(inputs.presence)
    every = torch.arange(len(inputs), device=inputs.device)
    with torch.no_grad():
        parts = [
            model.features(model.inputs(*inputs.take(positions, presence)))
            for positions in every.split(EVALUATED_AT_ONCE)
        ]
    return [[torch.cat(layer) for layer in zip(*modality)] for modality in zip(*parts)]


def score_of(options: CandidateOptions, outputs: Tensor, targets: Tensor) -> float:
    """Return the score of outputs, in [0, 1], higher is better."""
    loss = float(options.task.loss(outputs, targets))
    if options.metric.name in BOUNDED:
        return options.metric.score(outputs, targets, loss)
    return 1.0 / (1.0 + loss)


class _Candidate(nn.Module):
    """Fusion layers over stored features, and a head."""

    def __init__(self, sizes: Sequence[Sequence[int]], architecture: Architecture, hidden: int, outputs: int) -> None:
        super().__init__()
        self.fusion = FusionLayers(sizes, architecture, hidden=hidden)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, values: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return the outputs for features by modality and layer."""
        return self.head(self.fusion(values))


def train_candidate(
    architecture: Architecture, train: Features, valid: Features, options: CandidateOptions, *, seed: int
) -> float:
    """Return the best validation score of an architecture over a short training; the seed decides all of it."""
    device, dtype = train.targets.device, train.values[0][0].dtype
    sizes = [[layer.shape[1] for layer in modality] for modality in train.values]
    with seeded(seed):
        model = _Candidate(sizes, architecture, options.hidden, options.outputs).to(device, dtype)
    used = [{layer[m] for layer in architecture} for m in range(len(sizes))]
    n_rows = len(train.targets)
    n_batches = len(batches_of(torch.arange(n_rows), options.batch_size))
    optimizer = torch.optim.Adam(
        model.parameters(), lr=options.learning_rate, weight_decay=WEIGHT_DECAY, fused=device.type in ("cpu", "cuda")
    )
    schedule = CosineAnnealingWarmRestarts(optimizer, n_batches, 2, eta_min=LEAST_LEARNING_RATE)
    best = 0.0
    for epoch in range(1, options.epochs + 1):
        order = torch.from_numpy(stream(seed, "batches", epoch).permutation(n_rows)).to(device)
        for batch in batches_of(order, options.batch_size):
            taken = [
                [layer[batch] if at in used[m] else layer for at, layer in enumerate(modality)]
                for m, modality in enumerate(train.values)
            ]
            loss = options.task.loss(model(taken), train.targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            score = score_of(options, model(valid.values), valid.targets)
        if score == score and score > best:  # a candidate that diverged scores 0
            best = score
    return best
