"""The content of `interactions.json`: which interactions trained models use, beside those of the data.

    atoms        R + U1 + U2 + S = I(X1, X2; Yhat)      of each model, bits, beside I(X1, X2; Y) on the same rows
    agreement    of the two, equation 3.6 and its two variants that do not grow with the total
    interaction  sum_rows 2 |phi_12| / sum_rows (|phi_11| + |phi_22| + 2 |phi_12|)     of the model's outputs

References: thesis sections 3.3.3 and 3.3.4; Wenderoth et al. 2025 (InterSHAP). Of more than two modalities the two of
the pair are the players, the others stay as they are in each row (`interaction_masked`): a departure from the paper, so
that behaviour and atoms speak of the same pair. Assumes predictions of rows that no model has trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.errors import InputError
from mmcore.explain.shapley import Subset
from mmcore.selection.agreement import AGREEMENTS, no_shares
from mmcore.selection.interaction import model_interaction
from mmcore.selection.quantify import QuantifiedAtoms, quantification_frame

MASKED_N_BOOT = 1000
"""Resamples behind the interval of a share; they cost a product of two matrices."""


def learnt_interactions(
    ds: Dataset,
    pair: tuple[str, str],
    predictions: Mapping[str, Any],
    masked: Callable[[str], Mapping[Subset, Any]],
    *,
    rows: Any,
    masked_rows: Any,
    level: float = 0.95,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the content of `interactions.json`; "refused" with the reason where the data's own atoms are.

    Args:
        ds: the dataset.
        pair: two of its modalities.
        predictions: model -> (n,) class codes of `rows`, (n, C) probabilities, or values of a regression.
        masked: model -> outputs of `masked_rows` with one of the pair, or both, masked (`masked_outputs`); not asked
            where the data's atoms are refused.
        rows, masked_rows: rows of `ds` that were predicted, and those whose outputs are explained.
        level: of all intervals.
        options: as in `quantify_models`.
        seed: of everything drawn.

    Raises:
        InputError: as `quantify_models` and `model_interaction`.
        NotBuiltYetError: for a multilabel column.

    Example:
        >>> from mmcore.data import from_arrays
        >>> from mmcore.selection.interaction_masked import masked_outputs
        >>> a, b = np.tile([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]], 50)
        >>> ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=(a != b).astype(int), name="xor")
        >>> outputs = masked_outputs(lambda d: np.abs(d["a"] - d["b"])[:, 0], ds, np.arange(200), n_draws=200)
        >>> found = learnt_interactions(ds, ("a", "b"), {"oracle": (a != b).astype(int)}, lambda _: outputs,
        ...                             rows=np.arange(200), masked_rows=np.arange(200), options={"n_boot": 0})
        >>> model, = found["models"]
        >>> model["interaction"]["share"]["value"], round(model["agreement"]["normalised"], 6)
        (1.0, 1.0)
    """
    settings = {**(options or {}), "level": level}
    frame = quantification_frame(ds, rows=rows, pair=pair, options=settings, seed=seed)
    content = {
        "status": "measured",
        "reason": None,
        "pair": list(pair),
        "level": level,
        "n_boot": frame.plan.options.n_boot,
        "data": _atoms(frame.data),
    }
    if frame.data.status == "refused":
        return {**content, "status": "refused", "reason": frame.data.reason, "rows": None, "models": []}
    groups = None if ds.groups is None else ds.groups[np.asarray(masked_rows)]
    models, found = [], None
    for model, given in predictions.items():
        found = frame.quantify(model, given)
        models.append({
            "model": model,
            "accuracy": found.accuracy,
            "atoms": _atoms(found.prediction),
            **_agreement(frame.data, found.prediction),
            "interaction": _interaction(model, masked(model), pair, groups, level, seed),
        })  # fmt: skip
    counted = None if found is None else {
        "n_rows": found.n_rows, "n_groups": found.n_groups, "n_left_out": found.n_left_out,
    }  # fmt: skip
    return {**content, "rows": counted, "models": models}


def _atoms(atoms: QuantifiedAtoms) -> dict[str, Any]:
    interval = atoms.interval
    return {
        "status": atoms.status,
        "reason": atoms.reason,
        "raw": None if atoms.raw is None else dict(atoms.raw),
        "corrected": None if atoms.corrected is None else dict(atoms.corrected),
        "interval": None if interval is None else {name: list(ends) for name, ends in interval.items()},
        "entropy": atoms.entropy,
        "clusters": None if atoms.clusters is None else list(atoms.clusters),
    }


def _agreement(data: QuantifiedAtoms, model: QuantifiedAtoms) -> dict[str, Any]:
    """Return `agreement`, or None and `agreement_reason`: data without information agree with nothing.

    A reason beside numbers says why one of them is None.
    """
    if model.status == "refused":
        return {"agreement": None, "agreement_reason": model.reason}
    try:
        found = {entry.name: entry.measure(data.values, model.values) for entry in AGREEMENTS}
    except InputError as error:
        return {"agreement": None, "agreement_reason": str(error)}
    return {"agreement": found, "agreement_reason": no_shares(data.values) or no_shares(model.values)}


def _interaction(
    model: str, outputs: Mapping[Subset, Any], pair: Sequence[str], groups: Any, level: float, seed: int
) -> dict[str, Any]:
    """Return the share with its interval, and the mean effects in the unit of the outputs."""
    kept: dict[Sequence[str] | Subset, Any] = {subset: values for subset, values in outputs.items()}  # noqa: C416
    found = model_interaction(kept, model=model, groups=groups, level=level, n_boot=MASKED_N_BOOT, seed=seed)
    first, second = (found.modalities.index(name) for name in pair)
    effects = np.array(found.effects)
    return {
        "share": found.share.to_dict(),
        "row_share": found.row_share,
        "effects": {
            "first": float(effects[first, first]),
            "second": float(effects[second, second]),
            "together": float(effects[first, second] + effects[second, first]),
        },
        "n_rows": found.n_rows,
        "n_rows_without_effect": found.n_rows_without_effect,
    }
