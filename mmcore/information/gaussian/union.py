"""Union information over Gaussian couplings: a convex program in the correlation of the two noises.

    X_k = H_k Y + N_k,   Y ~ N(0, I),  N_k ~ N(0, I),   cov(N1, N2) = C                (after whitening, `channel`)
    I_union = min over |C|_2 <= 1 of  1/2 log det( I + H' S^-1 H ),     S = [[I, C], [C', I]],  H = [H1; H2]

Reference: Venkatesh and Schamberg, Partial information decomposition via deficiency for multivariate Gaussians, ISIT
(2022), and Venkatesh et al., Gaussian partial information decomposition: bias correction and application to
high-dimensional data, NeurIPS (2023), who descend by projected gradients. The objective is convex: information through
a Gaussian channel is convex in the covariance of its noise (Diggavi and Cover 2001). Departure on purpose: a barrier
-mu log det S and Newton's method, a closed form where one source is a garbling of the other (always for a scalar
target), and a certificate. With G the gradient at a point C0 of value f0, for every C

    f(C) >= f0 + <G, C - C0> >= f0 - <G, C0> - |G|_nuclear

so the interval is valid wherever the iteration stops. What is minimised over is Gaussian couplings only: for Gaussian
marginals the minimum over all couplings may be lower (for a scalar target it is not, Barrett 2015).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

_NEWTON_STEPS = 25
_SMALLEST_BARRIER = 1e-14
_SHRINK = 0.01
_ROUNDING = 1e-11
_EXACT = 1e-12
_NO_GAIN = 1e-8  # a combination with this gain holds 1e-16 bits


@dataclasses.dataclass(frozen=True)
class GaussianUnion:
    """Certified interval of the union information in bits, the coupling that attains `upper`, Newton steps."""

    lower: float
    upper: float
    coupling: Float
    iterations: int
    status: str


def _noise(c: Float) -> Float:
    n1 = len(c)
    noise = np.eye(n1 + c.shape[1])
    noise[:n1, n1:], noise[n1:, :n1] = c, c.T
    return noise


def _quadratic(a: Float, b: Float, n1: int) -> Float:
    """Return the matrix (n1 n2, n1 n2) of the form tr(a D b D), D = [[0, E], [E', 0]], in the entries of E."""
    n2 = len(a) - n1
    form = np.einsum("ac,bd->abcd", a[:n1, :n1], b[n1:, n1:]) + np.einsum("ac,bd->abcd", b[:n1, :n1], a[n1:, n1:])
    form += np.einsum("cb,ad->abcd", a[:n1, n1:], b[:n1, n1:]) + np.einsum("ad,cb->abcd", a[:n1, n1:], b[:n1, n1:])
    return np.asarray(form.reshape(n1 * n2, n1 * n2))


def information(gain1: Float, gain2: Float, c: Float) -> float:
    """Return I(X1,X2;Y) in nats where the noises have cross-covariance `c`, of spectral norm below one.

    Example:
        >>> one = np.eye(1)
        >>> round(information(one, one, np.zeros((1, 1))) / LN2, 4)          # two looks at unit noise: log2(3) / 2
        0.7925
    """
    return _value(gain1, gain2, c)[0]


def _value(gain1: Float, gain2: Float, c: Float) -> tuple[float, Float]:
    """Return the information in nats and the matrix M = W K^-1 W', whose block M12 is minus the gradient in C.

    By K = I + H'W, W = S^-1 H, not by two determinants or inverses: near |C| = 1 their difference loses its digits.
    """
    gain = np.concatenate([gain1, gain2])
    weight = np.linalg.solve(_noise(c), gain)
    k = np.eye(gain.shape[1]) + gain.T @ weight
    return 0.5 * float(np.linalg.slogdet(k)[1]), weight @ np.linalg.solve(k, weight.T)


def _bounds(gain1: Float, gain2: Float, c: Float) -> tuple[float, float]:
    value, matrix = _value(gain1, gain2, c)
    gradient = -matrix[: len(c), len(c) :]
    nuclear = float(np.linalg.svd(gradient, compute_uv=False).sum())
    return value - float((gradient * c).sum()) - nuclear, value


def _barrier(gain1: Float, gain2: Float, c: Float, mu: float) -> float:
    """Return the objective with its barrier, nats; infinite outside."""
    sign, logdet = np.linalg.slogdet(np.eye(c.shape[1]) - c.T @ c)
    if sign <= 0 or np.linalg.norm(c, 2) >= 1.0:
        return np.inf
    return _value(gain1, gain2, c)[0] - 0.5 * mu * float(logdet)


def _centre(gain1: Float, gain2: Float, c: Float, mu: float) -> tuple[Float, int]:
    """Return the minimiser of the objective with barrier `mu`, from `c`, and the Newton steps it took."""
    n1, gain = len(gain1), np.concatenate([gain1, gain2])
    for step in range(_NEWTON_STEPS):
        noise = _noise(c)
        inverse: Float = np.asarray(np.linalg.inv(noise))
        outer: Float = np.asarray(np.linalg.inv(noise + gain @ gain.T))
        matrix = _value(gain1, gain2, c)[1]
        gradient = -matrix[:n1, n1:] - mu * inverse[:n1, n1:]
        # d2 log det K = tr(M D (S^-1 + (S + HH')^-1) D): a sum of positive forms, nothing cancels
        hessian = 0.5 * (_quadratic(matrix, inverse + outer, n1) + mu * _quadratic(inverse, inverse, n1))
        scale = 1.0 / np.sqrt(np.diag(hessian))
        scaled = hessian * scale[:, None] * scale[None, :]
        scaled[np.diag_indices_from(scaled)] += 1e-14
        try:
            factor = np.linalg.cholesky(scaled)
        except np.linalg.LinAlgError:
            return c, step
        newton = np.linalg.solve(factor.T, np.linalg.solve(factor, scale * gradient.ravel()))
        direction = -(scale * newton).reshape(c.shape)
        slope = float((gradient * direction).sum())
        if -slope < 1e-2 * mu * mu:
            return c, step
        length, start = 1.0, _barrier(gain1, gain2, c, mu)
        # below 1e-11 the decrease drowns in the rounding of the objective: there Newton's step is trusted
        while _barrier(gain1, gain2, c + length * direction, mu) > start + 0.1 * length * slope + _ROUNDING:
            length *= 0.5
            if length < 1e-9:
                return c, step
        c = c + length * direction
    return c, _NEWTON_STEPS


def _reduced(gain: Float) -> tuple[Float, Float]:
    """Return U (n, r) and the gain U'H (r, |Y|) of the r combinations of a source that depend on the target at all.

    They are sufficient for the target, so no information is lost, and r is at most |Y|.
    """
    left, values, right = np.linalg.svd(gain, full_matrices=False)
    kept = values > _NO_GAIN
    return left[:, kept], values[kept, None] * right[kept]


def _garbling(gain1: Float, gain2: Float) -> Float | None:
    """Return the coupling under which the second source, a garbling of the first, adds nothing; None where it is none.

    X2 = T X1 + noise of its own needs H2 = T H1 and |T|_2 <= 1, and H1 has full row rank, so there is one T to try.
    """
    weights = np.linalg.lstsq(gain1.T, gain2.T, rcond=None)[0]  # T'
    misfit = float(abs(gain2 - weights.T @ gain1).max())
    norm = float(np.linalg.norm(weights, 2))
    if misfit > _EXACT * max(1.0, float(abs(gain2).max())) or norm > 1.0 + _EXACT:
        return None
    return np.asarray(weights / max(norm, 1.0))


def union_information(gain1: Float, gain2: Float, *, tol: float = 1e-8) -> GaussianUnion:
    """Return the union information of two Gaussian channels of one standard normal target, in bits.

    Args:
        gain1, gain2: H_k (n_k, |Y|), unit noise.
        tol: width of the interval that is aimed at, bits; what was reached is in the result.

    Example:
        >>> found = union_information(np.array([[2.0]]), np.array([[1.0]]))
        >>> round(found.upper, 6), found.upper - found.lower < 1e-8              # scalar target: the better channel
        (1.160964, True)
    """
    informations = [0.5 * float(np.linalg.slogdet(np.eye(g.shape[1]) + g.T @ g)[1]) for g in (gain1, gain2)]
    (back1, gain1), (back2, gain2) = _reduced(gain1), _reduced(gain2)
    c = np.zeros((len(gain1), len(gain2)))
    if c.size == 0:
        best = max(informations) / LN2
        return GaussianUnion(best, best, back1 @ c @ back2.T, 0, "solved")
    first, second = _garbling(gain1, gain2), _garbling(gain2, gain1)
    if first is not None or second is not None:
        found = first if first is not None else second.T if second is not None else c
        best = max(informations) / LN2
        return GaussianUnion(best, best, back1 @ found @ back2.T, 0, "garbling")
    best_c, upper, lower = c, np.inf, max(informations)
    mu, iterations = 1.0, 0
    while mu >= _SMALLEST_BARRIER:
        c, steps = _centre(gain1, gain2, c, mu)
        iterations += steps
        low, high = _bounds(gain1, gain2, c)
        if high < upper:
            best_c, upper = c, high
        lower = max(lower, low)
        if upper - lower <= tol * LN2:
            break
        mu *= _SHRINK
    # an order of summation decides which of two equal numbers is larger: never an inverted interval
    status = "solved" if upper - lower <= tol * LN2 else "barrier exhausted"
    return GaussianUnion(min(lower, upper) / LN2, upper / LN2, back1 @ best_c @ back2.T, iterations, status)
