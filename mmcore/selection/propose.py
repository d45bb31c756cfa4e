"""The content of `selection.json`: what the estimate proposes to train, beside the baselines that are always trained.

Proposes from the rule in `mmcore.selection.recommend`, pair by pair, over whatever pairs could be estimated. Every
unimodal model, late fusion and early fusion are mandatory whatever the estimate says: without them nobody could tell
whether the proposal was needed (Rheude, Eils & Wild 2025, arXiv:2512.22991).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmcore.errors import InputError
from mmcore.selection.recommend import ATOMS, Recommendation, recommend

ESTIMATED = "estimated"


@dataclass(frozen=True)
class EstimatedPair:
    """The atoms of one estimated pair of `estimate.json`, as `recommend` reads them."""

    redundancy: float
    unique1: float
    unique2: float
    synergy: float
    corrected: Mapping[str, float] | None
    interval: Mapping[str, Sequence[float]] | None
    null: Mapping[str, Sequence[float]] | None = None


def propose(estimate: Mapping[str, Any], modalities: Sequence[str]) -> dict[str, Any]:
    """Return the content of `selection.json`.

    Args:
        estimate: content of `estimate.json`; refused pairs are quoted with their reason and left out of the rule.
        modalities: the names of the dataset's modalities, at least two.

    Returns:
        `verdict` and `leading_pair` are null, with `status` "absent" and a `reason`, when every pair was refused; the
        mandatory baselines then still decide on validation rows.

    Raises:
        InputError: for fewer than two modalities, a pair with an unknown one, or an estimate without pairs.

    Example:
        >>> pair = {"first": "a", "second": "b", "status": "estimated", "interval": {"synergy": [0.4, 0.6]},
        ...         "raw": {"redundancy": 0, "unique1": 0, "unique2": 0, "synergy": 0.5}}
        >>> propose({"dataset": "d", "pairs": [pair]}, ["a", "b"])["verdict"]
        'fusion'
    """
    names = list(dict.fromkeys(modalities))
    if len(names) < 2:
        raise InputError("modalities", ", ".join(names) or "none", "two or more",
                         "With one modality there is nothing to select: train its unimodal model.")  # fmt: skip
    if not estimate.get("pairs"):
        raise InputError("estimate", "no pairs", "the content of estimate.json", "Run the estimate stage first.")
    pairs: dict[tuple[str, str], EstimatedPair] = {}
    refused: list[dict[str, Any]] = []
    for entry in estimate["pairs"]:
        first, second = str(entry["first"]), str(entry["second"])
        for name in (first, second):
            if name not in names:
                raise InputError("estimate.pairs", name, ", ".join(names), "Estimate this dataset again.")
        if entry.get("status") == ESTIMATED:
            pairs[first, second] = _pair(entry)
        else:
            refused.append(_refusal(first, second, entry))
    recommendation = recommend(pairs) if pairs else None
    content: dict[str, Any] = {
        "dataset": estimate.get("dataset"),
        "verdict": recommendation.verdict if recommendation else None,
        "leading_pair": _leading(recommendation) if recommendation else None,
        "candidates": _candidates(recommendation, names) if recommendation else [],
        "mandatory": _mandatory(names),
        "evidence": [*(recommendation.evidence if recommendation else ()), *refused],
    }
    if recommendation is None:
        reason = f"none of {len(refused)} pairs could be estimated: {refused[0]['values']['reason']}"
        content |= {"status": "absent", "reason": reason}
    return content


def _pair(entry: Mapping[str, Any]) -> EstimatedPair:
    values = entry.get("raw") or entry.get("corrected") or {}
    missing = [name for name in ATOMS if values.get(name) is None]
    if missing:
        raise InputError("estimate.pairs", f"{entry['first']} and {entry['second']} without {', '.join(missing)}",
                         ", ".join(ATOMS), "Give all four atoms, or status 'refused' with a reason.")  # fmt: skip
    interval = entry.get("interval")
    if interval:
        # an atom without its own interval is taken at its value
        interval = {name: interval.get(name) for name in ATOMS}
    redundancy, unique1, unique2, synergy = (float(values[name]) for name in ATOMS)
    return EstimatedPair(
        redundancy, unique1, unique2, synergy,
        corrected=entry.get("corrected"), interval=interval, null=_chance(entry.get("null")),
    )  # fmt: skip


def _chance(levels: Mapping[str, float] | None) -> dict[str, list[float]] | None:
    """The chance levels of `estimate.json` as the rule reads them: the draws of which it takes the 95th percentile."""
    return None if levels is None else {name: [float(level)] for name, level in levels.items()}


def _refusal(first: str, second: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    reason = str(entry.get("reason") or "no reason given")
    return {"statement": f"{first} and {second} could not be estimated: {reason}", "source": "estimate",
            "values": {"pair": [first, second], "status": entry.get("status"), "reason": reason}}  # fmt: skip


def _leading(recommendation: Recommendation) -> list[str]:
    synergy = next(e for e in recommendation.evidence if e["values"].get("atom") == "synergy")
    return list(synergy["values"]["pair"])


def _candidates(recommendation: Recommendation, names: Sequence[str]) -> list[dict[str, Any]]:
    """The models of the recommendation, first the one that the verdict names, with the statement behind each."""
    statement = {str(e["values"].get("atom", "alone")): e["statement"] for e in recommendation.evidence}
    unique = statement.get("unique1") or statement.get("unique2") or ""
    why = {"early_fusion": statement["synergy"], "late_fusion": unique}
    candidates = []
    for position, model in enumerate(recommendation.models):
        role = f"Proposed: {recommendation.verdict}." if position == 0 else "Contestant."
        reasons = [role, *filter(None, [why.get(model, statement["alone"])])]
        used = [model.removeprefix("unimodal:")] if model.startswith("unimodal:") else list(names)
        candidates.append({"model": model, "modalities": used, "reasons": reasons})
    return candidates


def _mandatory(names: Sequence[str]) -> list[dict[str, Any]]:
    singles = [
        {"model": f"unimodal:{name}", "modalities": [name], "reasons": ["Baseline: what one modality reaches alone."]}
        for name in names
    ]
    late = "Baseline: modalities combined by adding their logits."
    early = "Baseline: the plainest model that can learn interactions."
    return [
        *singles,
        {"model": "late_fusion", "modalities": list(names), "reasons": [late]},
        {"model": "early_fusion", "modalities": list(names), "reasons": [early]},
    ]
