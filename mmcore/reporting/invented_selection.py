"""An invented `selection.json`: ranking, nearest synthetic datasets and advice before labels, from formulas.

They obey what holds for real ones (weights add to one, shares too, intervals hold their value, the first model is the
simplest that cannot be told from the best), but no data stand behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

RANKED = (
    "early_fusion", "tensor_fusion", "film", "gated_multimodal_unit", "mult", "low_rank_tensor_fusion",
    "multiplicative_matrix", "late_fusion", "attention_pooling", "mfm", "sum", "product", "mvae",
)  # fmt: skip
WORLDS = ("generative_mixed3", "controlled_synergy_vectors", "generative_mixed1", "random_world_304", "copy_and_xor")


def _spread(value: float, down: float, up: float) -> dict[str, float]:
    return {"value": value, "low": max(value - down, 0.0), "high": value + up}


def invented_selection(modalities: Sequence[str], *, advice: bool = False, bank: bool = True) -> dict[str, Any]:
    """Return the content of `selection.json`.

    Args:
        modalities: their names.
        advice: whether params declared which rows are labelled.
        bank: whether the bank was used; without it the rule alone proposes.

    Example:
        >>> found = invented_selection(("text", "audio"))
        >>> round(sum(world["weight"] for world in found["neighbours"]), 9), found["ranking"][0]["model"]
        (1.0, 'early_fusion')
    """
    every = list(modalities)
    single = [f"unimodal:{name}" for name in every]
    statement = f"Synergy of {every[0]} and {every[1]} is 0.300 bit [0.220, 0.380], above the level that counts."
    content: dict[str, Any] = {
        "dataset": "invented", "verdict": "fusion", "leading_pair": every[:2],
        "candidates": [
            {"model": "early_fusion", "modalities": every, "reasons": ["Proposed: fusion.", "Synergy is above zero."]},
            {"model": "late_fusion", "modalities": every, "reasons": ["Contestant."]},
            {"model": single[0], "modalities": every[:1], "reasons": ["Contestant."]},
        ],
        "mandatory": [{"model": name, "modalities": [name.partition(":")[2]], "reasons": ["Baseline."]}
                      for name in single]
        + [{"model": "late_fusion", "modalities": every, "reasons": ["Baseline."]}],
        "evidence": [{"statement": statement, "source": "estimate", "values": {}}],
        "ranking": [], "neighbours": [], "draws": {"number": 0, "kind": "none"}, "budget": None, "left_out": [],
        "fallback": "The rule on the atoms alone orders the models: no bank of synthetic datasets was to be used.",
        "advice": None,
    }  # fmt: skip
    if bank:
        content |= {
            "ranking": [_ranked(place, name) for place, name in enumerate((*RANKED, *single[:2]))],
            "neighbours": [_neighbour(place, world) for place, world in enumerate(WORLDS)],
            "draws": {"number": 200, "kind": "interval"}, "fallback": None,
            "left_out": [{"model": "ctc_alignment", "reason": "needs a sequence, and there is none."},
                         {"model": "rmfn", "reason": "trained in 31 % of the nearest synthetic datasets: too few"}],
        }  # fmt: skip
        content["evidence"].append(
            {"statement": "The nearest of 33 synthetic datasets is 0.09 away.", "source": "bank", "values": {}}
        )
    if advice:
        content["advice"] = invented_advice(modalities)
    return content


def _ranked(place: int, model: str) -> dict[str, Any]:
    # the second has the least regret: the first is the simplest that cannot be told from it
    behind = (0.004, 0.003)[place] if place < 2 else 0.004 + 0.006 * place
    reasons = ["Synergy: it learns interactions.", f"Among the chosen in {max(96 - 7 * place, 0)} % of the draws."]
    return {
        "model": model, "relative_accuracy": {"value": 1 - behind, "low": 1 - 3 * behind, "high": 1.0},
        "regret": _spread(0.9 * behind, 0.9 * behind, 1.6 * behind),
        "expected_accuracy": _spread(0.86 - behind, 0.05, 0.05), "chosen": max(0.96 - 0.07 * place, 0.0),
        "cpu_seconds": None if place == 12 else 0.8 * (place + 1), "reasons": reasons,
    }  # fmt: skip


def _neighbour(place: int, world: str) -> dict[str, Any]:
    shared, first, second = 0.3 + 0.03 * place, 0.2, 0.1 + 0.02 * (place % 2)
    parts = {"redundancy": shared, "unique1": first, "unique2": second, "synergy": 1 - shared - first - second}
    best = [["early_fusion", "tensor_fusion", "film"], ["tensor_fusion", "mult", "late_fusion"]][place % 2]
    return {"world": world, "weight": (0.36, 0.28, 0.18, 0.12, 0.06)[place], "distance": 0.09 + 0.08 * place,
            "atoms": parts, "best": best}  # fmt: skip


def invented_advice(modalities: Sequence[str]) -> dict[str, Any]:
    """Return advice for the modalities after the first: worth it, undecided, not worth it, refused, and so on."""
    kinds = (("yes", "fusion"), ("undecided", "undecided"), ("no", "one_modality"), (None, None))
    held, further = modalities[0], [*modalities[1:]]
    found = [_candidate(place, name, *kinds[place % 4]) for place, name in enumerate(further)]
    return {
        "status": "estimated", "reason": None, "label": "label", "n_classes": 4, "held": [held], "accuracy_held": 0.71,
        "candidates": found, "least_gain": 0.01, "least_loss": 0.01, "level": 0.95, "grouped": False,
        "next": further[0], "rules": {"labelled": "split=train", "paired": "rest"},
        "n_rows": {"labelled": 1680, "paired": 720},
    }  # fmt: skip


def _candidate(place: int, name: str, collect: str | None, fusion: str | None) -> dict[str, Any]:
    if collect is None:
        return {"modality": name, "status": "refused", "reason": "9 rows have both; 40 are needed.", "advice": None,
                "accuracy_alone": None}  # fmt: skip
    low, high = {"yes": (0.76, 0.88), "undecided": (0.71, 0.80), "no": (0.71, 0.713)}[collect]
    advice = {
        "accuracy_without": {"low": 0.71, "high": 0.71, "interval": [0.69, 0.73]},
        "accuracy_alone": {"low": 0.6, "high": 0.6, "interval": [0.58, 0.62]},
        "accuracy_with": {"low": low, "high": high, "interval": [low - 0.02, high + 0.02]},
        "gain": {"low": low - 0.71, "high": high - 0.71, "interval": [low - 0.72, high - 0.70]},
        "collect": collect, "fusion": fusion, "rows": [1680, 1680 - place, 720],
    }  # fmt: skip
    return {"modality": name, "status": "estimated", "reason": None, "advice": advice, "accuracy_alone": 0.6}
