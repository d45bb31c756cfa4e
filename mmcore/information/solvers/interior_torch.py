"""The interior point for many small tables of one shape at once, in torch: on a GPU, or to compare.

The method of `interior`, every array with a leading batch axis and the normal matrix ((n1 + n2) |Y|)^2 dense. A table
leaves the batch when its interval is narrow enough; the intervals themselves are computed by `certificate`, on the
processor, so that nothing here need be trusted. What this leaves uncertified is solved again by `interior`; both
intervals hold, so the best ends of both are kept.
On a processor `interior` is the faster one; the point of this module is a batch of thousands on a GPU.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import Union, complete, leave_out, lower_bound, upper_bound
from mmcore.information.entropy import LN2
from mmcore.information.solvers import interior
from mmcore.information.solvers.two_labels import rounding_error

if TYPE_CHECKING:
    from torch import Tensor

Float = NDArray[np.float64]

_MAX_ITERATIONS = 40
_LARGEST_STEP = 4.0
_UNDERFLOW = 1e-200
_NEAR = 1e-8  # see `kernel`
_REGULAR = (1e-15, 1e-13, 1e-11)


class _Batch:
    """Iterate of the tables still running: alpha (B, n1, l), beta (B, n2, l), w and s (B, n1, n2), on one device."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = a, b
        self.alpha = 0.5 * (a / a.sum(dim=2, keepdim=True)).log()
        self.beta = 0.5 * (b / b.sum(dim=2, keepdim=True)).log()
        share = a.sum(dim=1, keepdim=True).reciprocal().nan_to_num(posinf=0.0)
        self.w = (a * share) @ b.mT
        self.live = self.w > 0
        self.refresh()
        self.s = (-self.g).clamp(min=0.05).where(self.live, self.g.new_ones(()))
        mu = (self.w * self.s).sum(dim=(1, 2)) / self.live.sum(dim=(1, 2))
        self.w = self.w.maximum(1e-3 * mu[:, None, None] / self.s).where(self.live, self.w.new_zeros(()))

    def refresh(self) -> None:
        """Fix the freedom of the dual (max_j beta = 0 per label); fill g and pi."""
        top = self.beta.amax(dim=1, keepdim=True).nan_to_num(neginf=0.0)
        self.alpha, self.beta = self.alpha + top, self.beta - top
        weight = self.alpha.exp()[:, :, None, :] * self.beta.exp()[:, None, :, :]
        total = weight.sum(dim=3)
        self.live = self.live & (total > _UNDERFLOW)
        total = total.where(self.live, total.new_ones(()))
        self.pi = (weight / total[..., None]) * self.live[..., None]
        self.g, self.w = total.log(), self.w * self.live

    def keep(self, rows: Tensor) -> None:
        """Go on with these tables alone."""
        for name in ("a", "b", "alpha", "beta", "w", "s", "live", "g", "pi"):
            setattr(self, name, getattr(self, name)[rows])


def _normal_matrix(batch: _Batch, c: Tensor) -> Tensor:
    """Return the normal matrices (B, m, m), m = (n1 + n2) l, ordered alpha then beta."""
    import torch

    n, n1, n2, labels = batch.pi.shape
    m1, m2 = n1 * labels, n2 * labels
    matrix = batch.pi.new_zeros((n, m1 + m2, m1 + m2))
    weighted, cross = batch.w[..., None] * batch.pi, c[..., None] * batch.pi
    eye = torch.eye(labels, dtype=matrix.dtype, device=matrix.device)
    block1 = torch.einsum("bijy,bijz->biyz", cross, batch.pi) + weighted.sum(dim=2)[..., None] * eye
    block2 = torch.einsum("bijy,bijz->bjyz", cross, batch.pi) + weighted.sum(dim=1)[..., None] * eye
    anchor = batch.b.argmax(dim=1)  # doubling one diagonal entry of beta per label fixes the freedom of the dual
    y = torch.arange(labels, device=matrix.device)
    block2[torch.arange(n, device=matrix.device)[:, None], anchor, y, y] *= 2.0
    between = cross[..., :, None] * batch.pi[..., None, :] + weighted[..., None] * eye
    i, j = torch.arange(n1, device=matrix.device), torch.arange(n2, device=matrix.device)
    matrix[:, :m1, :m1].view(n, n1, labels, n1, labels)[:, i, :, i, :] = block1.transpose(0, 1)
    matrix[:, m1:, m1:].view(n, n2, labels, n2, labels)[:, j, :, j, :] = block2.transpose(0, 1)
    matrix[:, :m1, m1:] = between.permute(0, 1, 3, 2, 4).reshape(n, m1, m2)
    matrix[:, m1:, :m1] = matrix[:, :m1, m1:].mT
    return matrix


def _factor(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices scaled to a unit diagonal, their factors and the scales; regularised one by one."""
    import torch

    diagonal = matrix.diagonal(dim1=1, dim2=2)
    scale = diagonal.where(diagonal > 0, diagonal.new_ones(())).rsqrt()
    matrix = matrix * scale[:, :, None] * scale[:, None, :]
    matrix.diagonal(dim1=1, dim2=2)[diagonal <= 0] = 1.0
    eye = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    for regular in _REGULAR:
        if not bool(failed.any()):
            break
        again, still = torch.linalg.cholesky_ex(matrix[failed > 0] + regular * eye)
        rows = failed.nonzero()[:, 0]
        factor[rows], failed[rows] = again, still
    return matrix, factor, scale


def _room(value: Tensor, change: Tensor) -> Tensor:
    """Return the largest step in [0, 1] (B, 1, 1) that keeps value + step * change non-negative."""
    ratio = (-value / change).where(change < 0, value.new_full((), float("inf")))
    return ratio.amin(dim=(1, 2), keepdim=True).clamp(max=1.0)


def _advance(batch: _Batch, r1: Tensor, r2: Tensor, floor: float) -> None:
    import torch

    n, n1, n2, labels = batch.pi.shape
    zero = batch.w.new_zeros(())
    s, live = batch.s.where(batch.live, batch.w.new_ones(())), batch.live
    pairs = live.sum(dim=(1, 2), keepdim=True)
    rp, product = (batch.g + s).where(live, zero), (batch.w * s).where(live, zero)
    mu = product.sum(dim=(1, 2), keepdim=True) / pairs
    matrix, factor, scale = _factor(_normal_matrix(batch, (batch.w / s - batch.w).where(live, zero)))

    def direction(rc: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        push = batch.pi * ((rc + batch.w * rp) / s)[..., None]
        rhs = torch.cat([(r1 - push.sum(dim=2)).reshape(n, -1), (r2 - push.sum(dim=1)).reshape(n, -1)], dim=1)
        rhs = (rhs * scale)[..., None]
        x = torch.cholesky_solve(rhs, factor)
        x = x + torch.cholesky_solve(rhs - matrix @ x, factor)
        step = x[..., 0] * scale
        dalpha, dbeta = step[:, : n1 * labels].reshape(n, n1, labels), step[:, n1 * labels :].reshape(n, n2, labels)
        moved = (batch.pi * (dalpha[:, :, None, :] + dbeta[:, None, :, :])).sum(dim=3)
        ds = (-rp - moved).where(live, zero)
        return dalpha, dbeta, ((rc - batch.w * ds) / s).where(live, zero), ds

    _, _, dw, ds = direction(-product)
    affine = ((batch.w + _room(batch.w, dw) * dw) * (s + _room(s, ds) * ds)).where(live, zero)
    shrink = (affine.sum(dim=(1, 2), keepdim=True) / pairs / mu).pow(3).clamp(max=1.0)
    target = (shrink * mu).maximum(floor / pairs)
    dalpha, dbeta, dw, ds = direction((target - product - dw * ds).where(live, zero))
    caution = (1.0 - mu).clamp(0.9, 0.9995)
    largest = dalpha.abs().amax(dim=(1, 2), keepdim=True).maximum(dbeta.abs().amax(dim=(1, 2), keepdim=True))
    step = (caution * _room(s, ds)).minimum(_LARGEST_STEP / largest.clamp(min=_LARGEST_STEP))
    batch.w, batch.s = batch.w + caution * _room(batch.w, dw) * dw, s + step * ds
    batch.alpha, batch.beta = batch.alpha + step * dalpha, batch.beta + step * dbeta
    batch.refresh()


def _with_best(union: Union, lower: float, upper: float, tol: float) -> Union:
    """Return the union of `interior` with the better ends of both."""
    lower, upper = max(union.lower, lower), min(union.upper, upper)
    status = "solved" if upper - lower <= tol < union.upper - union.lower else union.status
    return dataclasses.replace(union, lower=lower, upper=upper, status=status)


def union_information_many(
    a: Float, b: Float, *, tol: float = 1e-9, max_iter: int = interior.MAX_ITERATIONS, device: Any = "cpu"
) -> list[Union]:
    """Return the union information of each table of a batch, in bits, as `interior.union_information_many` does.

    Args:
        a, b: (B, n1, l) and (B, n2, l), each table summing to one, no empty symbols, same label masses.
        tol: width of the interval at which a table is done, bits; not judged here.
        max_iter: as of `interior`, to which a table is handed after at most 40 iterations here.
        device: of torch; it must have float64.

    Example:
        >>> a = np.array([[[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]]])
        >>> round(union_information_many(a, a)[0].upper, 6)
        0.5
    """
    import torch

    found: list[Union | None] = [None] * len(a)
    best = np.array([[-np.inf], [np.inf]]).repeat(len(a), axis=1)  # lower and upper end of each table
    error = rounding_error(a.shape[1] + b.shape[1])
    kept = leave_out(a, b, 2e-4 * tol)
    to_device = [torch.as_tensor(table, dtype=torch.float64, device=device) for table in kept]
    batch, rows = _Batch(*to_device), np.arange(len(a))
    most = min(max_iter, _MAX_ITERATIONS)
    for iteration in range(most + 1):
        weighted = batch.w[..., None] * batch.pi
        r1, r2 = batch.a - weighted.sum(dim=2), batch.b - weighted.sum(dim=1)
        left = r1.abs().amax(dim=(1, 2)).maximum(r2.abs().amax(dim=(1, 2)))
        near = ((batch.w * batch.s).sum(dim=(1, 2)) + left < max(30.0 * tol * LN2, _NEAR)).cpu().numpy()
        done = ~np.isfinite(left.cpu().numpy())
        if near.any():
            alpha, beta, q, residual = (x[near].cpu().numpy() for x in (batch.alpha, batch.beta, weighted, left))
            here, first, second = rows[near], a[rows[near]], b[rows[near]]
            lower = lower_bound(*complete(alpha, beta, first, second), first, second) - error
            best[0, here] = np.fmax(best[0, here], lower)  # NaN improves nothing
            best[1, here] = np.fmin(best[1, here], upper_bound(q, first, second) + error)
            for at, k in enumerate(np.flatnonzero(near).tolist()):
                low, high = best[:, here[at]].tolist()
                if high - low <= interior.AIM * tol:
                    done[k] = True
                    found[rows[k]] = Union(low, high, "solved", "interior_torch", iteration, float(residual[at]))
        keep = torch.as_tensor(~done, device=batch.w.device)
        batch.keep(keep)
        if done.all() or iteration == most:
            break
        _advance(batch, r1[keep], r2[keep], 0.05 * tol * LN2)
        rows = rows[~done]
    missing = [k for k, union in enumerate(found) if union is None]
    if missing:
        again = interior.union_information_many(a[missing], b[missing], tol=tol, max_iter=max_iter)
        for k, union in zip(missing, again):
            found[k] = _with_best(union, float(best[0, k]), float(best[1, k]), tol)
    return [union for union in found if union is not None]
