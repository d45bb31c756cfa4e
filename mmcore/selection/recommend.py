"""A rule from interactions to a kind of model, transparent enough to be argued with.

    I(X1, X2; Y) - max_i I(Xi; Y) = S + min(U1, U2)

is what a second modality can add. An atom counts when the low end of its interval is above its chance level: the 95th
percentile under permuted labels where that was drawn, and never less than 0.01 bit. Then
    fusion         the synergy of some pair counts: only a model that sees both at once can use all of it;
    late_fusion    else, some modality has unique information beside the most informative one;
    one_modality   else: what the others say, the most informative one says too (redundancy helps when it is absent).

Late fusion adds the modalities' logits. Of the synergy of an exclusive or its best fit uses nothing; of others a part:
it decides an "and" without error, which no single modality does.

References: equations 3.4-3.5 and section 3.3.3 of the thesis behind this project; Williams & Beer 2010. The thesis
compares with a bank of synthetic datasets; this rule needs none and knows no cost. Clusters or weak features can hide
information, so this proposes; what models reach on validation rows decides.

Assumes pairs: synergy that only three modalities show together is invisible here. Many pairs are many chances to exceed
a level; the reasons name how many were looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mmcore.errors import InputError, NotBuiltYetError

RELEVANT_BITS = 0.01
CHANCE_QUANTILE = 0.95
VERDICTS = ("one_modality", "late_fusion", "fusion")
ATOMS = ("redundancy", "unique1", "unique2", "synergy")


class Decomposition(Protocol):
    """What is needed of `mmcore.information` results: atoms in bits; `interval`, `corrected`, `null` where known."""

    @property
    def redundancy(self) -> float:
        """Shared information."""

    @property
    def unique1(self) -> float:
        """Information of the first alone."""

    @property
    def unique2(self) -> float:
        """Information of the second alone."""

    @property
    def synergy(self) -> float:
        """Information of both together only."""


@dataclass(frozen=True)
class Atom:
    """One atom of one pair in bits: its value, the low and high end of its interval, and its chance level."""

    value: float
    low: float
    high: float
    chance: float  # RELEVANT_BITS, or more where permuted labels reach more
    certain: bool  # whether the ends come from an interval (or an exact joint), not from the value alone

    @property
    def counts(self) -> bool:
        """Whether the low end is above the chance level."""
        return self.low > self.chance


@dataclass(frozen=True)
class Recommendation:
    """Which models to try, best first, and why.

    Attributes:
        models: names as in result files: `early_fusion`, `late_fusion`, `unimodal:<modality>`.
        verdict: "one_modality", "late_fusion" or "fusion".
        evidence: `{statement, source, values}` each; values in bits.
    """

    models: tuple[str, ...]
    verdict: str
    evidence: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value."""
        return {"models": list(self.models), "verdict": self.verdict, "evidence": [dict(e) for e in self.evidence]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recommendation:
        """Return the recommendation that `to_dict` wrote; InputError for an unknown verdict or a missing key."""
        missing = sorted({"models", "verdict", "evidence"} - set(content))
        if missing or content["verdict"] not in VERDICTS:
            received = f"no {', '.join(missing)}" if missing else content["verdict"]
            raise InputError("content", received, "models, verdict, evidence; " + ", ".join(VERDICTS),
                             "Pass what to_dict returned.")  # fmt: skip
        return cls(tuple(content["models"]), content["verdict"], tuple(dict(e) for e in content["evidence"]))

    def __repr__(self) -> str:
        return f"Recommendation({self.verdict}: {', '.join(self.models)})"


def recommend(
    pid: Decomposition | Mapping[tuple[str, str], Decomposition], *, budget: float | None = None
) -> Recommendation:
    """Return the kind of model that the interactions call for.

    Args:
        pid: the decomposition of one pair (its modalities are then called `first` and `second`), or of several.
        budget: CPU seconds; must be None until measured costs of models exist.

    Raises:
        InputError: for no pair, a pair of one modality with itself, atoms that are not finite, or one pair twice.
        NotBuiltYetError: for a budget.

    Example:
        >>> from types import SimpleNamespace
        >>> recommend(SimpleNamespace(redundancy=0.0, unique1=0.0, unique2=0.0, synergy=1.0, gap=0.0))
        Recommendation(fusion: early_fusion, late_fusion, unimodal:first)
    """
    if budget is not None:
        raise NotBuiltYetError(
            "budget: no measured costs of models exist yet; leave it out, every model is considered."
        )
    pairs = dict(pid) if isinstance(pid, Mapping) else {("first", "second"): pid}
    if not pairs:
        raise InputError("pid", "no pair", "one decomposition or more", "Estimate at least one pair of modalities.")
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise InputError("pid", f"key {pair}", "two different modalities", "Use (m1, m2) as key.")
        if frozenset(pair) in seen:
            raise InputError("pid", f"{pair} twice", "each pair once", "Remove one direction.")
        seen.add(frozenset(pair))
    return _rule({pair: {name: _atom(pair, one, name) for name in ATOMS} for pair, one in pairs.items()})


def _atom(pair: tuple[str, str], pid: Decomposition, name: str) -> Atom:
    corrected: Any = getattr(pid, "corrected", None)
    value = float(corrected[name] if corrected else getattr(pid, name))
    interval: Any = getattr(pid, "interval", None)
    null: Any = getattr(pid, "null", None)
    known = bool(interval) and interval[name] is not None
    low, high = (float(end) for end in interval[name]) if known else (value, value)
    chance = RELEVANT_BITS
    if null and len(null[name]):
        chance = max(chance, float(np.quantile(np.asarray(null[name], dtype=float), CHANCE_QUANTILE)))
    if not np.isfinite([value, low, high, chance]).all():
        raise InputError("pid", f"{name} of {pair[0]} and {pair[1]} is not finite", "finite bits",
                         "Leave pairs without an estimate out.")  # fmt: skip
    return Atom(value, low, high, chance, known or getattr(pid, "gap", None) is not None)


Atoms = dict[str, Atom]


def information_alone(atoms: Mapping[tuple[str, str], Atoms]) -> dict[str, float]:
    """Return I(Xm;Y) = R + U_m in bits, averaged over the pairs that hold m, in order of appearance."""
    values: dict[str, list[float]] = {}
    for (first, second), one in atoms.items():
        values.setdefault(first, []).append(one["redundancy"].value + one["unique1"].value)
        values.setdefault(second, []).append(one["redundancy"].value + one["unique2"].value)
    return {name: float(np.mean(numbers)) for name, numbers in values.items()}


def leading_pair(atoms: Mapping[tuple[str, str], Atoms]) -> tuple[str, str]:
    """Return the pair whose synergy has the largest low end; the first of equals."""
    return max(atoms, key=lambda pair: atoms[pair]["synergy"].low)


def _rule(atoms: Mapping[tuple[str, str], Atoms]) -> Recommendation:
    alone = information_alone(atoms)
    best = max(alone, key=lambda name: alone[name])
    synergistic = [pair for pair, one in atoms.items() if one["synergy"].counts]
    partner = _unique_beside(best, atoms)
    lead = leading_pair(atoms)
    evidence = [_best_statement(best, alone), _synergy_statement(lead, atoms, len(synergistic))]
    if partner is not None:
        evidence.append(_unique_statement(best, *partner))
    single = [f"unimodal:{best}"]
    if synergistic:
        return Recommendation(("early_fusion", "late_fusion", *single), "fusion", tuple(evidence))
    if partner is not None and partner[2].counts:
        return Recommendation(("late_fusion", *single, "early_fusion"), "late_fusion", tuple(evidence))
    evidence.append(_redundancy_statement(best, atoms))
    return Recommendation((*single, "late_fusion", "early_fusion"), "one_modality", tuple(evidence))


def _unique_beside(best: str, atoms: Mapping[tuple[str, str], Atoms]) -> tuple[str, str, Atom] | None:
    """(other modality, "unique1|unique2", atom) with the largest low end among the pairs that hold `best`."""
    found = [
        (second, "unique2", one["unique2"]) if first == best else (first, "unique1", one["unique1"])
        for (first, second), one in atoms.items()
        if best in (first, second)
    ]
    return max(found, key=lambda entry: entry[2].low) if found else None


def _bits(value: float) -> str:
    return f"{value:.3f}"


def _with_interval(atom: Atom) -> str:
    if atom.certain:
        return f"{_bits(atom.value)} bit [{_bits(atom.low)}, {_bits(atom.high)}]"
    return f"{_bits(atom.value)} bit (no interval)"


def _values(atom: Atom) -> dict[str, Any]:
    ends = {"low": atom.low, "high": atom.high} if atom.certain else {"low": None, "high": None}
    return {"value": atom.value, **ends, "chance": atom.chance}


def _side(atom: Atom) -> str:
    return f"{'above' if atom.counts else 'not above'} the level that counts, {_bits(atom.chance)} bit"


def _best_statement(best: str, alone: Mapping[str, float]) -> dict[str, Any]:
    listed = ", ".join(f"{name} {_bits(value)}" for name, value in alone.items())
    return {"statement": f"{best} alone is the most informative; bits alone: {listed}.", "source": "estimate",
            "values": dict(alone)}  # fmt: skip


def _synergy_statement(
    pair: tuple[str, str], atoms: Mapping[tuple[str, str], Atoms], n_counting: int
) -> dict[str, Any]:
    atom = atoms[pair]["synergy"]
    several = f" {n_counting} of {len(atoms)} pairs exceed it." if len(atoms) > 1 else ""
    return {
        "statement": f"Synergy of {pair[0]} and {pair[1]} is {_with_interval(atom)}, {_side(atom)}.{several}",
        "source": "estimate", "values": {"pair": list(pair), "atom": "synergy", **_values(atom)},
    }  # fmt: skip


def _unique_statement(best: str, other: str, name: str, atom: Atom) -> dict[str, Any]:
    return {
        "statement": f"What {other} knows and {best} does not is {_with_interval(atom)}, {_side(atom)}.",
        "source": "estimate", "values": {"modality": other, "beside": best, "atom": name, **_values(atom)},
    }  # fmt: skip


def _redundancy_statement(best: str, atoms: Mapping[tuple[str, str], Atoms]) -> dict[str, Any]:
    pairs = [pair for pair in atoms if best in pair]
    pair = max(pairs, key=lambda p: atoms[p]["redundancy"].low)
    atom = atoms[pair]["redundancy"]
    return {
        "statement": f"{pair[0]} and {pair[1]} share {_with_interval(atom)}: one can stand in for the other.",
        "source": "estimate", "values": {"pair": list(pair), "atom": "redundancy", **_values(atom)},
    }  # fmt: skip
