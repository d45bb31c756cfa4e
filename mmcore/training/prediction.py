"""Outputs of a fitted model for any rows, with any modalities taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from mmcore.errors import InputError, unknown_name
from mmcore.training.inputs import InputRows, check_finite
from mmcore.training.loop import EVALUATED_AT_ONCE, outputs_of

if TYPE_CHECKING:
    from mmcore.data import Dataset


def predict(
    model: nn.Module,
    ds: Dataset,
    rows: np.ndarray,
    *,
    present: Sequence[str] | None = None,
    batch_size: int = EVALUATED_AT_ONCE,
) -> np.ndarray:
    """Return the outputs `(n, outputs)`, float64: logits, or values in the label's unit for a regression.

    Args:
        model: fitted; used on the device where it is, in evaluation mode.
        ds: the dataset.
        rows: positions in `ds`, (n,).
        present: the modalities to keep ("absent at test": every other is masked in all rows); None keeps what the
            data have. Naming a modality does not make a row have it.
        batch_size: rows at once.

    Raises:
        InputError: for an unknown modality, or a present value that is not finite.

    Example:
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.eye(2), "b": np.eye(2)}, labels=[0, 1], name="tiny", split=["train", "valid"])
        >>> model = build_model("late_fusion", ds.spec)
        >>> predict(model, ds, np.array([0, 1]), present=("a",)).shape
        (2, 2)
    """
    for name in present or ():
        if name not in ds.modalities:
            raise unknown_name("present", name, ds.modalities)
    names: tuple[str, ...] = model.modalities  # type: ignore[assignment]
    rows = np.asarray(rows, dtype=np.int64)
    if len(rows) == 0:
        return np.zeros((0, int(model.outputs)))  # type: ignore[arg-type]
    if rows.min() < 0 or rows.max() >= len(ds):
        raise InputError("rows", f"{rows.min()} .. {rows.max()}", f"0 .. {len(ds) - 1}", "Give rows of this dataset.")
    kept = tuple(name for name in names if present is None or name in present)
    check_finite(ds, kept, rows)
    device = next(model.parameters()).device
    inputs = InputRows(ds, names, rows, device, present=kept)
    return outputs_of(model, inputs, batch_size).cpu().double().numpy()
