"""A model's predictions as one class a row: the most probable one, or one drawn from the probabilities.

    predicted: argmax_c p_c(x),      sampled: c with probability p_c(x), from a stream of its own for each model

Assumes calibrated probabilities where classes are sampled. Values of a regression are cut at the label's own bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, counted
from mmcore.information.samples import as_array
from mmcore.information.sources import Target
from mmcore.seeds import stream

Codes = NDArray[np.int64]

_MASS = 1e-3  # float32 probabilities of many classes sum to one within this


def prediction_codes(
    given: Any, target: Target, n: int, *, name: str, sample: bool = False, seed: int = 0
) -> tuple[Codes, Codes]:
    """Return the most probable class (n,) of each row, and the class to quantify: the same, or one drawn.

    Args:
        given: (n, C) probabilities, (n,) class codes, or (n,) or (n, 1) values of a regression.
        target: the label, for its classes and bins.
        n: rows.
        name: of the model, for messages and its stream.
        sample: whether to draw from the probabilities.
        seed: of the draw.

    Raises:
        InputError: for another shape, codes out of range, rows that are no probabilities, or draws without any.

    Example:
        >>> target = Target("y", "classification", np.zeros(2, np.int64), ("no", "yes"), None)
        >>> prediction_codes([[0.1, 0.9], [1.0, 0.0]], target, 2, name="m")[0].tolist()
        [1, 0]
    """
    values = as_array(given, f"predictions['{name}']")
    if values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or len(values) != n or not values.size:
        received = f"{values.dtype} {values.shape}"
        raise InputError(f"predictions['{name}']", received, f"({n}, C) probabilities or ({n},) class codes",
                         "Predict each of the rows once.")  # fmt: skip
    if target.bin_edges is not None:
        found = _binned(values, target.bin_edges, name)
    elif values.ndim == 1:
        found = _checked_codes(values, len(target.classes), name)
    else:
        probabilities = _checked_probabilities(values, len(target.classes), name)
        found = probabilities.argmax(axis=1).astype(np.int64)
        if sample:
            ladder = np.cumsum(probabilities, axis=1)
            drawn = stream(seed, "sampled prediction", name).random(n)[:, None] * ladder[:, -1:]
            return found, (ladder <= drawn).sum(axis=1).astype(np.int64)
    if sample:
        raise InputError("labels", "'sampled' of predictions without probabilities", "(n, C) probabilities",
                         "Pass labels='predicted', or the probabilities.")  # fmt: skip
    return found, found


def _binned(values: NDArray[Any], edges: tuple[float, ...], name: str) -> Codes:
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if flat.ndim != 1 or not np.isfinite(flat).all():
        received = f"shape {values.shape}, {int((~np.isfinite(values)).sum())} not finite"
        raise InputError(f"predictions['{name}']", received, "one finite value a row", "Pass the predicted values.")
    return np.searchsorted(edges, flat, side="right").astype(np.int64)


def _checked_codes(values: NDArray[Any], n_classes: int, name: str) -> Codes:
    if values.dtype.kind == "f" or values.min() < 0 or values.max() >= n_classes:
        received = f"{values.dtype} from {values.min()} to {values.max()}"
        raise InputError(f"predictions['{name}']", received, f"integer codes 0 to {n_classes - 1}",
                         "Pass class codes in the order of the label's classes.")  # fmt: skip
    return values.astype(np.int64)


def _checked_probabilities(values: NDArray[Any], n_classes: int, name: str) -> NDArray[np.float64]:
    table = values.astype(np.float64)
    fits = table.shape[1] == n_classes and np.isfinite(table).all() and table.min() >= 0.0
    if not fits or np.abs(table.sum(axis=1) - 1.0).max() > _MASS:
        received = f"shape {values.shape} from {table.min():.4g} to {table.max():.4g}"
        raise InputError(f"predictions['{name}']", received, f"probabilities of {counted(n_classes, 'class')}",
                         "Apply the softmax: logits are no probabilities.")  # fmt: skip
    return table
