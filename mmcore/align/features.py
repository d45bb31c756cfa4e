"""Two sequences made comparable: what lag, warping, matching and soft alignment measure similarity on.

Modalities rarely share units or width. Equal widths are compared channel by channel, each standardised over the
sequence; unequal widths through the standardised distance of each step from the sequence's mean, which is one channel
and does not depend on the orientation of a sensor. Alignment moves the modality's own values; these features only say
where to.
"""

from __future__ import annotations

import numpy as np

from mmcore.errors import InputError, unknown_name

FEATURES = ("auto", "channels", "magnitude", "raw")


def comparable(x: np.ndarray, y: np.ndarray, *, features: str = "auto") -> tuple[np.ndarray, np.ndarray]:
    """Return `x` (n, p) and `y` (m, q) as (n, k) and (m, k) in the same, unitless, features.

    Args:
        x: (n, p) steps or rows of one modality.
        y: (m, q) of the other.
        features: "channels" standardises each column (p = q); "magnitude" takes the distance from the mean, one
            standardised column; "raw" leaves the numbers (p = q); "auto" is "channels" where p = q, else "magnitude".

    Raises:
        InputError: for an unknown name, or widths that differ where they must not.

    Example:
        >>> a, b = comparable(np.array([[1.0], [3.0]]), np.array([[10.0], [30.0]]))
        >>> bool(np.allclose(a, b))
        True
    """
    if features not in FEATURES:
        raise unknown_name("features", features, FEATURES)
    same = x.shape[1] == y.shape[1]
    if features in ("channels", "raw") and not same:
        raise InputError(
            "features", f"'{features}' with widths {x.shape[1]} and {y.shape[1]}", "equal widths, or 'magnitude'",
            "Use features='magnitude', or bring both to one width first (method 'correlation').",
        )  # fmt: skip
    if features == "raw":
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if features == "channels" or (features == "auto" and same):
        return standardise(x), standardise(y)
    return standardise(_magnitude(x)), standardise(_magnitude(y))


def standardise(values: np.ndarray) -> np.ndarray:
    """Return the columns of `values` (n, d) with mean 0 and standard deviation 1; a constant column becomes 0.

    Example:
        >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    centred = values - values.mean(axis=0)
    scale = values.std(axis=0)
    # a column that is constant up to rounding has no shape to compare
    constant = scale <= 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, scale))


def _magnitude(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return np.linalg.norm(values - values.mean(axis=0), axis=1, keepdims=True)


def as_steps(values: np.ndarray, argument: str) -> np.ndarray:
    """Return `values` as finite (n, d) float64; a vector becomes one column.

    Raises:
        InputError: for other shapes, no row, or numbers that are not finite.

    Example:
        >>> as_steps(np.arange(3), "x").shape
        (3, 1)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(argument, f"shape {np.shape(values)}", "(n,) or (n, d), n and d at least 1", "Reshape it.")
    if not np.isfinite(array).all():
        raise InputError(argument, "values that are not finite", "finite numbers", "Impute them before aligning.")
    return array
