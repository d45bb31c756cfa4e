"""The interior point for one large table: matrix products and LAPACK on the block Schur complement.

The same method as `kernel` (equations in `interior`), written independently, so that each checks the other. With
A = exp(alpha), B = exp(beta), T = A B' every sum over pairs is a matrix product, no array larger than one n1 x n2 is
formed but for the cross part of the normal matrix (n1 n2 |Y|^2 numbers, one copy, overwritten by V) and the Schur
complement ((n2 |Y|)^2 numbers):

    sum_j w pi = A * ((w / T) B),      H11_i = A_i A_i' * sum_j (c / T^2)_ij B_j B_j' + diag,      V = L^-1 H12
    pi.(dalpha + dbeta) = ((A dalpha) B' + A (B dbeta)') / T

How many threads share a sum decides its last bits, so the caller fixes their number (`interior`).
Reference: Mehrotra (1992); Wright, Primal-Dual Interior-Point Methods (1997).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.linalg.blas import dsyrk

from mmcore.information.certificate import complete, leave_out, lower_bound, upper_bound
from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

_LARGEST_STEP = 4.0
_UNDERFLOW = 1e-120
_NEAR = 1e-8  # see `kernel`
_ROWS = 64  # block rows of the cross part that are in flight at once
_REGULAR = (0.0, 1e-15, 1e-14, 1e-13, 1e-12, 1e-10)


@dataclasses.dataclass
class State:
    """Iterate: alpha (n1, l), beta (n2, l), w and s (n1, n2), with exp(alpha), exp(beta), their product and its log."""

    a: Float
    b: Float
    alpha: Float
    beta: Float
    w: Float
    s: Float
    weight1: Float
    weight2: Float
    total: Float
    g: Float
    live: NDArray[np.bool_]

    def refresh(self) -> None:
        """Fix the freedom of the dual (max_j beta = 0 per label) and recompute what follows from (alpha, beta)."""
        top = self.beta.max(axis=0)
        top = np.where(np.isfinite(top), top, 0.0)
        self.beta, self.alpha = self.beta - top, self.alpha + top
        self.weight1, self.weight2 = np.exp(self.alpha), np.exp(self.beta)
        self.total = self.weight1 @ self.weight2.T
        self.live = self.live & (self.total > _UNDERFLOW)
        self.total = np.where(self.live, self.total, 1.0)
        self.g = np.log(self.total)
        self.w = np.where(self.live, self.w, 0.0)
        self.s = np.where(self.live, self.s, 1.0)

    def centre(self, share: float) -> None:
        """Lift each w until its product with s is `share` of the mean product: see `kernel.centre`."""
        mu = float((self.w * self.s).sum()) / max(int(self.live.sum()), 1)
        self.w = np.where(self.live, np.maximum(self.w, share * mu / self.s), 0.0)

    def sums(self, x: Float) -> tuple[Float, Float]:
        """Return sum_j x pi (n1, l) and sum_i x pi (n2, l) for x (n1, n2) that is zero where not live."""
        share = x / self.total
        return self.weight1 * (share @ self.weight2), self.weight2 * (share.T @ self.weight1)

    def moved(self, step1: Float, step2: Float) -> Float:
        """Return pi.(step1 + step2) for each pair."""
        change = (self.weight1 * step1) @ self.weight2.T + self.weight1 @ (self.weight2 * step2).T
        return np.where(self.live, change / self.total, 0.0)

    def primal(self) -> Float:
        """Return w pi (n1, n2, l)."""
        q = self.weight1[:, None, :] * self.weight2[None, :, :]
        q *= (self.w / self.total)[:, :, None]
        return q


def start(a: Float, b: Float, share: float) -> State:
    """Return the strictly feasible start: half log posteriors (Cauchy-Schwarz) and conditional independence.

    Each w is lifted until its product with s is `share` of the mean product.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(a > 0, 0.5 * np.log(a / a.sum(axis=1, keepdims=True)), -np.inf)
        beta = np.where(b > 0, 0.5 * np.log(b / b.sum(axis=1, keepdims=True)), -np.inf)
    label = a.sum(axis=0)
    w = (a * np.divide(1.0, label, out=np.zeros_like(label), where=label > 0)) @ b.T
    empty = np.zeros((0, 0))
    state = State(a, b, alpha, beta, w, np.ones_like(w), empty, empty, empty, empty, w > 0)
    state.refresh()
    state.s = np.where(state.live, np.maximum(-state.g, 0.05), 1.0)
    state.centre(share)
    return state


class Normal:
    """The factorised normal equations of one iterate."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.c = np.where(state.live, state.w / state.s - state.w, 0.0)
        self.mass1, self.mass2 = state.sums(state.w)
        for regular in _REGULAR:
            if self._factorise(regular):
                return
        raise np.linalg.LinAlgError("the normal matrix is not positive definite")

    def _blocks(self, curvature: Float, first: bool) -> Float:
        """Return the unscaled diagonal blocks of one source."""
        here, there = (self.state.weight1, self.state.weight2) if first else (self.state.weight2, self.state.weight1)
        labels = here.shape[1]
        outer = (there[:, :, None] * there[:, None, :]).reshape(len(there), -1)
        summed = (curvature if first else curvature.T) @ outer
        blocks = summed.reshape(-1, labels, labels) * here[:, :, None] * here[:, None, :]
        diagonal = np.einsum("kyy->ky", blocks)
        diagonal += self.mass1 if first else self.mass2
        if not first:  # the freedom of the dual: see `kernel_newton`
            diagonal[self.state.b.argmax(axis=0), np.arange(labels)] *= 2.0
        diagonal[~(diagonal > 0)] = 1.0
        return np.asarray(blocks)

    def _factorise(self, regular: float) -> bool:
        state = self.state
        labels, n2 = state.a.shape[1], len(state.b)
        curvature = self.c / state.total / state.total
        blocks1, blocks2 = self._blocks(curvature, True), self._blocks(curvature, False)
        self.scale1 = 1.0 / np.sqrt(np.einsum("kyy->ky", blocks1))
        self.scale2 = 1.0 / np.sqrt(np.einsum("kyy->ky", blocks2))
        blocks1 *= self.scale1[:, :, None] * self.scale1[:, None, :]
        blocks2 *= self.scale2[:, :, None] * self.scale2[:, None, :]
        try:
            self.inverse = np.linalg.inv(np.linalg.cholesky(blocks1 + regular * np.eye(labels)))
        except np.linalg.LinAlgError:
            return False
        self.cross = self._cross(curvature)
        m = n2 * labels
        schur = np.zeros((m, m), order="F")
        view = schur.T.reshape(n2, labels, n2, labels)
        view[np.arange(n2), :, np.arange(n2), :] = blocks2
        schur = dsyrk(-1.0, self.cross.T, beta=1.0, c=schur, lower=1, overwrite_c=1)
        diagonal = schur.diagonal().copy()
        if not (diagonal > 0).all():
            return False
        self.rescale = 1.0 / np.sqrt(diagonal)
        schur *= self.rescale
        schur *= self.rescale[:, None]
        np.einsum("kk->k", schur)[...] += regular
        self.factor, info = lapack.dpotrf(schur, lower=1, overwrite_a=1, clean=0)
        return bool(info == 0)

    def _cross(self, curvature: Float) -> Float:
        """Return V = L^-1 H12 scaled, (n1 l, n2 l); the cross part itself lives for a few rows at a time."""
        state = self.state
        (n1, labels), n2 = state.a.shape, len(state.b)
        cross = np.empty((n1, labels, n2, labels))
        share = state.w / state.total
        for low in range(0, n1, _ROWS):
            rows = slice(low, low + _ROWS)
            part = np.empty((len(state.a[rows]), labels, n2, labels))
            for y in range(labels):
                for z in range(labels):
                    left = state.weight1[rows, y] * state.weight1[rows, z] * self.scale1[rows, y]
                    right = state.weight2[:, y] * state.weight2[:, z] * self.scale2[:, z]
                    part[:, y, :, z] = curvature[rows] * left[:, None] * right
                left, right = state.weight1[rows, y] * self.scale1[rows, y], state.weight2[:, y] * self.scale2[:, y]
                part[:, y, :, y] += share[rows] * left[:, None] * right
            flat = part.reshape(len(part), labels, -1)
            np.matmul(self.inverse[rows], flat, out=cross[rows].reshape(flat.shape))
        return cross.reshape(n1 * labels, n2 * labels)

    def _solve_once(self, rhs1: Float, rhs2: Float) -> tuple[Float, Float]:
        x1 = np.einsum("kyz,kz->ky", self.inverse, rhs1 * self.scale1).ravel()
        x2 = ((rhs2 * self.scale2).ravel() - x1 @ self.cross) * self.rescale
        x2 = lapack.dpotrs(self.factor, x2, lower=1)[0].ravel() * self.rescale
        x1 = (x1 - self.cross @ x2).reshape(rhs1.shape)
        x1 = np.einsum("kzy,kz->ky", self.inverse, x1)
        return x1 * self.scale1, x2.reshape(rhs2.shape) * self.scale2

    def solve(self, rhs1: Float, rhs2: Float) -> tuple[Float, Float]:
        """Return (dalpha, dbeta), refined once against the unfactored matrix."""
        state = self.state
        step1, step2 = self._solve_once(rhs1, rhs2)
        bent1, bent2 = state.sums(self.c * state.moved(step1, step2))
        share = state.w / state.total
        left1 = rhs1 - bent1 - self.mass1 * step1 - state.weight1 * (share @ (state.weight2 * step2))
        left2 = rhs2 - bent2 - self.mass2 * step2 - state.weight2 * (share.T @ (state.weight1 * step1))
        more1, more2 = self._solve_once(left1, left2)
        return step1 + more1, step2 + more2

    def direction(self, r1: Float, r2: Float, rp: Float, rc: Float) -> tuple[Float, Float, Float, Float]:
        """Return (dalpha, dbeta, dw, ds) for the complementarity residual rc."""
        state = self.state
        push1, push2 = state.sums(np.where(state.live, (rc + state.w * rp) / state.s, 0.0))
        dalpha, dbeta = self.solve(r1 - push1, r2 - push2)
        ds = -rp - state.moved(dalpha, dbeta)
        return dalpha, dbeta, np.where(state.live, (rc - state.w * ds) / state.s, 0.0), np.where(state.live, ds, 0.0)


def _room(value: Float, change: Float) -> float:
    """Return the largest step in [0, 1] that keeps value + step * change non-negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(change < 0, -value / change, np.inf)
    return float(min(1.0, ratio.min()))


def _advance(state: State, r1: Float, r2: Float, floor: float, cautious: bool) -> None:
    normal = Normal(state)
    product = np.where(state.live, state.w * state.s, 0.0)
    rp = np.where(state.live, state.g + state.s, 0.0)
    pairs = int(state.live.sum())
    mu = float(product.sum()) / pairs
    _, _, dw, ds = normal.direction(r1, r2, rp, -product)
    affine = (state.w + _room(state.w, dw) * dw) * (state.s + _room(state.s, ds) * ds)
    shrink = min((float(affine[state.live].sum()) / (mu * pairs)) ** 3, 1.0)
    target = max((max(shrink, 0.1) if cautious else shrink) * mu, floor)
    bend = np.clip(dw * ds, -mu, mu) if cautious else dw * ds
    rc = np.where(state.live, target - product - bend, 0.0)
    dalpha, dbeta, dw, ds = normal.direction(r1, r2, rp, rc)
    caution = min(max(1.0 - mu, 0.9), 0.9 if cautious else 0.9995)
    state.w = state.w + caution * _room(state.w, dw) * dw
    step = caution * _room(state.s, ds)
    if cautious:  # each unknown by itself: one that runs away, of a cell that hardly matters, must not stop the rest
        dalpha, dbeta = np.clip(dalpha, -_LARGEST_STEP, _LARGEST_STEP), np.clip(dbeta, -_LARGEST_STEP, _LARGEST_STEP)
    largest = max(float(abs(dalpha).max()), float(abs(dbeta).max()))
    step = min(step, _LARGEST_STEP / max(largest, _LARGEST_STEP))
    state.s = state.s + step * ds
    state.alpha, state.beta = state.alpha + step * dalpha, state.beta + step * dbeta
    state.refresh()
    if cautious:
        state.centre(1e-2)


@dataclasses.dataclass
class Best:
    """Best point so far: dual, primal (before rounding), and its interval in bits."""

    alpha: Float
    beta: Float
    q: Float
    lower: float = -np.inf
    upper: float = np.inf
    iterations: int = 0
    residual: float = np.inf

    def take(self, state: State, a: Float, b: Float) -> None:
        """Certify the iterate on the tables as they came; keep what improves. NaN improves nothing."""
        alpha, beta = complete(state.alpha, state.beta, a, b)
        lower = float(lower_bound(alpha, beta, a, b))
        if np.isfinite(lower) and lower > self.lower:
            self.alpha, self.beta, self.lower = alpha, beta, lower
        q = state.primal()
        upper = float(upper_bound(q, a, b))
        if np.isfinite(upper) and upper < self.upper:
            self.q, self.upper = q, upper


def run(a: Float, b: Float, best: Best, *, tol: float, max_iter: int, cautious: bool = False) -> bool:
    """Improve `best` until its interval is at most `tol` bits wide; return whether it is.

    Args:
        a, b: (n1, l) and (n2, l) with n1 >= n2, the tables as they came.
        best: the point to improve; its iterations count on.
        cautious: heavier centring and shorter steps, for a second attempt.
    """
    state = start(*leave_out(a, b, 2e-4 * tol), 1.0 if cautious else 1e-3)
    pairs = int(state.live.sum())
    for iteration in range(max_iter + 1):
        sums1, sums2 = state.sums(state.w)
        r1, r2 = state.a - sums1, state.b - sums2
        best.residual = max(float(abs(r1).max()), float(abs(r2).max()))
        left = float(state.w[state.live] @ state.s[state.live]) + best.residual
        if not np.isfinite(left):
            return False
        if cautious or left < max(30.0 * tol * LN2, _NEAR) or iteration == max_iter:
            best.take(state, a, b)
            if best.upper - best.lower <= tol:
                return True
        if iteration == max_iter:
            return False
        try:
            _advance(state, r1, r2, 0.05 * tol * LN2 / pairs, cautious)
        except np.linalg.LinAlgError:
            best.take(state, a, b)
            return best.upper - best.lower <= tol
        best.iterations += 1
    return False
