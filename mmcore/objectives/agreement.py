"""Prediction-level alignment: what each modality predicts by itself is to agree with what the others predict.

    L = 2/(M(M-1)) sum_{i<j} D(p_i, p_j) + supervision/M sum_m loss(g_m(z_m), y),   p_m = link(g_m(z_m))
    D = - mean_k corr_batch(p_ik, p_jk)   |   (KL(p_i||p_j) + KL(p_j||p_i)) / 2   |   mean_k (p_ik - p_jk)^2

with link the softmax of classes, the logistic function of labels, and the identity of a regression, whose labels are
taken in standard deviations. KL is in nats.
Reference: Liang et al. 2023, MultiZoo, section 'prediction-level alignment': g_m are "auxiliary classifiers mapping
each unimodal representation", the loss is "the correlation of label predictions made by each modality across a batch".
Departs on purpose: that loss alone is served as well by predictors of anything, or of a constant, as by predictors of
the label, so each g_m is also trained on the label (`supervision=0` leaves that out); the code that MultiZoo ships
correlates representations instead (here: the term `cca`).
Missing modality: a pair counts in rows where both are present, a predictor where its modality is. Correlations need two
rows; a column that is constant over them has correlation 0.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError, unknown_name
from mmcore.objectives.needs import (
    at_least_single,
    is_regression,
    nothing,
    present_in,
    representation_sizes,
    task_of,
    without_unit,
)

if TYPE_CHECKING:
    from mmcore.models.trace import Trace

MEASURES = ("correlation", "kl", "mse")
_LEAST_VARIANCE = 1e-8


def mean_correlation(first: Float[Tensor, "n k"], second: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """Return the Pearson correlation of equal columns, averaged; a constant column counts 0.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
        >>> round(mean_correlation(x, 5 - x).item(), 4)
        -0.5
    """
    left, right = first - first.mean(0), second - second.mean(0)
    # The least variance keeps the root differentiable where a column is constant.
    spread = (left.square().mean(0) + _LEAST_VARIANCE).sqrt() * (right.square().mean(0) + _LEAST_VARIANCE).sqrt()
    return ((left * right).mean(0) / spread).mean()


def symmetric_divergence(first: Float[Tensor, "n k"], second: Float[Tensor, "n k"], task: str) -> Float[Tensor, ""]:
    """Return the mean over rows of the symmetrised Kullback-Leibler divergence between two rows of logits, in nats.

    For `multilabel` it is that of independent flags, averaged over labels.

    Example:
        >>> import torch
        >>> a, b = torch.tensor([[0.0, 0.0]]), torch.log(torch.tensor([[0.25, 0.75]]))
        >>> round(symmetric_divergence(a, b, "classification").item(), 4)  # (p - q)' (log p - log q) / 2
        0.1373
    """
    if task == "multilabel":
        return ((first.sigmoid() - second.sigmoid()) * (first - second)).mean() / 2
    difference = functional.log_softmax(first, 1) - functional.log_softmax(second, 1)
    return ((first.softmax(1) - second.softmax(1)) * difference).sum(1).mean() / 2


def linked(scores: Float[Tensor, "n k"], task: str) -> Float[Tensor, "n k"]:
    """Return predictions of the label: probabilities, or values."""
    if task == "classification":
        return scores.softmax(1)
    return scores.sigmoid() if task == "multilabel" else scores


def label_loss(scores: Float[Tensor, "n k"], targets: Tensor, task: str) -> Float[Tensor, ""]:
    """Return the task's own loss (`targets` of a regression without unit)."""
    if task == "classification":
        return functional.cross_entropy(scores, targets)
    if task == "multilabel":
        return functional.binary_cross_entropy_with_logits(scores, targets)
    return functional.mse_loss(scores, targets)


class PredictionAgreement(nn.Module):
    """Disagreement between linear predictors of the label, one a modality.

    Args:
        model: with one representation a modality, two modalities or more.
        n_rows: of the training part; not used.
        measure: `correlation`, `kl` (not for a regression) or `mse`.
        supervision: weight of the predictors' own loss within the term.

    Raises:
        InputError: for an unknown measure, or a model without representations or with one modality.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        n_rows: int = 0,
        measure: str = "correlation",
        supervision: float = 1.0,
    ) -> None:
        super().__init__()
        if measure not in MEASURES:
            raise unknown_name("measure", str(measure), MEASURES)
        if measure == "kl" and is_regression(model):
            raise InputError("measure", "'kl' for a regression", "correlation, mse", "Use 'mse'.")
        if not supervision >= 0:
            raise InputError("supervision", supervision, "0 or more", "Use 1.0.")
        sizes = representation_sizes(model, "agreement", fewest=2)
        self.measure, self.supervision = measure, supervision
        self.predictors = nn.ModuleList([nn.Linear(size, int(model.outputs)) for size in sizes])  # type: ignore[arg-type]
        self._model = (model,)  # in a tuple, so that its weights are not ours as well

    def forward(self, trace: Trace, targets: Tensor, rows: Tensor) -> Float[Tensor, ""]:
        """Return the loss."""
        task = task_of(self._model[0], targets)
        if task == "regression":
            targets = without_unit(self._model[0], targets)
        scores = [at_least_single(predictor(part)) for predictor, part in zip(self.predictors, trace.representations)]
        loss = nothing(*scores)
        pairs = list(itertools.combinations(range(len(scores)), 2))
        for first, second in pairs:
            both = present_in(trace, first, second)
            if int(both.sum()) >= (2 if self.measure == "correlation" else 1):
                loss = loss + self._disagreement(scores[first][both], scores[second][both], task) / len(pairs)
        for position, found in enumerate(scores):
            present = present_in(trace, position)
            if self.supervision and bool(present.any()):
                share = self.supervision / len(scores)
                loss = loss + share * label_loss(found[present], targets[present], task)
        return loss

    def _disagreement(self, first: Tensor, second: Tensor, task: str) -> Tensor:
        if self.measure == "kl":
            return symmetric_divergence(first, second, task)
        first, second = linked(first, task), linked(second, task)
        return -mean_correlation(first, second) if self.measure == "correlation" else (first - second).square().mean()
