"""The content of `selection.json`: what the estimate proposes to train, beside the baselines that are always trained.

Proposes what `mmcore.selection.recommend` does, over whatever pairs could be estimated: the models that did best in the
worlds of the bank with the nearest interactions, and the kind of model that the rule on the atoms names. Every unimodal
model, late fusion and early fusion are mandatory whatever the estimate says: without them nobody could tell whether the
proposal was needed (Rheude, Eils & Wild 2025, arXiv:2512.22991).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError
from mmcore.selection.arguments import check_mapping, check_names, check_whole, number, shown
from mmcore.selection.bank_scores import find_bank
from mmcore.selection.contestants import check_budget
from mmcore.selection.recommend import Recommendation, recommend
from mmcore.selection.rule import ATOMS, LATE_FUSION, UNIMODAL

if TYPE_CHECKING:
    from mmcore.selection.bank.table import Bank

ESTIMATED = "estimated"
CLASSIFICATION = "classification"


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
    information: Mapping[str, Any] | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    draws: Sequence[Sequence[float]] | None = None


def propose(
    estimate: Mapping[str, Any],
    modalities: Sequence[str],
    *,
    bank: Bank | str | Path | bool | None = None,
    top: int = 3,
    budget: float | None = None,
    methods: Sequence[str] | None = None,
    n_rows: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the content of `selection.json`.

    Args:
        estimate: content of `estimate.json`; refused pairs are quoted with their reason and left out of the rule.
        modalities: the names of the dataset's modalities, at least two.
        bank, top, budget, methods, seed: as in `recommend`.
        n_rows: training rows, for costs; None: every labelled row of the estimate.

    Returns:
        `verdict`, `leading_pair`, `candidates` (the top models and the contestants, with reasons), `mandatory`,
        `evidence`, and of `Recommendation`: `ranking`, `neighbours`, `draws`, `budget`, `left_out`, `fallback`.
        `verdict` and `leading_pair` are null, with `status` "absent" and a `reason`, when every pair was refused; the
        mandatory baselines then still decide on validation rows.

    Raises:
        InputError: for fewer than two modalities, a pair with an unknown one, an estimate without pairs or of another
            form, or what `recommend` refuses.

    Example:
        >>> pair = {"first": "a", "second": "b", "status": "estimated", "interval": {"synergy": [0.4, 0.6]},
        ...         "raw": {"redundancy": 0, "unique1": 0, "unique2": 0, "synergy": 0.5}}
        >>> propose({"dataset": "d", "pairs": [pair]}, ["a", "b"], bank=False)["verdict"]
        'fusion'
    """
    names = list(dict.fromkeys(check_names("modalities", modalities)))
    if len(names) < 2:
        raise InputError("modalities", ", ".join(names) or "none", "two or more",
                         "With one modality there is nothing to select: train its unimodal model.")  # fmt: skip
    if not check_mapping("estimate", estimate, "the content of estimate.json").get("pairs"):
        raise InputError("estimate", "no pairs", "the content of estimate.json", "Run the estimate stage first.")
    pairs, refused = _read_pairs(estimate, names)
    if not pairs:
        check_whole("top", top, 1, "Pass for example top=3.")
        find_bank(bank)
        return _absent(estimate, names, refused, budget)
    label = _part(estimate, "label")
    task = str(label.get("task") or CLASSIFICATION)
    # an accuracy to expect is one of classes: those of a regression are bins of the estimate, which no model predicts
    known = label if task == CLASSIFICATION else {}
    found = recommend(
        pairs, budget=budget, bank=bank, modalities=names, methods=methods, top=top, seed=seed,
        n_rows=n_rows if n_rows is not None else _part(estimate, "rows").get("n_labelled"),
        label_entropy=known.get("entropy"), n_classes=_n_classes(known),
    )  # fmt: skip
    content = {name: value for name, value in found.to_dict().items() if name != "models"}
    return {
        "dataset": estimate.get("dataset"),
        **content,
        "leading_pair": _leading(found),
        "candidates": _candidates(found, names, top),
        "mandatory": _mandatory(names),
        "evidence": [*found.evidence, *_other_task(task, found), *refused],
    }


def _part(estimate: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return check_mapping(f"estimate.{name}", estimate.get(name) or {}, "values, as estimate.json has it")


def _n_classes(label: Mapping[str, Any]) -> int | None:
    classes = label.get("classes")
    return len(check_names("estimate.label.classes", classes)) if classes else None


def _other_task(task: str, found: Recommendation) -> list[dict[str, Any]]:
    """What a ranking is worth for labels that are no classes."""
    if task == CLASSIFICATION or not found.ranking:
        return []
    statement = f"The bank holds classification only, and this is {task}: read its accuracies and its order as a hint."
    return [{"statement": statement, "source": "bank", "values": {"task": task}}]


def _absent(
    estimate: Mapping[str, Any], names: Sequence[str], refused: Sequence[dict[str, Any]], budget: float | None
) -> dict[str, Any]:
    """Nothing was estimated: no verdict, and the baselines decide."""
    which = "the only pair could not" if len(refused) == 1 else f"none of {len(refused)} pairs could"
    reason = f"{which} be estimated: {refused[0]['values']['reason']}"
    return {
        "dataset": estimate.get("dataset"),
        "verdict": None,
        "leading_pair": None,
        "candidates": [],
        "mandatory": _mandatory(names),
        "evidence": list(refused),
        "ranking": [],
        "neighbours": [],
        "draws": {"number": 0, "kind": "none"},
        "budget": check_budget(budget),
        "left_out": [],
        "fallback": f"Nothing is proposed, the baselines decide: {reason}.",
        "status": "absent",
        "reason": reason,
    }


def _read_pairs(
    estimate: Mapping[str, Any], names: Sequence[str]
) -> tuple[dict[tuple[str, str], EstimatedPair], list[dict[str, Any]]]:
    level = _part(estimate, "estimator").get("level")
    pairs: dict[tuple[str, str], EstimatedPair] = {}
    refused: list[dict[str, Any]] = []
    for entry in _entries(estimate["pairs"]):
        first, second = entry["first"], entry["second"]
        for name in (first, second):
            if name not in names:
                raise InputError("estimate.pairs", name, ", ".join(names), "Estimate this dataset again.")
        if (first, second) in pairs:
            raise InputError("estimate.pairs", f"{first} and {second} twice", "each pair once", "Remove one of them.")
        if entry.get("status") == ESTIMATED:
            pairs[first, second] = _pair(entry, level)
        else:
            refused.append(_refusal(first, second, entry))
    return pairs, refused


def _entries(pairs: Any) -> list[Mapping[str, Any]]:
    """Return the entries of the pairs, each with its two names."""
    allowed, remedy = "a list of entries with first, second and status", "Pass the content of estimate.json."
    if not isinstance(pairs, list | tuple):
        raise InputError("estimate.pairs", shown(pairs), allowed, remedy)
    for entry in pairs:
        named = isinstance(entry, Mapping) and all(isinstance(entry.get(key), str) for key in ("first", "second"))
        if not named:
            raise InputError("estimate.pairs", shown(entry), allowed, remedy)
    return list(pairs)


def _pair(entry: Mapping[str, Any], level: float | None) -> EstimatedPair:
    of = f"{entry['first']} and {entry['second']}"
    values = _atoms_of(entry, "raw") or _atoms_of(entry, "corrected")
    missing = [name for name in ATOMS if number(values.get(name)) is None]
    if missing:
        received = f"{of} without a number for {', '.join(missing)}"
        raise InputError("estimate.pairs", received, ", ".join(ATOMS),
                         "Give all four atoms, or status 'refused' with a reason.")  # fmt: skip
    interval = _atoms_of(entry, "interval") or None
    if interval:
        # an atom without its own interval is taken at its value
        interval = {name: interval.get(name) for name in ATOMS}
    redundancy, unique1, unique2, synergy = (float(values[name]) for name in ATOMS)
    return EstimatedPair(
        redundancy, unique1, unique2, synergy,
        corrected=entry.get("corrected"), interval=interval, null=_chance(_atoms_of(entry, "null") or None),
        information=entry.get("information"), diagnostics={} if level is None else {"level": level},
        draws=entry.get("draws"),
    )  # fmt: skip


def _atoms_of(entry: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return check_mapping(f"estimate.pairs.{part}", entry.get(part) or {}, "values by atom")


def _chance(levels: Mapping[str, Any] | None) -> dict[str, list[Any]] | None:
    """The chance levels of `estimate.json` as the rule reads them: the draws of which it takes the 95th percentile."""
    return None if levels is None else {name: [level] for name, level in levels.items()}


def _refusal(first: str, second: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    reason = str(entry.get("reason") or "no reason given")
    return {"statement": f"{first} and {second} could not be estimated: {reason}", "source": "estimate",
            "values": {"pair": [first, second], "status": entry.get("status"), "reason": reason}}  # fmt: skip


def _leading(recommendation: Recommendation) -> list[str]:
    synergy = next(e for e in recommendation.evidence if e["values"].get("atom") == "synergy")
    return list(synergy["values"]["pair"])


def _candidates(found: Recommendation, names: Sequence[str], top: int) -> list[dict[str, Any]]:
    """The models of the recommendation, best first: each with its role, what the bank says and what the atoms say."""
    statement = {str(e["values"].get("atom", "alone")): e["statement"] for e in found.evidence
                 if e["source"] == "estimate"}  # fmt: skip
    unique = statement.get("unique1") or statement.get("unique2") or ""
    why = {"early_fusion": statement["synergy"], LATE_FUSION: unique}
    told = {entry["model"]: [f"Not ranked: {entry['reason']}."] for entry in found.left_out}
    told |= {entry["model"]: entry["reasons"] for entry in found.ranking}
    candidates = []
    for position, model in enumerate(found.models):
        single = model.startswith(UNIMODAL)
        of_atoms = why.get(model, statement["alone"] if single else "")
        reasons = [_role(found, position, top), *told.get(model, ()), *filter(None, [of_atoms])]
        candidates.append({"model": model, "modalities": [model.removeprefix(UNIMODAL)] if single else list(names),
                           "reasons": reasons})  # fmt: skip
    return candidates


def _role(found: Recommendation, position: int, top: int) -> str:
    if not found.ranking:
        return f"Proposed: {found.verdict}." if position == 0 else "Contestant."
    if position < min(top, len(found.ranking)):
        return f"Recommended: number {position + 1} of {len(found.ranking)} by the bank."
    if found.models[position] == LATE_FUSION or found.models[position].startswith(UNIMODAL):
        return "Contestant: tried whatever the bank says."
    return "Contestant: expected to be best, though not by more than its standard error."


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
