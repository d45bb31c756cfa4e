"""Invented content of `interactions.json`: an early fusion that interacts, a late one that adds, each modality alone.

It obeys what holds for real ones (intervals hold their estimate, a sum has no share, a model that does not react has a
reason, agreement follows from the atoms), but no data stand behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH = 0.04


def invented_interactions(
    modalities: Sequence[str], atoms: Mapping[str, float], n: int, *, groups: int | None = None
) -> dict[str, Any]:
    """Return the content of `interactions.json` for the first two modalities, whose atoms in bits are given.

    Example:
        >>> atoms = {"redundancy": 0.4, "unique1": 0.3, "unique2": 0.1, "synergy": 0.2}
        >>> found = invented_interactions(("text", "audio"), atoms, 100)
        >>> [(entry["model"], entry["interaction"]["share"]["value"]) for entry in found["models"]][:2]
        [('early_fusion', 0.31), ('late_fusion', 0.0)]
    """
    without = {**atoms, "synergy": 0.1 * atoms["synergy"]}
    models = [
        _entry("early_fusion", {name: 1.2 * value for name, value in atoms.items()}, atoms, 0.31),
        _entry("late_fusion", without, atoms, 0.0),
    ]
    for place, name in enumerate(modalities):
        own = dict.fromkeys(atoms, 0.0) | {"redundancy": atoms["redundancy"], f"unique{place + 1}": atoms["unique1"]}
        alone = {atom: own[atom] if place < 2 else 0.0 for atom in atoms}
        models.append(_entry(f"unimodal:{name}", alone, atoms, 0.0 if place < 2 else None))
    return {
        "status": "measured", "reason": None, "pair": list(modalities[:2]), "level": 0.95, "n_boot": 100, "seed": 0,
        "masked_draws": 40, "rows": {"n_rows": n, "n_groups": groups, "n_left_out": 0}, "data": _atoms(atoms),
        "models": models,
    }  # fmt: skip


def _entry(model: str, own: Mapping[str, float], data: Mapping[str, float], share: float | None) -> dict[str, Any]:
    ends = {} if share is None else {"low": max(share - 0.05, 0.0), "high": share + 0.05 * (share > 0)}
    reason = {"status": "refused", "reason": "no modality has any effect on the output"} if share is None else {}
    return {
        "model": model, "accuracy": 0.7, "atoms": _atoms(own), "agreement": _agreement(data, own),
        "agreement_reason": None,
        "interaction": {
            "share": {"value": share, "low": None, "high": None} | ends | reason, "row_share": share,
            "effects": {"first": 1.0, "second": 0.5, "together": share or 0.0}, "n_rows": 200,
            "n_rows_without_effect": 0,
        },
    }  # fmt: skip


def _atoms(values: Mapping[str, float]) -> dict[str, Any]:
    """Atoms of a target; of one that never changes, zeros without an estimate."""
    total = sum(values.values())
    return {
        "status": "estimated" if total else "constant", "reason": None if total else "one value for every row",
        "raw": {name: value + 0.01 for name, value in values.items()}, "corrected": dict(values),
        "interval": {name: [value - _WIDTH * (total > 0), value + _WIDTH * (total > 0)]
                     for name, value in values.items()},
        "entropy": 1.5 * total, "clusters": [8, 8],
    }  # fmt: skip


def _agreement(data: Mapping[str, float], own: Mapping[str, float]) -> dict[str, float]:
    total, mine = sum(data.values()), sum(own.values())
    apart = sum(abs(data[name] / total - own[name] / mine) for name in data) if mine > 0 else 2.0
    return {
        "as_defined": sum(data[name] / total * own[name] for name in data),
        "normalised": 1.0 - 0.5 * apart,
        "captured": sum(min(data[name], own[name]) for name in data) / total,
    }
