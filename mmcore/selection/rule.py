"""A rule from interactions to a kind of model, transparent enough to be argued with.

    I(X1, X2; Y) - max_i I(Xi; Y) = S + min(U1, U2)

is what a second modality can add. An atom counts when the low end of its interval is above its chance level: the 95th
percentile under permuted labels where that was drawn, and never less than 0.01 bit. Then
    fusion         the synergy of some pair counts: only a model that sees both at once can use all of it;
    late_fusion    else, some modality has unique information beside the most informative one;
    one_modality   else: what the others say, the most informative one says too (redundancy helps when it is absent).

Late fusion adds the modalities' logits. Of the synergy of an exclusive or its best fit uses nothing; of others a part:
it decides an "and" without error, which no single modality does.

References: equations 3.4-3.5 and section 3.3.3 of the thesis behind this project; Williams & Beer 2010. This rule says
what kind of model the data call for; which model, and what it costs, is read from a bank (`recommend`). Clusters or
weak features can hide information, so this proposes; what models reach on validation rows decides.

Assumes pairs: synergy that only three modalities show together is invisible here. Many pairs are many chances to exceed
a level; the reasons name how many were looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mmcore.errors import InputError
from mmcore.selection.arguments import number, numbers, shown

RELEVANT_BITS = 0.01
CHANCE_QUANTILE = 0.95
VERDICTS = ("one_modality", "late_fusion", "fusion")
ATOMS = ("redundancy", "unique1", "unique2", "synergy")
UNIMODAL = "unimodal:"
LATE_FUSION = "late_fusion"


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


def read_atom(pair: tuple[str, str], pid: Decomposition, name: str) -> Atom:
    """Return one atom: corrected where that is known, with its interval and its level under permuted labels.

    Raises:
        InputError: for one that is missing or no finite number, an interval that is none, or chances that are none.
    """
    of = f"{name} of {pair[0]} and {pair[1]}"
    corrected, intervals, nulls = (_by_atom(pid, part) for part in ("corrected", "interval", "null"))
    value = _finite(corrected[name] if corrected else getattr(pid, name), of)
    # an atom without its own interval is taken at its value
    interval = intervals[name] if intervals else None
    low, high = (value, value) if interval is None else _ends(interval, of)
    chance = RELEVANT_BITS
    if nulls:
        allowed, remedy = f"a list of draws of the {of}, bits", "Leave it out where none were drawn."
        draws = numbers("pid.null", nulls[name], allowed, remedy)
        if draws.ndim != 1:
            raise InputError("pid.null", shown(nulls[name]), allowed, remedy)
        chance = max(chance, _finite(np.quantile(draws, CHANCE_QUANTILE), of)) if len(draws) else chance
    return Atom(value, low, high, chance, interval is not None or getattr(pid, "gap", None) is not None)


def _by_atom(pid: Decomposition, part: str) -> Mapping[str, Any]:
    """Return what a decomposition says of each atom under `part`; nothing where it says nothing of any."""
    found: Any = getattr(pid, part, None)
    if found is None:
        return {}
    if not isinstance(found, Mapping) or (found and any(name not in found for name in ATOMS)):
        allowed = "a dictionary of all four atoms, " + ", ".join(ATOMS)
        raise InputError(f"pid.{part}", shown(found), allowed, "Leave it out where it is unknown.")
    return found


def _finite(value: Any, of: str) -> float:
    found = number(value)
    if found is None:
        received = "not finite" if isinstance(value, float | np.floating) else shown(value)
        raise InputError("pid", f"{of} is {received}", "finite bits", "Leave pairs without an estimate out.")
    return found


def _ends(interval: Any, of: str) -> tuple[float, float]:
    ends = numbers("pid.interval", interval, f"low and high end of the {of}", "Leave it out where none was drawn.")
    if ends.shape != (2,) or not ends[0] <= ends[1]:
        raise InputError("pid.interval", f"{shown(interval)} for the {of}", "finite low and high end, in this order",
                         "Leave it out where none was drawn.")  # fmt: skip
    return _finite(ends[0], of), _finite(ends[1], of)


Atoms = dict[str, Atom]


def read_atoms(pairs: Mapping[tuple[str, str], Decomposition]) -> dict[tuple[str, str], Atoms]:
    """Return the four atoms of each pair with their ends and chance levels.

    Raises:
        InputError: for atoms that are not finite.

    Example:
        >>> from types import SimpleNamespace
        >>> noise = SimpleNamespace(redundancy=0.0, unique1=0.0, unique2=0.0, synergy=0.002)
        >>> read_atoms({("a", "b"): noise})["a", "b"]["synergy"].counts
        False
    """
    return {pair: {name: read_atom(pair, one, name) for name in ATOMS} for pair, one in pairs.items()}


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


@dataclass(frozen=True)
class Ruling:
    """What the rule says: its three models, best first, the verdict and the evidence."""

    models: tuple[str, ...]
    verdict: str
    evidence: tuple[dict[str, Any], ...]


def read_pairs(pid: Decomposition | Mapping[tuple[str, str], Decomposition]) -> dict[tuple[str, str], Decomposition]:
    """Return the decompositions by pair; a single one is of the modalities `first` and `second`.

    Raises:
        InputError: for no pair, a pair of one modality with itself, one pair twice, or what is no decomposition.

    Example:
        >>> from types import SimpleNamespace
        >>> list(read_pairs(SimpleNamespace(redundancy=0.0, unique1=0.0, unique2=0.0, synergy=1.0)))
        [('first', 'second')]
    """
    pairs = dict(pid) if isinstance(pid, Mapping) else {("first", "second"): pid}
    if not pairs:
        raise InputError("pid", "no pair", "one decomposition or more", "Estimate at least one pair of modalities.")
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        named = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        if not named or pair[0] == pair[1]:
            raise InputError("pid", f"key {pair}", "two different modalities", "Use (m1, m2) as key.")
        if frozenset(pair) in seen:
            raise InputError("pid", f"{pair} twice", "each pair once", "Remove one direction.")
        seen.add(frozenset(pair))
        _check_decomposition(pairs[pair], pair)
    return pairs


def _check_decomposition(pid: Any, pair: tuple[str, str]) -> None:
    missing = [name for name in ATOMS if not hasattr(pid, name)]
    if missing:
        raise InputError("pid", f"{shown(pid)} for {pair[0]} and {pair[1]}",
                         f"a decomposition with {', '.join(ATOMS)}, or a dictionary of them by pair",
                         "Pass what mmcore.information.pid returns, or {(m1, m2): decomposition}.")  # fmt: skip


def apply_rule(atoms: Mapping[tuple[str, str], Atoms]) -> Ruling:
    """Return what the rule says of the atoms of every pair.

    Args:
        atoms: pair -> the four atoms by name, as `read_atoms` returns them.

    Example:
        >>> from types import SimpleNamespace
        >>> exclusive_or = SimpleNamespace(redundancy=0.0, unique1=0.0, unique2=0.0, synergy=1.0, gap=0.0)
        >>> apply_rule(read_atoms({("a", "b"): exclusive_or})).models
        ('early_fusion', 'late_fusion', 'unimodal:a')
    """
    alone = information_alone(atoms)
    best = max(alone, key=lambda name: alone[name])
    synergistic = [pair for pair, one in atoms.items() if one["synergy"].counts]
    partner = _unique_beside(best, atoms)
    lead = leading_pair(atoms)
    evidence = [_best_statement(best, alone), _synergy_statement(lead, atoms, len(synergistic))]
    if partner is not None:
        evidence.append(_unique_statement(best, *partner))
    single = [f"{UNIMODAL}{best}"]
    if synergistic:
        return Ruling(("early_fusion", LATE_FUSION, *single), "fusion", tuple(evidence))
    if partner is not None and partner[2].counts:
        return Ruling((LATE_FUSION, *single, "early_fusion"), "late_fusion", tuple(evidence))
    evidence.append(_redundancy_statement(best, atoms))
    return Ruling((*single, LATE_FUSION, "early_fusion"), "one_modality", tuple(evidence))


def _unique_beside(best: str, atoms: Mapping[tuple[str, str], Atoms]) -> tuple[str, str, Atom] | None:
    """(other modality, "unique1|unique2", atom) with the largest low end among the pairs that hold `best`."""
    found = [
        (second, "unique2", one["unique2"]) if first == best else (first, "unique1", one["unique1"])
        for (first, second), one in atoms.items()
        if best in (first, second)
    ]
    return max(found, key=lambda entry: entry[2].low) if found else None


def _bits(value: float) -> str:
    return f"{value:z.3f}"  # no sign before a zero


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
    told = "so much either of them tells" if atom.counts else "what one tells, the other does not"
    return {
        "statement": f"{pair[0]} and {pair[1]} share {_with_interval(atom)}, {_side(atom)}: {told}.",
        "source": "estimate", "values": {"pair": list(pair), "atom": "redundancy", **_values(atom)},
    }  # fmt: skip
