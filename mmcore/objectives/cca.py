"""Deep canonical correlation analysis: representations of every two modalities are to correlate.

    L = - sum_{i<j} sum_{k <= top} s_k(T_ij),   T_ij = S_ii^{-1/2} S_ij S_jj^{-1/2}
    S_ij = H_i' H_j / (B - 1),   S_ii = H_i' H_i / (B - 1) + ridge I,   H_i = centred g_i(z_i)

with s_k the singular values, so that with all of them L is minus the nuclear norm of T.
Reference: Andrew, Arora, Bilmes, Livescu 2013, Deep canonical correlation analysis (ICML), section 3; Liang et al.
2023, MultiZoo, section 'prediction-level alignment'.
Departs from MultiZoo's code on purpose: any number of modalities of any widths; the singular values come from an SVD of
T whitened by Cholesky factors (the same values: a Cholesky factor is the square root up to a rotation), not from the
eigenvalues of T'T under a second ridge, whose gradient breaks where two coincide; "all of them" is the nuclear norm and
not an element-wise root. Computed in float64.
What can go wrong: B centred rows span B - 1 directions, so at least d_i + d_j - (B - 1) correlations are 1 whatever the
data are. `dimension` is small for that reason: linear maps g_i to k dimensions under this loss seek the k largest
canonical correlations. `dimension=None` takes the representations as they are; then the batch has to be much larger.
Missing modality: a pair counts in rows where both are present; fewer than two such rows give zero.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import InputError, counted
from mmcore.objectives.needs import nothing, present_in, representation_sizes

if TYPE_CHECKING:
    from mmcore.models.trace import Trace


def _factor(centred: Float[Tensor, "n d"], ridge: float) -> Float[Tensor, "d d"]:
    """The lower Cholesky factor of the covariance with its ridge."""
    identity = torch.eye(centred.shape[1], dtype=centred.dtype, device=centred.device)
    return torch.linalg.cholesky(centred.T @ centred / (len(centred) - 1) + ridge * identity)


def canonical_correlations(
    first: Float[Tensor, "n d1"], second: Float[Tensor, "n d2"], *, ridge: float = 1e-3
) -> Float[Tensor, " least"]:
    """Return the min(d1, d2) canonical correlations of two samples, largest first, float64.

    Args:
        first: (n, d1).
        second: (n, d2), the same rows.
        ridge: added to the variance of each direction of each side; shrinks the correlations.

    Raises:
        InputError: for fewer than two rows, or a negative ridge.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> [round(found, 6) for found in canonical_correlations(x, 1.0 - 3.0 * x, ridge=0.0).tolist()]
        [1.0]
    """
    if len(first) < 2:
        raise InputError("first", counted(len(first), "row"), "at least 2", "Give more rows.")
    if not ridge >= 0:
        raise InputError("ridge", ridge, "0 or more", "Use 1e-3.")
    left, right = (side.double() - side.double().mean(0) for side in (first, second))
    cross = left.T @ right / (len(left) - 1)  # (d1, d2)
    half = torch.linalg.solve_triangular(_factor(left, ridge), cross, upper=False)
    whitened = torch.linalg.solve_triangular(_factor(right, ridge), half.T, upper=False)  # (d2, d1), T transposed
    return torch.linalg.svdvals(whitened)


class CanonicalCorrelation(nn.Module):
    """Minus the canonical correlations of all pairs of modalities, summed.

    Args:
        model: with one representation a modality, two modalities or more.
        n_rows: of the training part; not used.
        ridge: see `canonical_correlations`.
        top: how many of the largest correlations count; None for all.
        dimension: of the linear maps g_m, at most the representation's width; None for no maps.

    Raises:
        InputError: for a model without representations or with one modality, or numbers out of range.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        n_rows: int = 0,
        ridge: float = 1e-3,
        top: int | None = None,
        dimension: int | None = 8,
    ) -> None:
        super().__init__()
        if not ridge > 0:
            raise InputError("ridge", ridge, "a positive number", "Use 1e-3.")
        for name, value in (("top", top), ("dimension", dimension)):
            if value is not None and value < 1:
                raise InputError(name, value, "a positive number or None", "Use None.")
        sizes = representation_sizes(model, "cca", fewest=2)
        self.ridge, self.top = ridge, top
        # Without bias: centring would take it away again.
        maps = [
            nn.Identity() if dimension is None else nn.Linear(size, min(dimension, size), bias=False) for size in sizes
        ]
        self.maps = nn.ModuleList(maps)

    def forward(self, trace: Trace, targets: Tensor, rows: Tensor) -> Float[Tensor, ""]:
        """Return the loss, between minus the number of correlations and 0."""
        mapped = [each(part) for each, part in zip(self.maps, trace.representations)]
        loss = nothing(*mapped)
        if not bool(torch.isfinite(loss)):
            return loss  # diverged: training then names the batch, where a decomposition would only fail
        for first, second in itertools.combinations(range(len(mapped)), 2):
            both = present_in(trace, first, second)
            if int(both.sum()) < 2:
                continue
            found = canonical_correlations(mapped[first][both], mapped[second][both], ridge=self.ridge)
            loss = loss - found[: self.top].sum().to(loss.dtype)
        return loss
