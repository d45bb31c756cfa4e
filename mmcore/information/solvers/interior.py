"""Union information for any number of labels: a primal-dual interior point on the dual, many tables at a time.

    max  sum a_iy alpha_iy + sum b_jy beta_jy     subject to  g_ij + s_ij = 0, s_ij >= 0,
    g_ij = log sum_y exp(alpha_iy + beta_jy),     multipliers w_ij = q(i,j),  q_ijy = w_ij pi_ijy,  pi = softmax

(n1 + n2) |Y| unknowns instead of n1 n2 |Y|. Mehrotra's predictor and corrector (1992) on

    (sum w diag pi + sum (w/s - w) pi pi') d = a,b - sum w pi - sum pi (rc + w rp) / s

Every iterate yields a valid interval (`certificate`); a table leaves the batch once its interval is narrow enough. The
target of the complementarity is floored, because driven to zero it ruins the residual and the gap sticks. The normal
matrix is dense and built for each table of the batch: meant for (n1 + n2) |Y| up to a thousand or two.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import Union, lower_bound, upper_bound
from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

_MAX_ITERATIONS = 120
_LARGEST_STEP = 4.0


@dataclasses.dataclass
class _State:
    """Iterate of a batch: alpha (B, n1, l), beta (B, n2, l), w and s (B, n1, n2)."""

    a: Float
    b: Float
    alpha: Float
    beta: Float
    w: Float
    s: Float

    def keep(self, rows: NDArray[np.bool_]) -> _State:
        return _State(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


def _start(a: Float, b: Float) -> _State:
    """Return a strictly feasible start: half log posteriors (Cauchy-Schwarz) and conditional independence."""
    with np.errstate(divide="ignore"):
        alpha = 0.5 * np.log(a / a.sum(axis=-1, keepdims=True))
        beta = 0.5 * np.log(b / b.sum(axis=-1, keepdims=True))
    label = a.sum(axis=-2)
    share = np.divide(1.0, label, out=np.zeros_like(label), where=label > 0)
    w = np.einsum("nil,njl,nl->nij", a, b, share)
    _, g, _ = _softmax(alpha, beta)
    return _State(a, b, alpha, beta, w, np.maximum(-g, 0.05))


def _softmax(alpha: Float, beta: Float) -> tuple[Float, Float, NDArray[np.bool_]]:
    """Return pi (B, n1, n2, l), g (B, n1, n2) and which pairs share a label (pi = g = 0 where none)."""
    exponent = alpha[:, :, None, :] + beta[:, None, :, :]
    top = exponent.max(axis=-1)
    shared = np.isfinite(top)
    top = np.where(shared, top, 0.0)
    weight = np.exp(exponent - top[..., None])
    total = np.where(shared, weight.sum(axis=-1), 1.0)
    return weight / total[..., None], np.log(total) + top, shared


def _normal_matrix(pi: Float, w: Float, c: Float) -> Float:
    """Return the scaled normal matrices (B, m, m), m = (n1 + n2) l, ordered alpha then beta."""
    n, n1, n2, labels = pi.shape
    m1, m2 = n1 * labels, n2 * labels
    matrix = np.zeros((n, m1 + m2, m1 + m2))
    weighted = w[..., None] * pi
    cross = c[..., None] * pi
    eye = np.eye(labels)
    block1 = np.matmul(cross.transpose(0, 1, 3, 2), pi) + weighted.sum(axis=2)[..., None] * eye
    swapped = pi.transpose(0, 2, 1, 3)
    block2 = np.matmul(cross.transpose(0, 2, 3, 1), swapped) + weighted.sum(axis=1)[..., None] * eye
    between = cross[..., :, None] * pi[..., None, :] + weighted[..., None] * eye  # (B, n1, n2, l, l)
    first = matrix[:, :m1, :m1].reshape(n, n1, labels, n1, labels)
    second = matrix[:, m1:, m1:].reshape(n, n2, labels, n2, labels)
    i, j = np.arange(n1), np.arange(n2)
    first[:, i, :, i, :] = block1.transpose(1, 0, 2, 3)
    second[:, j, :, j, :] = block2.transpose(1, 0, 2, 3)
    matrix[:, :m1, :m1] = first.reshape(n, m1, m1)
    matrix[:, m1:, m1:] = second.reshape(n, m2, m2)
    matrix[:, :m1, m1:] = between.transpose(0, 1, 3, 2, 4).reshape(n, m1, m2)
    matrix[:, m1:, :m1] = matrix[:, :m1, m1:].transpose(0, 2, 1)
    return matrix


class _Newton:
    """Solves the normal equations of one iterate for several right-hand sides."""

    def __init__(self, state: _State, pi: Float, shared: NDArray[np.bool_]) -> None:
        self.pi, self.w, self.s = pi, state.w, state.s
        self.n, self.n1, self.n2, self.labels = pi.shape
        matrix = _normal_matrix(pi, state.w, np.where(shared, state.w / state.s - state.w, 0.0))
        support = np.concatenate([(state.a > 0).reshape(self.n, -1), (state.b > 0).reshape(self.n, -1)], axis=1)
        diagonal = np.einsum("nii->ni", matrix)
        # The dual is free to move alpha by k_y and beta by -k_y: doubling one diagonal entry of beta per label fixes
        # that freedom without changing the step, since the right-hand side has no part along it.
        anchor = self.n1 * self.labels + state.b.argmax(axis=1) * self.labels + np.arange(self.labels)
        rows = np.arange(self.n)[:, None]
        diagonal[rows, anchor] *= 2.0
        diagonal[~support | (diagonal <= 0)] = 1.0
        self.scale = 1.0 / np.sqrt(diagonal)
        self.matrix = matrix * self.scale[:, :, None] * self.scale[:, None, :]
        regular = self.matrix.copy()
        np.einsum("nii->ni", regular)[...] += 1e-13
        self.inverse = np.linalg.inv(regular)

    def solve(self, rhs1: Float, rhs2: Float) -> tuple[Float, Float]:
        """Return (dalpha, dbeta), with one step of iterative refinement against the unregularised matrix."""
        rhs = np.concatenate([rhs1.reshape(self.n, -1), rhs2.reshape(self.n, -1)], axis=1) * self.scale
        x = np.matmul(self.inverse, rhs[..., None])
        x = x + np.matmul(self.inverse, rhs[..., None] - np.matmul(self.matrix, x))
        step = x[..., 0] * self.scale
        m1 = self.n1 * self.labels
        return step[:, :m1].reshape(self.n, self.n1, self.labels), step[:, m1:].reshape(self.n, self.n2, self.labels)

    def step(self, r1: Float, r2: Float, rp: Float, rc: Float) -> tuple[Float, Float, Float, Float]:
        """Return (dalpha, dbeta, dw, ds) for the complementarity residual rc."""
        push = self.pi * ((rc + self.w * rp) / self.s)[..., None]
        dalpha, dbeta = self.solve(r1 - push.sum(axis=2), r2 - push.sum(axis=1))
        moved = np.einsum("nijl,nil->nij", self.pi, dalpha) + np.einsum("nijl,njl->nij", self.pi, dbeta)
        ds = -rp - moved
        return dalpha, dbeta, (rc - self.w * ds) / self.s, ds


def _room(value: Float, change: Float) -> Float:
    """Return the largest step in [0, 1] (per table) that keeps value + step * change non-negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(change < 0, -value / change, np.inf)
    return np.minimum(1.0, ratio.min(axis=(1, 2)))


def _advance(state: _State, tol: float) -> _State:
    pi, g, shared = _softmax(state.alpha, state.beta)
    n_pairs = shared.sum(axis=(1, 2))
    w, s = np.where(shared, state.w, 0.0), np.where(shared, state.s, 1.0)
    state = dataclasses.replace(state, w=w, s=s)
    weighted = w[..., None] * pi
    r1, r2 = state.a - weighted.sum(axis=2), state.b - weighted.sum(axis=1)
    rp = np.where(shared, g + s, 0.0)
    mu = (w * s).sum(axis=(1, 2)) / n_pairs
    newton = _Newton(state, pi, shared)

    _, _, dw, ds = newton.step(r1, r2, rp, -w * s)
    step_w, step_s = _room(w, dw)[:, None, None], _room(s, ds)[:, None, None]
    mu_affine = ((w + step_w * dw) * np.where(shared, s + step_s * ds, 0.0)).sum(axis=(1, 2)) / n_pairs
    floor = 0.05 * tol * LN2 / n_pairs
    target = np.maximum(np.minimum((mu_affine / mu) ** 3, 1.0) * mu, floor)[:, None, None]
    rc = np.where(shared, target - w * s - dw * ds, 0.0)
    dalpha, dbeta, dw, ds = newton.step(r1, r2, rp, rc)

    caution = np.clip(1.0 - mu, 0.9, 0.9995)[:, None, None]
    largest = np.maximum(abs(dalpha).max(axis=(1, 2)), abs(dbeta).max(axis=(1, 2)))[:, None, None]
    step_w = caution * _room(w, dw)[:, None, None]
    step_s = np.minimum(caution * _room(s, ds)[:, None, None], _LARGEST_STEP / np.maximum(largest, _LARGEST_STEP))
    return dataclasses.replace(
        state,
        alpha=state.alpha + step_s * dalpha,
        beta=state.beta + step_s * dbeta,
        w=w + step_w * dw,
        s=s + step_s * ds,
    )


def union_information_many(a: Float, b: Float, *, tol: float = 1e-9, max_iter: int = _MAX_ITERATIONS) -> list[Union]:
    """Return the union information of each table of a batch, in bits.

    Args:
        a, b: (B, n1, l) and (B, n2, l), each table summing to one, no empty symbols, same label masses.
        tol: width of the interval at which a table is done, bits.
        max_iter: iterations after which the best interval is returned with status "max_iterations".

    Example:
        >>> a = np.array([[[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]]])     # SUM of two bits: one input against the sum
        >>> round(union_information_many(a, a)[0].upper, 6)
        0.5
    """
    n = len(a)
    lower, upper = np.full(n, -np.inf), np.full(n, np.inf)
    iterations, residual = np.zeros(n, dtype=int), np.zeros(n)
    status = np.full(n, "max_iterations", dtype=object)
    state, rows = _start(a, b), np.arange(n)
    for step in range(max_iter + 1):
        pi, _, shared = _softmax(state.alpha, state.beta)
        q = np.where(shared, state.w, 0.0)[..., None] * pi
        lower[rows] = np.fmax(lower[rows], lower_bound(state.alpha, state.beta, state.a, state.b))
        upper[rows] = np.fmin(upper[rows], upper_bound(q, state.a, state.b))
        residual[rows] = abs(q.sum(axis=2) - state.a).max(axis=(1, 2))
        iterations[rows] = step
        done = upper[rows] - lower[rows] <= tol
        status[rows[done]] = "solved"
        broken = ~np.isfinite(q).all(axis=(1, 2, 3)) & ~done
        status[rows[broken]] = "numerical_error"
        rows, state = rows[~(done | broken)], state.keep(~(done | broken))
        if len(rows) == 0 or step == max_iter:
            break
        state = _advance(state, tol)
    return [
        Union(float(lower[k]), float(upper[k]), str(status[k]), "interior", int(iterations[k]), float(residual[k]))
        for k in range(n)
    ]
