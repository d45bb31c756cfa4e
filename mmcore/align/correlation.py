"""CCA coordination: two views projected onto the directions in which they correlate most.

    C11 = X1'X1/n + ridge * tr(C11)/p I,  C22 likewise,  C11^{-1/2} C12 C22^{-1/2} = U diag(rho) V'
    z1 = (x1 - mean1) C11^{-1/2} U,   z2 = (x2 - mean2) C22^{-1/2} V

Source: Hotelling 1936; ridge form Vinod 1976. `rho` are the singular values, so with ridge 0 the correlations of the
training rows. The ridge is relative to the mean variance of the view, so that it means the same in any unit; with more
columns than rows only a positive ridge gives directions that hold on new rows. Fitted once, applied to any rows; signs
are fixed so that the largest weight of each direction of the first view is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from mmcore.align.features import as_steps
from mmcore.atomic import atomic_file
from mmcore.errors import InputError, counted


@dataclass(frozen=True, eq=False)
class CanonicalCorrelation:
    """A fitted pair of projections.

    Attributes:
        mean1, mean2: (p,) and (q,) of the training rows.
        weights1, weights2: (p, k) and (q, k).
        correlations: (k,) canonical correlations, decreasing; shrunk by the ridge.
        ridge: the relative ridge used.
        n_rows: training rows.
    """

    mean1: np.ndarray
    mean2: np.ndarray
    weights1: np.ndarray
    weights2: np.ndarray
    correlations: np.ndarray
    ridge: float
    n_rows: int

    def project1(self, x: np.ndarray) -> np.ndarray:
        """Return rows of the first view (n, p) in the shared coordinates (n, k)."""
        with threadpool_limits(1):
            return (_rows(x, "x", len(self.mean1)) - self.mean1) @ self.weights1

    def project2(self, y: np.ndarray) -> np.ndarray:
        """Return rows of the second view (n, q) in the shared coordinates (n, k)."""
        with threadpool_limits(1):
            return (_rows(y, "y", len(self.mean2)) - self.mean2) @ self.weights2

    def save(self, path: str | Path) -> None:
        """Write the fitted arrays as `.npz`, atomically."""
        with atomic_file(path) as aside, aside.open("wb") as stream:
            np.savez(stream, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, path: str | Path) -> CanonicalCorrelation:
        """Return what `save` wrote; no pickle is read.

        Raises:
            InputError: where an array is missing.
        """
        with np.load(path, allow_pickle=False) as archive:
            missing = sorted(set(cls.__dataclass_fields__) - set(archive.files))
            if missing:
                raise InputError("path", f"no {', '.join(missing)}", "a file that save() wrote", "Fit and save again.")
            arrays = {name: archive[name] for name in cls.__dataclass_fields__}
        return cls(**{**arrays, "ridge": float(arrays["ridge"]), "n_rows": int(arrays["n_rows"])})


def fit_correlation(
    x: np.ndarray, y: np.ndarray, *, components: int | None = None, ridge: float = 1e-3
) -> CanonicalCorrelation:
    """Return the canonical correlation analysis of the paired rows `x` and `y`.

    Args:
        x: (n, p) rows of the first view.
        y: (n, q) of the second, row by row the same samples.
        components: directions to keep, at most min(p, q); None for all.
        ridge: added to each view's covariance, relative to its mean variance; >= 0.

    Raises:
        InputError: for rows that do not pair up, fewer than two rows, components or ridge out of range, a view that
            never varies, or a singular covariance with ridge 0.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(500, 2))
        >>> fit_correlation(x, x @ [[1.0, 2.0], [0.0, 1.0]], ridge=0.0).correlations.round(6).tolist()
        [1.0, 1.0]
    """
    a, b = as_steps(x, "x"), as_steps(y, "y")
    if len(a) != len(b) or len(a) < 2:
        raise InputError("y", counted(len(b), "row"), f"the rows of x, {len(a)}, at least 2", "Pair the rows first.")
    most = min(a.shape[1], b.shape[1])
    if components is not None and not 1 <= components <= most:
        raise InputError("components", components, f"1 to {most}", "Keep at most the narrower view's width.")
    if not 0 <= ridge < np.inf:
        raise InputError("ridge", ridge, "a number >= 0", "Give 1e-3.")
    mean1, mean2 = a.mean(axis=0), b.mean(axis=0)
    a, b = a - mean1, b - mean2
    k = components or most
    with threadpool_limits(1):  # how many threads share a sum decides its last bits
        whiten1, whiten2 = _whitening(a, ridge, "x"), _whitening(b, ridge, "y")
        left, correlations, right = np.linalg.svd(whiten1 @ (a.T @ b / len(a)) @ whiten2, full_matrices=False)
        weights1, weights2 = whiten1 @ left[:, :k], whiten2 @ right[:k].T
    signs = np.sign(weights1[np.abs(weights1).argmax(axis=0), np.arange(k)])
    return CanonicalCorrelation(
        mean1, mean2, weights1 * signs, weights2 * signs, correlations[:k], float(ridge), len(a)
    )


def _whitening(centred: np.ndarray, ridge: float, argument: str) -> np.ndarray:
    """Return (C + ridge tr(C)/p I)^{-1/2}, symmetric."""
    covariance = centred.T @ centred / len(centred)
    variance = float(np.trace(covariance)) / len(covariance)
    if variance <= 0:
        raise InputError(argument, "columns that never vary", "a view with variance", "Leave this modality out.")
    values, vectors = np.linalg.eigh(covariance)
    values = values + ridge * variance
    if values.min() <= 1e-12 * values.max():
        raise InputError(
            "ridge", ridge, f"a number above 0: the covariance of {argument} is singular", "Give 1e-3, or drop columns."
        )
    return (vectors / np.sqrt(values)) @ vectors.T


def _rows(values: np.ndarray, argument: str, width: int) -> np.ndarray:
    rows = as_steps(values, argument)
    if rows.shape[1] != width:
        raise InputError(argument, f"width {rows.shape[1]}", f"the fitted width, {width}", "Give the same columns.")
    return rows
