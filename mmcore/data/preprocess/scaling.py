"""Centre and scale columns by constants of the training rows, over all rows or within each group.

z = (x - centre) / scale, with (mean, standard deviation) for `standard`, (median, interquartile range / 1.349) for
`robust` and (0, 1) for `none`; 1.349 makes the robust scale agree with the standard deviation for a normal column
(Huber, Robust Statistics, 1981, section 5.1). Statistics are over the observed values: NaN does not count, so a column
that is mostly missing keeps the scale of what was seen.

Where the interquartile range is zero but the column varies, the standard deviation stands in and the column is
recorded; a column that does not vary becomes zeros. Within groups (a person, a device) no label is used. A group that
was seen in training keeps the statistics of its training rows; another takes those of its own rows in the dataset
it comes with, so a new person's rows must come together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcore.data.preprocess.contract import Fitted, Rows
from mmcore.errors import InputError

SCALINGS = ("standard", "robust", "none")
IQR_OF_STANDARD_NORMAL = 1.3489795003921634


def column_statistics(matrix: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, scale and whether the scale is a standard deviation in place of a zero interquartile range.

    Args:
        matrix: (n, d) float64; NaN is skipped.
        method: one of `SCALINGS`.

    Returns:
        three (d,) arrays. A column without spread has scale 1; one without any value has centre 0.

    Example:
        >>> column_statistics(np.array([[1.0, 5.0], [3.0, 5.0]]), "standard")[:2]
        (array([2., 5.]), array([1., 1.]))
    """
    width = matrix.shape[1]
    centre, scale, replaced = np.zeros(width), np.ones(width), np.zeros(width, dtype=bool)
    if method == "none":
        return centre, scale, replaced
    for j in range(width):
        column = matrix[:, j]
        column = column[~np.isnan(column)]
        if not len(column):
            continue
        if column.min() == column.max():
            centre[j] = column[0]
            continue
        if method == "robust":
            low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
            centre[j], scale[j] = middle, (high - low) / IQR_OF_STANDARD_NORMAL
            replaced[j] = scale[j] == 0
        else:
            centre[j], scale[j] = column.mean(), column.std()
        if replaced[j]:
            scale[j] = column.std()
        if not np.isfinite(scale[j]) or scale[j] == 0:
            received = f"values from {column.min():g} to {column.max():g}"
            raise InputError(f"column {j}", received, "a spread that a float64 can hold", "Rescale or drop the column.")
    return centre, scale, replaced


def fit_scaling(matrix: np.ndarray, method: str, groups: np.ndarray | None = None) -> Fitted:
    """Return the constants of `matrix` (n, d), over all rows or, with `groups` (n,), within each group.

    Example:
        >>> fit_scaling(np.array([[1.0], [3.0]]), "standard").arrays["centre"]
        array([2.])
    """
    if groups is None:
        centre, scale, replaced = column_statistics(matrix, method)
        settings = {"method": method, "groups": None, "scaled_by_sd": np.flatnonzero(replaced).tolist()}
        return Fitted(settings, {"centre": centre, "scale": scale})
    names, codes = np.unique(groups, return_inverse=True)
    parts = [column_statistics(matrix[codes == code], method) for code in range(len(names))]
    replaced = np.logical_or.reduce([part[2] for part in parts])
    return Fitted(
        {"method": method, "groups": names.tolist(), "scaled_by_sd": np.flatnonzero(replaced).tolist()},
        {"centre": np.array([part[0] for part in parts]), "scale": np.array([part[1] for part in parts])},
    )


def apply_scaling(
    fitted: Fitted, matrix: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return (n, d) scaled values and what happened: the groups that were scaled by their own rows.

    Example:
        >>> fitted = fit_scaling(np.array([[1.0], [3.0]]), "standard")
        >>> apply_scaling(fitted, np.array([[5.0]]))[0]
        array([[3.]])
    """
    centre, scale = fitted.arrays["centre"], fitted.arrays["scale"]
    if fitted.settings["groups"] is None:
        return (matrix - centre) / scale, {}
    if groups is None:
        raise missing_groups("per_group")
    known = {name: row for row, name in enumerate(fitted.settings["groups"])}
    names, codes = np.unique(groups, return_inverse=True)
    scaled, own = np.empty(matrix.shape), {}
    for code, name in enumerate(names.tolist()):
        rows = codes == code
        if name in known:
            middle, spread = centre[known[name]], scale[known[name]]
        else:
            middle, spread, _ = column_statistics(matrix[rows], fitted.settings["method"])
            own[name] = int(rows.sum())
        scaled[rows] = (matrix[rows] - middle) / spread
    return scaled, {"groups_scaled_by_own_rows": own} if own else {}


def row_groups(rows: Rows, per_group: bool) -> np.ndarray | None:
    """Return the group of each row where scaling is per group, else None; per group without groups is an error."""
    if not per_group:
        return None
    if rows.groups is None:
        raise missing_groups(f"{rows.name}.per_group")
    return rows.groups


def missing_groups(argument: str) -> InputError:
    """Return the error for scaling within groups that the dataset does not have."""
    remedy = "Give the dataset a group column (a person, a device), or set per_group: false."
    return InputError(argument, "a dataset without groups", "a dataset with a group for each sample", remedy)


def nest(prefix: str, fitted: Fitted, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Fitted:
    """Return a state that holds `fitted` under `prefix` beside `settings` and `arrays`."""
    inner = {f"{prefix}.{key}": value for key, value in fitted.arrays.items()}
    return Fitted({**settings, prefix: fitted.settings}, {**arrays, **inner})


def nested(prefix: str, fitted: Fitted) -> Fitted:
    """Return the state that `nest` put under `prefix`."""
    start = f"{prefix}."
    arrays = {key[len(start) :]: value for key, value in fitted.arrays.items() if key.startswith(start)}
    return Fitted(fitted.settings[prefix], arrays)


def scaling_only(fitted: Fitted, record: Mapping[str, Any], options: dict[str, Any]) -> bool:
    """Return False: every column is centred and scaled, the same for all rows."""
    return False


def groups_scaled_apart(fitted: Fitted, record: Mapping[str, Any], options: dict[str, Any]) -> bool:
    """Return whether each group has constants of its own: rows are then not mapped alike."""
    return bool(options["per_group"])
