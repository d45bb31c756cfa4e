"""Compiled: the interior point for small tables, whole, one table after another.

Mehrotra's predictor and corrector on the dual (equations in `interior`), the normal equations by `kernel_newton`, the
certificate by `kernel_certificate`. Cells whose mass is far below the tolerance are left out of the solve, where they
would only spoil its scaling, and put back before the certificate, which always speaks of the tables as they came.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmcore.compiling import kept
from mmcore.information.solvers import kernel_certificate as certificate
from mmcore.information.solvers import kernel_newton as newton
from mmcore.information.solvers.kernel_newton import compiled, inlined

Float = NDArray[np.float64]

_LARGEST_STEP = 4.0
_FLOOR = -40.0
_UNDERFLOW = 1e-200
_NEAR = 1e-8  # nats from the optimum at which every iterate is certified: later ones may be worse


class State(NamedTuple):
    """Iterate and scratch of one table."""

    a: Float  # (n1, l), without the cells left out
    b: Float
    alpha: Float
    beta: Float
    w: Float  # (n1, n2)
    s: Float
    g: Float
    live: NDArray[np.bool_]  # pairs that share a label
    r1: Float
    r2: Float
    rp: Float
    rc: Float
    rhs1: Float
    rhs2: Float
    dalpha: Float
    dbeta: Float
    dw: Float
    ds: Float


def state(n1: int, n2: int, labels: int) -> State:
    """Return the arrays for tables of that shape."""
    first, second, pairs = (n1, labels), (n2, labels), (n1, n2)
    shapes = {"a": first, "b": second, "alpha": first, "beta": second, "r1": first, "r2": second}
    shapes |= {"rhs1": first, "rhs2": second, "dalpha": first, "dbeta": second}
    arrays = {name: np.zeros(shapes.get(name, pairs)) for name in State._fields if name != "live"}
    return State(**arrays, live=np.zeros(pairs, dtype=np.bool_))


@inlined
def leave_out(a: Float, b: Float, budget: float, kept1: Float, kept2: Float) -> None:
    """Copy the tables without their smallest cells, at most `budget` of mass in all, label masses made equal again."""
    newton.copy(a, kept1)
    newton.copy(b, kept2)
    threshold = budget / (a.size + b.size)
    for y in range(a.shape[1]):
        first = second = 0.0
        for i in range(len(a)):
            if kept1[i, y] <= threshold:
                kept1[i, y] = 0.0
            first += kept1[i, y]
        for j in range(len(b)):
            if kept2[j, y] <= threshold:
                kept2[j, y] = 0.0
            second += kept2[j, y]
        less = min(first, second)
        for i in range(len(a)):
            kept1[i, y] *= less / first if less > 0.0 else 0.0
        for j in range(len(b)):
            kept2[j, y] *= less / second if less > 0.0 else 0.0


@compiled
def _half_log_posterior(table: Float, out: Float) -> None:
    for k in range(len(table)):
        total = 0.0
        for y in range(table.shape[1]):
            total += table[k, y]
        for y in range(table.shape[1]):
            out[k, y] = 0.5 * math.log(table[k, y] / total) if table[k, y] > 0.0 else -np.inf


@compiled
def _softmax(it: State, pi: Float) -> None:
    """Fix the freedom of the dual (max_j beta = 0 for each label), fill g and pi; a pair without weight is dropped."""
    n1, n2, labels = pi.shape
    weight1, weight2 = it.rhs1, it.rhs2
    newton.clear(weight1)
    newton.clear(weight2)
    for y in range(labels):
        top = -np.inf
        for j in range(n2):
            top = max(top, it.beta[j, y])
        if top > -np.inf:
            for j in range(n2):
                it.beta[j, y] -= top
                weight2[j, y] = math.exp(it.beta[j, y])
            for i in range(n1):
                it.alpha[i, y] += top
                weight1[i, y] = math.exp(it.alpha[i, y])
    for i in range(n1):
        for j in range(n2):
            total = 0.0
            for y in range(labels):
                pi[i, j, y] = weight1[i, y] * weight2[j, y]
                total += pi[i, j, y]
            if not total > _UNDERFLOW:
                it.live[i, j] = False
                it.g[i, j] = -np.inf
                it.w[i, j] = 0.0
                it.s[i, j] = 1.0
                for y in range(labels):
                    pi[i, j, y] = 0.0
                continue
            it.g[i, j] = math.log(total)
            for y in range(labels):
                pi[i, j, y] /= total


@inlined
def start(it: State) -> None:
    """Strictly feasible: half log posteriors (Cauchy-Schwarz) and conditional independence."""
    _half_log_posterior(it.a, it.alpha)
    _half_log_posterior(it.b, it.beta)
    labels = it.a.shape[1]
    mass = np.empty(labels)
    for y in range(labels):
        mass[y] = 0.0
        for i in range(len(it.a)):
            mass[y] += it.a[i, y]
    for i in range(len(it.a)):
        for j in range(len(it.b)):
            value = 0.0
            for y in range(labels):
                if mass[y] > 0.0:
                    value += it.a[i, y] * it.b[j, y] / mass[y]
            it.w[i, j] = value
            it.live[i, j] = value > 0.0
            it.s[i, j] = 1.0


@compiled
def centre(it: State, share: float) -> None:
    """Lift each w until its product with s is `share` of the mean product.

    A product far below the mean blocks every later step, while alpha runs away.
    """
    total, pairs = 0.0, 0
    for i in range(len(it.a)):
        for j in range(len(it.b)):
            if it.live[i, j]:
                total += it.w[i, j] * it.s[i, j]
                pairs += 1
    for i in range(len(it.a)):
        for j in range(len(it.b)):
            if it.live[i, j]:
                it.w[i, j] = max(it.w[i, j], share * total / (pairs * it.s[i, j]))


@compiled
def residuals(it: State, work: newton.Newton) -> tuple[float, int, float]:
    """Fill r1, r2, rp and the weights of the Newton system; return sum w s, the number of pairs and max |r|."""
    n1, n2, labels = work.pi.shape
    newton.copy(it.a, it.r1)
    newton.copy(it.b, it.r2)
    total, pairs = 0.0, 0
    for i in range(n1):
        for j in range(n2):
            w, s = it.w[i, j], it.s[i, j]
            work.w[i, j] = w
            work.c[i, j] = 0.0
            it.rp[i, j] = 0.0
            if it.live[i, j]:
                work.c[i, j] = w / s - w
                it.rp[i, j] = it.g[i, j] + s
                total += w * s
                pairs += 1
            for y in range(labels):
                value = w * work.pi[i, j, y]
                it.r1[i, y] -= value
                it.r2[j, y] -= value
    return total, pairs, max(newton.largest(it.r1), newton.largest(it.r2))


@compiled
def _direction(it: State, work: newton.Newton) -> None:
    """Fill the step for the complementarity residual rc."""
    n1, n2, labels = work.pi.shape
    newton.copy(it.r1, it.rhs1)
    newton.copy(it.r2, it.rhs2)
    for i in range(n1):
        for j in range(n2):
            push = (it.rc[i, j] + it.w[i, j] * it.rp[i, j]) / it.s[i, j]
            for y in range(labels):
                value = work.pi[i, j, y] * push
                it.rhs1[i, y] -= value
                it.rhs2[j, y] -= value
    newton.solve(work, it.rhs1, it.rhs2, it.dalpha, it.dbeta)
    for i in range(n1):
        for j in range(n2):
            moved = 0.0
            for y in range(labels):
                moved += work.pi[i, j, y] * (it.dalpha[i, y] + it.dbeta[j, y])
            it.ds[i, j] = -it.rp[i, j] - moved
            it.dw[i, j] = (it.rc[i, j] - it.w[i, j] * it.ds[i, j]) / it.s[i, j]


@compiled
def _room(value: Float, change: Float, live: NDArray[np.bool_]) -> float:
    """Return the largest step in [0, 1] that keeps value + step * change non-negative."""
    room = 1.0
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            if live[i, j] and change[i, j] * room < -value[i, j]:
                room = -value[i, j] / change[i, j]
    return room


@compiled
def clip(step: Float) -> None:
    """Limit each entry to the largest step."""
    for i in range(step.shape[0]):
        for y in range(step.shape[1]):
            step[i, y] = min(max(step[i, y], -_LARGEST_STEP), _LARGEST_STEP)


@compiled
def advance(it: State, work: newton.Newton, total: float, pairs: int, floor: float, cautious: bool) -> None:
    """One predictor and corrector step from the residuals that `residuals` left."""
    newton.factorise(work, it.b)
    n1, n2 = it.w.shape
    mu, target = total / pairs, 0.0
    for corrector in range(2):
        for i in range(n1):
            for j in range(n2):
                it.rc[i, j] = 0.0
                if it.live[i, j]:
                    bend = it.dw[i, j] * it.ds[i, j] if corrector else 0.0
                    if cautious:
                        bend = min(max(bend, -mu), mu)
                    it.rc[i, j] = target - it.w[i, j] * it.s[i, j] - bend
        _direction(it, work)
        step_w, step_s = _room(it.w, it.dw, it.live), _room(it.s, it.ds, it.live)
        if corrector:
            break
        affine = 0.0
        for i in range(n1):
            for j in range(n2):
                if it.live[i, j]:
                    affine += (it.w[i, j] + step_w * it.dw[i, j]) * (it.s[i, j] + step_s * it.ds[i, j])
        shrink = min((affine / total) ** 3, 1.0)
        target = max((max(shrink, 0.1) if cautious else shrink) * mu, floor)
    caution = min(max(1.0 - mu, 0.9), 0.9 if cautious else 0.9995)
    if cautious:  # each unknown by itself: one that runs away, of a cell that hardly matters, must not stop the rest
        clip(it.dalpha)
        clip(it.dbeta)
    largest = max(newton.largest(it.dalpha), newton.largest(it.dbeta))
    step_w = caution * step_w
    step_s = min(caution * step_s, _LARGEST_STEP / max(largest, _LARGEST_STEP))
    for i in range(n1):
        for j in range(n2):
            it.w[i, j] += step_w * it.dw[i, j]
            it.s[i, j] += step_s * it.ds[i, j]
    for y in range(it.a.shape[1]):
        for i in range(n1):
            it.alpha[i, y] += step_s * it.dalpha[i, y]
        for j in range(n2):
            it.beta[j, y] += step_s * it.dbeta[j, y]


class Best(NamedTuple):
    """Best point so far of one table: dual, rounded coupling, and their values in nats without H(Y)."""

    alpha: Float
    beta: Float
    q: Float
    value: Float  # (2,): lower, upper


@compiled
def certify(it: State, work: newton.Newton, a: Float, b: Float, best: Best) -> None:
    """Take the iterate into `best` where it improves on it; NaN improves nothing."""
    alpha, beta = it.dalpha, it.dbeta
    newton.copy(it.alpha, alpha)
    newton.copy(it.beta, beta)
    certificate.complete(alpha, beta, a, _FLOOR)
    certificate.complete(beta, alpha, b, _FLOOR)
    low = certificate.lower(alpha, beta, a, b)
    if low > best.value[0] and low < np.inf:
        best.value[0] = low
        newton.copy(alpha, best.alpha)
        newton.copy(beta, best.beta)
    q = np.empty(work.pi.shape)
    for i in range(len(a)):
        for j in range(len(b)):
            for y in range(a.shape[1]):
                q[i, j, y] = work.pi[i, j, y] * it.w[i, j]
    certificate.round_to_tables(q, a, b)
    high = certificate.upper(q)
    if high < best.value[1] and high > -np.inf:
        best.value[1] = high
        for i in range(len(a)):
            newton.copy(q[i], best.q[i])


@inlined
def solve_one(
    a: Float, b: Float, tol: float, max_iter: int, cautious: bool, it: State, work: newton.Newton, best: Best
) -> tuple[int, float]:
    """Run the interior point until best's interval is at most `tol` nats wide; return iterations and max |r|."""
    leave_out(a, b, 2e-4 * tol, it.a, it.b)
    start(it)
    residual = np.inf
    for iteration in range(max_iter + 1):
        _softmax(it, work.pi)
        if iteration == 0:
            for i in range(len(a)):
                for j in range(len(b)):
                    it.s[i, j] = max(-it.g[i, j], 0.05) if it.live[i, j] else 1.0
            centre(it, 1.0 if cautious else 1e-3)
        elif cautious:
            centre(it, 1e-2)
        total, pairs, residual = residuals(it, work)
        if not (math.isfinite(total) and math.isfinite(residual)):
            return iteration, residual
        if cautious or total + residual < max(30.0 * tol, _NEAR) or iteration == max_iter:
            certify(it, work, a, b, best)
            if best.value[1] - best.value[0] <= tol:
                return iteration, residual
        if iteration < max_iter:
            advance(it, work, total, pairs, 0.05 * tol / pairs, cautious)
    return max_iter, residual


def define_batch(sources: int) -> Any:
    """Return solve_batch(a, b, tol, max_iter, it, work, best, out), which `compiled.batch` compiles for its types.

    It fills out (B, 5): lower, upper (nats, without H(Y)), iterations, residual, runs; `best` is left with the point of
    the last table. tol in nats; a (B, n1, l), b (B, n2, l) with n1 >= n2, C-contiguous. `sources` is part of the key of
    the cache on disk.
    """

    def solve_batch(
        a: Float, b: Float, tol: float, max_iter: int, it: State, work: newton.Newton, best: Best, out: Float
    ) -> None:
        _ = sources  # numba keys its cache by what a function closes over
        for k in range(len(a)):
            best.value[0] = -np.inf
            best.value[1] = np.inf
            iterations, residual = 0, 0.0
            for run in range(2):
                more, residual = solve_one(a[k], b[k], tol, max_iter, run > 0, it, work, best)
                iterations += more
                out[k, 4] = run + 1
                if best.value[1] - best.value[0] <= tol:
                    break
            out[k, 0] = best.value[0]
            out[k, 1] = best.value[1]
            out[k, 2] = iterations
            out[k, 3] = residual

    return kept(solve_batch, error_model="numpy")
