"""The answer of `recommend`, as plain values that survive JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mmcore.errors import InputError
from mmcore.selection.arguments import check_mapping
from mmcore.selection.rule import VERDICTS

_REQUIRED = ("models", "verdict", "evidence")
_LISTS = ("ranking", "neighbours", "left_out")


@dataclass(frozen=True)
class Recommendation:
    """Which models to try, best first, and why.

    Attributes:
        models: the top of the ranking, then the contestants that are not in it: the model of least expected regret
            where a simpler one is first, late fusion, and the best single modality; names as in result files:
            `early_fusion`, `late_fusion`, `unimodal:<modality>`.
        verdict: "one_modality", "late_fusion" or "fusion": the rule's on the atoms (`mmcore.selection.rule`).
        evidence: `{statement, source, values}` each; source "estimate" (bits) or "bank" (fractions).
        ranking: every model of the bank that fits and the budget allows, best first: `{model, relative_accuracy,
            regret, expected_accuracy, chosen, cpu_seconds, reasons}`; the first three `{value, low, high}` as
            fractions, expected_accuracy None where unknown.
        neighbours: the ten worlds of most weight: `{world, weight, distance, atoms, best}`; atoms are shares, turned
            the way in which they are nearer; distance is that to the atoms as estimated.
        draws: `{number, kind}` of the atoms' draws, kind "bootstrap", "interval" or "none".
        budget: CPU seconds of one fit, or None.
        left_out: `{model, reason}` of what is not ranked.
        fallback: why no bank was used and the rule alone ordered the models; None where the bank was.
    """

    models: tuple[str, ...]
    verdict: str
    evidence: tuple[dict[str, Any], ...]
    ranking: tuple[dict[str, Any], ...] = ()
    neighbours: tuple[dict[str, Any], ...] = ()
    draws: dict[str, Any] = field(default_factory=lambda: {"number": 0, "kind": "none"})
    budget: float | None = None
    left_out: tuple[dict[str, Any], ...] = ()
    fallback: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value."""
        return {
            "models": list(self.models),
            "verdict": self.verdict,
            "evidence": [dict(e) for e in self.evidence],
            **{name: [dict(entry) for entry in getattr(self, name)] for name in _LISTS},
            "draws": dict(self.draws),
            "budget": self.budget,
            "fallback": self.fallback,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recommendation:
        """Return the recommendation that `to_dict` wrote; InputError for an unknown verdict or a missing key."""
        check_mapping("content", content, "what to_dict returned")
        missing = sorted(set(_REQUIRED) - set(content))
        if missing or content["verdict"] not in VERDICTS:
            received = f"no {', '.join(missing)}" if missing else content["verdict"]
            raise InputError("content", received, "models, verdict, evidence; " + ", ".join(VERDICTS),
                             "Pass what to_dict returned.")  # fmt: skip
        values = {entry.name: content[entry.name] for entry in fields(cls) if entry.name in content}
        values["models"] = tuple(values["models"])
        for name in ("evidence", *_LISTS):
            values[name] = tuple(dict(entry) for entry in values.get(name, ()))
        return cls(**values)

    def __repr__(self) -> str:
        return f"Recommendation({self.verdict}: {', '.join(self.models)})"
