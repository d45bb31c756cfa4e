"""Redundancy and the other atoms for two labels as differentiable functions: usable as a training term.

    V_k(t) = sum_i max(0, (1-t) p(i,1) - t p(i,0)),    I_union = (1/ln 2) int_0^1 (max(V_1, V_2) - V_0) / (t(1-t)) dt
    dI_union/dp(i,1) = (1/ln 2) int 1{t < posterior of i} 1{V_k(t) is the larger} / t dt - (the same of the prior)

Reference: the closed form of `solvers.two_labels` (Blackwell 1953; Bertschinger and Rauh 2014) and the envelope theorem
(Milgrom and Segal 2002): the knots, where the posteriors lie and where the curves cross, move with p too, but the
integrand is continuous there, so they add nothing. Hence sorting and cumulative sums with the knots held constant give
the exact gradient, by the ordinary reverse mode, for a batch, on any device, in float32 and float64. The second
derivative needs the moving knots: it is taken through them where it is asked for, less robustly near 0 and 1.

Where there is a kink. (1) V_1 = V_2 along an interval, as for two equal sources: the atoms have a corner, and the mean
of the two one-sided gradients is returned, a subgradient of I_union that treats the sources alike. Posteriors that tie
within a source are no kink: tied symbols act as one. (2) A posterior of exactly 0 or 1, or a symbol without mass: the
slope towards the missing mass is infinite, as for p log p; the finite part is returned, for it is what moves the rest.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmcore.errors import InputError, counted

_LN2 = math.log(2.0)
_MASS_TOLERANCE = 1e-3


class Atoms(NamedTuple):
    """The four atoms in bits, each a tensor of the batch's shape."""

    redundancy: Tensor
    unique1: Tensor
    unique2: Tensor
    synergy: Tensor


def _log_term(coefficient: Tensor, right: Tensor, left: Tensor) -> Tensor:
    """Return coefficient (log right - log left), zero where the coefficient is, or a logarithm is infinite."""
    usable = (coefficient != 0) & (right > 0) & (left > 0)
    one = torch.ones_like(right)
    return torch.where(
        usable, coefficient * (torch.where(usable, right, one).log() - torch.where(usable, left, one).log()), 0.0
    )


def _posterior(table: Tensor) -> Tensor:
    mass = table.sum(dim=-1)
    return torch.where(mass > 0, table[..., 1] / torch.where(mass > 0, mass, 1.0), 0.5)


def _tails(table: Tensor, knots: Tensor) -> Tensor:
    """Return (..., pieces, 2): label masses of the symbols whose posterior is at least the end of each piece."""
    posterior, order = _posterior(table.detach()).sort(dim=-1)
    ordered = torch.gather(table, -2, order.unsqueeze(-1).expand(table.shape))
    sums = ordered.flip(-2).cumsum(dim=-2).flip(-2)
    sums = torch.cat([sums, torch.zeros_like(sums[..., :1, :])], dim=-2)
    start = torch.searchsorted(posterior.contiguous(), knots[..., 1:].detach().contiguous())
    return torch.gather(sums, -2, start.unsqueeze(-1).expand(*start.shape, 2))


def _first_is_larger(rise: Tensor, fall: Tensor, centre: Tensor) -> Tensor:
    """Return 1 where V_1 > V_2 at the centre of a piece, 0 where it is smaller, 1/2 where equal to rounding."""
    difference = ((1 - centre) * rise - centre * fall).detach()
    equal = difference.abs() <= 16 * torch.finfo(difference.dtype).eps
    return torch.where(equal, 0.5, (difference > 0).to(difference.dtype))


def _integral(a: Tensor, b: Tensor, *, moving: bool = False) -> Tensor:
    """Return the union information in bits; with the knots constant its first derivative is exact, no higher one."""
    prior = 0.5 * (a.sum(dim=-2) + b.sum(dim=-2))
    middle_knot = _posterior(prior).unsqueeze(-1)
    ends = torch.zeros_like(middle_knot), torch.ones_like(middle_knot)
    knots = torch.cat([ends[0], _posterior(a), _posterior(b), middle_knot, ends[1]], dim=-1).sort(dim=-1).values
    knots = knots if moving else knots.detach()
    left, right = knots[..., :-1], knots[..., 1:]
    first, second = _tails(a, knots), _tails(b, knots)
    base = torch.where((right <= middle_knot).unsqueeze(-1), prior.unsqueeze(-2), 0.0)

    # On a piece both curves are lines: they cross at most once, and the larger one is taken on each side.
    rise, fall = (first - second)[..., 1], (first - second)[..., 0]
    slope = rise + fall
    crossing = torch.where(slope != 0, rise / torch.where(slope != 0, slope, 1.0), right)
    crossing = crossing if moving else crossing.detach()
    crossing = torch.where((crossing > left) & (crossing < right), crossing, right)
    total = torch.zeros_like(left[..., 0])
    for start, end in ((left, crossing), (crossing, right)):
        share = _first_is_larger(rise, fall, 0.5 * (start + end)).unsqueeze(-1)
        rest = share * first + (1 - share) * second - base
        piece = _log_term(rest[..., 1], end, start) + _log_term(rest[..., 0], 1 - end, 1 - start)
        total = total + torch.where(end > start, piece, 0.0).sum(dim=-1)
    return total / _LN2


class _Union(torch.autograd.Function):
    """The integral with its gradient, the knots held constant unless a second derivative is asked for."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        """Return the integral (...) of the two tables."""
        ctx.save_for_backward(a, b)
        return _integral(a, b)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of both tables, as a graph where one is asked for."""
        again = torch.is_grad_enabled()  # in the backward pass: only where a graph of it is being built
        with torch.enable_grad():
            a, b = ctx.saved_tensors if again else (table.detach().requires_grad_() for table in ctx.saved_tensors)
            value = _integral(a, b, moving=again)
            return torch.autograd.grad(value, (a, b), gradients[0], create_graph=again)


def union_information(a: Tensor, b: Tensor) -> Tensor:
    """Return the union information (...) of tables over two labels, in bits, differentiable in both.

    Args:
        a, b: p(x1, y) (..., n1, 2) and p(x2, y) (..., n2, 2), of the same label masses, each summing to one.

    Example:
        >>> a = torch.tensor([[0.5, 0.0], [0.25, 0.25]], dtype=torch.float64)    # AND: one input against the output
        >>> round(float(union_information(a, a)), 6)
        0.311278
    """
    return _Union.apply(a, b)


def mutual_information(table: Tensor) -> Tensor:
    """Return I(X;Y) (...) of tables (..., n, l) in bits, differentiable; cells without mass add nothing.

    Example:
        >>> float(mutual_information(torch.tensor([[0.5, 0.0], [0.0, 0.5]])))
        1.0
    """
    product = table.sum(dim=-1, keepdim=True) * table.sum(dim=-2, keepdim=True)
    kept = table > 0
    ratio = torch.where(kept, table, 1.0) / torch.where(kept, product, 1.0)
    return torch.where(kept, table * ratio.log(), 0.0).sum(dim=(-2, -1)) / _LN2


def _check_tensor(value: object, argument: str) -> None:
    if not isinstance(value, Tensor):
        raise InputError(argument, type(value).__name__, "a torch tensor", f"Pass torch.as_tensor({argument}).")


def _check_table(p: Tensor) -> None:
    _check_tensor(p, "p")
    if p.dim() < 3 or p.shape[-1] != 2 or p.numel() == 0 or not p.dtype.is_floating_point:
        received = f"shape {tuple(p.shape)} of {p.dtype}"
        raise InputError("p", received, "floats (..., n1, n2, 2)", "Use pid.decompose for more labels.")
    values = p.detach()
    if not bool(torch.isfinite(values).all()):
        wrong = int((~torch.isfinite(values)).sum())
        raise InputError(
            "p", f"{wrong} cells of NaN or infinite mass", "finite mass >= 0", "Check what made the table."
        )
    if bool((values < 0).any()):
        lowest = float(values.min())
        raise InputError("p", f"negative mass {lowest:.6g}", "mass >= 0", "Pass the table through a softmax.")
    worst = float((values.sum(dim=(-3, -2, -1)) - 1).abs().max())
    if worst > _MASS_TOLERANCE:
        raise InputError("p", f"mass off by {worst:.4g}", "a sum of one", "Divide each table by its sum.")


def atoms(p: Tensor) -> Atoms:
    """Return the atoms of tables over two labels, in bits, differentiable in `p`.

    Args:
        p: joint probabilities (n1, n2, 2) or (..., n1, n2, 2); divided by their sum, so that the gradient has no part
            that changes the mass.

    Raises:
        InputError: for another shape or type, negative or non-finite mass, a sum that is not one within 1e-3.

    Example:
        >>> p = torch.zeros(2, 2, 2, dtype=torch.float64)
        >>> p[0, 0, 0] = p[0, 1, 0] = p[1, 0, 0] = p[1, 1, 1] = 0.25
        >>> [round(float(value), 4) for value in atoms(p)]
        [0.3113, 0.0, 0.0, 0.5]
    """
    _check_table(p)
    p = p / p.sum(dim=(-3, -2, -1), keepdim=True)
    a, b = p.sum(dim=-2), p.sum(dim=-3)
    first, second, both = mutual_information(a), mutual_information(b), mutual_information(p.flatten(-3, -2))
    union = union_information(a, b)
    return Atoms(first + second - union, union - second, union - first, both - union)


def _symbols(posteriors: Tensor, argument: str) -> Tensor:
    """Return (N, K) shares of each row's symbols; one column is the probability of the second of two."""
    _check_tensor(posteriors, argument)
    if not posteriors.dtype.is_floating_point or posteriors.dim() not in (1, 2) or posteriors.numel() == 0:
        received = f"shape {tuple(posteriors.shape)} of {posteriors.dtype}"
        raise InputError(argument, received, "floats (N,) or (N, K)", "Pass probabilities, for example of a softmax.")
    values = posteriors.detach()
    if not bool(torch.isfinite(values).all()):
        wrong = int((~torch.isfinite(values)).sum())
        raise InputError(argument, f"{wrong} values of NaN or infinity", "probabilities", "Check what made them.")
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError(argument, "values outside [0, 1]", "probabilities", "Pass logits through a softmax first.")
    column = posteriors.squeeze(-1) if posteriors.dim() == 2 and posteriors.shape[1] == 1 else posteriors
    if column.dim() == 1:
        return torch.stack([1 - column, column], dim=1)
    worst = float((column.detach().sum(dim=1) - 1).abs().max())
    if worst > _MASS_TOLERANCE:
        raise InputError(argument, f"rows off one by {worst:.4g}", "rows that sum to one", "Use a softmax.")
    return column


def _row_weights(weights: Tensor | None, like: Tensor) -> Tensor:
    if weights is None:
        return torch.full_like(like[:, 0], 1.0 / len(like)).detach()
    _check_tensor(weights, "weights")
    total = float(weights.sum())
    if weights.shape != like.shape[:1] or not math.isfinite(total) or total <= 0 or bool((weights < 0).any()):
        raise InputError("weights", f"shape {tuple(weights.shape)}", f"{len(like)} numbers >= 0", "One a row.")
    return weights.to(like) / total


def redundancy(
    posteriors1: Tensor,
    posteriors2: Tensor,
    labels: Tensor | None = None,
    *,
    prior: float | Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the redundancy of two sources about a binary label, a scalar in bits, differentiable in the posteriors.

    With `labels` each row's source is a symbol drawn from its posterior, and the two tables count symbols against the
    labels: the redundancy of randomised decisions, never above that of what they were made from, and no reward for
    confidence that the labels do not bear out. With `prior` the posteriors themselves are believed: each row is a
    symbol with its own p(y|x), rescaled so that the label masses are the prior; then confidence alone raises the value.

    Args:
        posteriors1, posteriors2: probabilities (N,) of label 1, or (N, K) shares of K symbols (K = 2 with `prior`).
        labels: (N,) of 0 and 1.
        prior: probability of label 1, in (0, 1); give either this or labels.
        weights: how much each row counts (N,).

    Raises:
        InputError: for shapes that do not fit, values that are no probabilities, both or neither of labels and prior.

    Reference: the module's first lines.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1])
        >>> float(redundancy(labels.double(), labels.double(), labels))
        1.0
        >>> round(float(redundancy(labels.double(), torch.full((4,), 0.5), labels)), 6)
        0.0
    """
    first, second = _symbols(posteriors1, "posteriors1"), _symbols(posteriors2, "posteriors2")
    if len(first) != len(second):
        raise InputError(
            "posteriors2", counted(len(second), "row"), counted(len(first), "row"), "Align the rows first."
        )
    if (labels is None) == (prior is None):
        received = "both" if labels is not None else "neither"
        raise InputError("labels, prior", received, "one of them", "Pass the labels where they are known.")
    second = second.to(first.dtype)
    share = _row_weights(weights, first)
    if labels is not None:
        truth = _indicators(labels, first) * share.unsqueeze(1)
        a, b = first.transpose(0, 1) @ truth, second.transpose(0, 1) @ truth
    else:
        masses = _prior_masses(prior, first, second)
        a, b = (rows * share.unsqueeze(1) for rows in (first, second))
        a, b = (table * (masses / table.sum(dim=0)) for table in (a, b))
    return mutual_information(a) + mutual_information(b) - union_information(a, b)


def _indicators(labels: Tensor, like: Tensor) -> Tensor:
    _check_tensor(labels, "labels")
    right = (labels == 0) | (labels == 1)
    if labels.shape != like.shape[:1] or not bool(right.all()):
        received = f"shape {tuple(labels.shape)}"
        if labels.shape == like.shape[:1]:
            received = f"{int((~right).sum())} other values, such as {labels[~right][0].item()}"
        raise InputError("labels", received, f"{len(like)} values 0 or 1", "Encode the two classes as 0 and 1.")
    return torch.stack([labels == 0, labels == 1], dim=1).to(like)


def _prior_masses(prior: float | Tensor | None, first: Tensor, second: Tensor) -> Tensor:
    for argument, table in (("posteriors1", first), ("posteriors2", second)):
        if table.shape[1] != 2:
            raise InputError(
                argument, counted(table.shape[1], "column"), "two, the labels", "Pass labels for K symbols."
            )
    one = torch.as_tensor(prior).to(first).reshape(())
    if not 0.0 < float(one) < 1.0:
        raise InputError("prior", float(one), "a number between 0 and 1", "Pass the share of label 1.")
    return torch.stack([1 - one, one])
