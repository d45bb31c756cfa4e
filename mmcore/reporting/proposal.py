"""What was proposed before training, as typed facts: the ranking, the nearest synthetic datasets, what was left out.

The one place that knows the keys of `selection.json`. A result of an older version lacks some of them; that is an error
that says which stage to run again, never an empty table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.errors import InputError
from mmcore.reporting.facts import Estimate, Facts, Pair, model_words

KEYS = (
    "verdict", "leading_pair", "candidates", "mandatory", "evidence", "ranking", "neighbours", "draws", "budget",
    "left_out", "fallback", "advice",
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """One model as the bank ranks it: accuracies and regret as fractions, CPU seconds of one fit."""

    key: str
    relative: Estimate
    regret: Estimate
    expected: Estimate | None
    chosen: float
    seconds: float | None
    reasons: tuple[str, ...]

    @property
    def words(self) -> str:
        """The model's name inside a sentence."""
        return model_words(self.key)


@dataclass(frozen=True)
class Neighbour:
    """A synthetic dataset near to this one; `shares` are its normalised parts, `best` its best models."""

    world: str
    weight: float
    distance: float | None
    shares: Mapping[str, float]
    best: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """What was proposed: `candidates` in their order, each with its reasons; the rest as in `selection.json`."""

    verdict: str
    pair: tuple[str, ...]
    candidates: tuple[tuple[str, tuple[str, ...]], ...]
    mandatory: tuple[tuple[str, tuple[str, ...]], ...]
    evidence: tuple[tuple[str, str], ...]
    ranking: tuple[Ranked, ...]
    neighbours: tuple[Neighbour, ...]
    draws: tuple[str, int]
    budget: float | None
    left_out: tuple[tuple[str, str], ...]
    fallback: str | None

    def ranked(self, key: str) -> Ranked | None:
        """Return the entry of a model; None where it is not ranked."""
        return next((entry for entry in self.ranking if entry.key == key), None)

    def place(self, key: str) -> int | None:
        """Return the place of a model in the ranking, from 1; None where it is not ranked."""
        return next((place for place, entry in enumerate(self.ranking, 1) if entry.key == key), None)

    def reason_left_out(self, key: str) -> str | None:
        """Return why a model has no expectation; None where nothing says so."""
        return next((reason for model, reason in self.left_out if model == key), None)


def proposal_of(facts: Facts) -> Proposal | None:
    """Return what was proposed; None where nothing was, for a reason in `facts.reasons`.

    Raises:
        InputError: for a `selection.json` without a key that this version writes.
    """
    content = facts.result("selection")
    if content is None:
        return None
    missing = [key for key in KEYS if key not in content]
    if missing:
        remedy = f"Run the stage again: 'dvc repro --force select@{facts.name}'."
        raise InputError("selection.json", f"no {', '.join(missing)}", ", ".join(KEYS), remedy)
    return Proposal(
        verdict=str(content["verdict"]),
        pair=tuple(content["leading_pair"] or ()),
        candidates=_models(content["candidates"]),
        mandatory=_models(content["mandatory"]),
        evidence=tuple((str(entry["source"]), str(entry["statement"])) for entry in content["evidence"]),
        ranking=tuple(_ranked(entry) for entry in content["ranking"]),
        neighbours=tuple(
            Neighbour(str(entry["world"]), float(entry["weight"]), entry["distance"], dict(entry["atoms"]),
                      tuple(entry["best"]))
            for entry in content["neighbours"]
        ),
        draws=(str(content["draws"]["kind"]), int(content["draws"]["number"])),
        budget=content["budget"],
        left_out=tuple((str(entry["model"]), str(entry["reason"])) for entry in content["left_out"]),
        fallback=content["fallback"],
    )  # fmt: skip


def _models(entries: list[Mapping[str, Any]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((str(entry["model"]), tuple(map(str, entry.get("reasons") or ()))) for entry in entries)


def _ranked(entry: Mapping[str, Any]) -> Ranked:
    return Ranked(
        key=str(entry["model"]),
        relative=_estimate(entry["relative_accuracy"]),
        regret=_estimate(entry["regret"]),
        expected=Estimate.of(entry["expected_accuracy"]),
        chosen=float(entry["chosen"]),
        seconds=entry["cpu_seconds"],
        reasons=tuple(map(str, entry["reasons"])),
    )


def _estimate(entry: Mapping[str, float]) -> Estimate:
    return Estimate(entry["value"], entry["low"], entry["high"])


MOST_PAIRS = 6


def own_shares(facts: Facts, proposal: Proposal) -> tuple[tuple[Pair, dict[str, float]], ...]:
    """Return the dataset's own normalised parts by pair, the leading one first; parts below zero count as zero.

    Of more than six pairs only the leading one; a pair without a part above zero has none.
    """
    leading = [pair for pair in facts.estimated if {pair.first, pair.second} == set(proposal.pair)]
    others = [pair for pair in facts.estimated if pair not in leading]
    found = []
    for pair in leading if len(facts.estimated) > MOST_PAIRS else [*leading, *others]:
        floored = {name: max(atom.value, 0.0) for name, atom in pair.atoms.items()}
        total = sum(floored.values())
        if total > 0:
            found.append((pair, {name: value / total for name, value in floored.items()}))
    return tuple(found)
