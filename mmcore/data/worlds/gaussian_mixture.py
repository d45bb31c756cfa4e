"""Two Gaussian clouds in the plane, one a class, read in cartesian or in polar coordinates (thesis, figure 3.3).

    Y = -1 or +1 with probability 1/2,      (X1, X2) | Y = y  ~  N(y mu, I),      mu = norm (cos angle, sin angle)
    I(X1,X2;Y) = J(norm),   I(X1;Y) = J(norm |cos angle|),   I(X2;Y) = J(norm |sin angle|)
    J(m) = 1 - E[ log2(1 + exp(-2 m Z)) ],  Z ~ N(m, 1)      (bits)

Reference: Liang 2024 (thesis), section 3.3.1. The polar reading names a line through the origin by its angle theta in
[0, pi) and the place on it by a length r that may be negative. A change of y turns r into -r and leaves theta, so
I(theta;Y) = 0: no redundancy, nothing unique in theta, R = U2 = 0, U1 = I(r;Y), S = I(X1,X2;Y) - I(r;Y).

Departure on purpose: where the thesis samples 10^6 points and counts them in bins, `table` integrates the density over
each bin (in closed form; in theta by Gauss-Legendre nodes), so no sampling error remains. Points outside the span are
left out and the rest is scaled to one, as a histogram over a range does; or the outer bins reach to infinity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

Float = NDArray[np.float64]

COORDINATES = ("cartesian", "polar")
TAILS = ("dropped", "merged")
_NODES = 24


def _checked(norm: float, coordinates: str) -> None:
    if not (np.isfinite(norm) and norm >= 0.0):
        raise InputError("norm", norm, "a finite number >= 0", "The thesis uses 1.0 and 2.0.")
    if coordinates not in COORDINATES:
        raise unknown_name("coordinates", coordinates, COORDINATES)


def cloud_information(norm: float) -> float:
    """Return J(norm): bits that a point tells about which of two unit clouds at -norm and +norm it came from.

    Example:
        >>> cloud_information(0.0), round(cloud_information(8.0), 6)
        (0.0, 1.0)
    """
    _checked(norm, "cartesian")
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    missing = np.logaddexp(0.0, -2.0 * norm * (nodes + norm)) / np.log(2.0)
    return float(1.0 - weights @ missing / weights.sum())


def information(norm: float, angle: float) -> dict[str, float]:
    """Return I(X1;Y), I(X2;Y) and I(X1,X2;Y) of the undivided plane, in bits, cartesian coordinates.

    Args:
        norm: length of mu.
        angle: of mu to the horizontal axis, in radians.

    Example:
        >>> found = information(2.0, 0.0)
        >>> found["information1"] == found["total"], found["information2"]
        (True, 0.0)
    """
    along = {"information1": norm * abs(np.cos(angle)), "information2": norm * abs(np.sin(angle)), "total": norm}
    return {name: cloud_information(float(length)) for name, length in along.items()}


def table(
    norm: float,
    angle: float,
    *,
    coordinates: str = "cartesian",
    bins: int = 50,
    span: float = 5.0,
    tails: str = "dropped",
) -> Float:
    """Return the exact probabilities (bins, bins, 2) of the binned sources and of y = -1, +1.

    Args:
        norm: length of mu, >= 0.
        angle: of mu to the horizontal axis, in radians.
        coordinates: "cartesian" (x1, x2), both cut from -span to span; or "polar" (r, theta), r cut from -span to
            span and theta from 0 to pi.
        bins: number of bins of each source.
        span: half the range that is cut, > 0.
        tails: what happens outside: "dropped" (and the rest scaled to one) or "merged" into the outer bins.

    Raises:
        InputError: for an unknown name or a number out of range.

    Example:
        >>> p = table(1.0, 0.3, coordinates="polar", bins=10)
        >>> p.shape, round(float(p.sum()), 12), p.sum(axis=(0, 1)).round(12).tolist()
        ((10, 10, 2), 1.0, [0.5, 0.5])
    """
    _checked(norm, coordinates)
    if tails not in TAILS:
        raise unknown_name("tails", tails, TAILS)
    if bins < 1 or not (np.isfinite(span) and span > 0.0):
        raise InputError("bins, span", f"{bins}, {span}", "bins >= 1 and span > 0", "The thesis uses 50 and 5.")
    edges = np.linspace(-span, span, bins + 1)
    if tails == "merged":
        edges[[0, -1]] = -np.inf, np.inf
    cells = _cartesian_cells if coordinates == "cartesian" else _polar_cells
    p = 0.5 * np.stack([cells(y * norm, angle, edges) for y in (-1.0, 1.0)], axis=-1)
    return np.asarray(p / p.sum())


def _cartesian_cells(length: float, angle: float, edges: Float) -> Float:
    first, second = (np.diff(ndtr(edges - length * part)) for part in (np.cos(angle), np.sin(angle)))
    return np.outer(first, second)


def _polar_cells(length: float, angle: float, edges: Float) -> Float:
    """Return the integral of |r| phi(r u(theta) - mu) over each cell of (r, theta).

    With m = mu . u(theta) the density is |r| phi(r - m) phi(sqrt(|mu|^2 - m^2)), whose r part has the antiderivative
    sign(r) [ F(r) - F(0) ],  F(t) = m Phi(t - m) - phi(t - m).
    """
    bins = len(edges) - 1
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    width = np.pi / bins
    theta = (np.arange(bins)[:, None] + 0.5 * (nodes + 1.0)) * width  # (bins, nodes)
    m = length * np.cos(theta - angle)
    across = np.exp(-0.5 * (length**2 - m**2)) / np.sqrt(2.0 * np.pi)

    def antiderivative(t: Float) -> Float:
        return m * ndtr(t - m) - np.exp(-0.5 * (t - m) ** 2) / np.sqrt(2.0 * np.pi)

    at = edges[:, None, None]
    along = np.diff(np.sign(at) * (antiderivative(at) - antiderivative(np.zeros(1))), axis=0)  # (bins, bins, nodes)
    return np.asarray((along * across) @ weights * (0.5 * width))


def samples(
    n: int, *, norm: float, angle: float, coordinates: str = "cartesian", seed: int
) -> tuple[Float, Float, NDArray[np.int64]]:
    """Return x1 (n,), x2 (n,) (or r and theta) and labels y (n,) of -1 and +1.

    The same seed gives the same points in either coordinates.

    Raises:
        InputError: for fewer than one row, or an unknown name.

    Example:
        >>> r, theta, y = samples(4, norm=1.0, angle=0.0, coordinates="polar", seed=0)
        >>> bool(((0 <= theta) & (theta < np.pi)).all()), sorted(set(y.tolist())) <= [-1, 1]
        (True, True)
    """
    _checked(norm, coordinates)
    if n < 1:
        raise InputError("n", n, "1 or more", "Ask for more rows.")
    generator = stream(seed, "gaussian mixture")
    y = 2 * generator.integers(0, 2, n) - 1
    points = generator.standard_normal((n, 2)) + y[:, None] * norm * np.array([np.cos(angle), np.sin(angle)])
    if coordinates == "cartesian":
        return points[:, 0], points[:, 1], y
    r, theta = to_polar(points[:, 0], points[:, 1])
    return r, theta, y


def to_polar(x1: Float, x2: Float) -> tuple[Float, Float]:
    """Return the length r, which may be negative, and the angle theta in [0, pi) of the line.

    Example:
        >>> r, theta = to_polar(np.array([0.0, -1.0]), np.array([-2.0, 0.0]))
        >>> r.tolist(), (theta / np.pi).tolist()
        ([-2.0, -1.0], [0.5, 0.0])
    """
    theta = np.arctan2(x2, x1)
    below = (theta < 0.0) | (theta >= np.pi)
    theta = np.where(theta < 0.0, theta + np.pi, np.where(theta >= np.pi, 0.0, theta))
    # an angle a rounding error below zero becomes pi itself: the same line as angle zero
    at_end = theta >= np.pi
    return np.where(below != at_end, -1.0, 1.0) * np.hypot(x1, x2), np.where(at_end, 0.0, theta)
