"""Which interactions the trained models use, as typed facts: the content of `interactions.json`, known here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmcore.reporting.facts import ATOMS, Estimate, Facts, model_name, model_words

Atoms = Mapping[str, Estimate]

LEAST = 0.01
"""Bits; shares of less, or where what lies below zero is as large as the sum, are noise (`selection.agreement`)."""


@dataclass(frozen=True)
class Share:
    """The share of interactions in a model's outputs with its interval, or why there is none."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    reason: str | None


@dataclass(frozen=True)
class Using:
    """What one model uses: the atoms of its predictions in bits, its share, and how far it agrees with the data."""

    key: str
    atoms: Atoms
    reason: str | None
    share: Share
    agreement: Mapping[str, float | None] | None
    agreement_reason: str | None

    @property
    def model(self) -> str:
        """Its name as a row begins with it."""
        return model_name(self.key)

    @property
    def words(self) -> str:
        """Its name inside a sentence."""
        return model_words(self.key)

    @property
    def prediction_synergy(self) -> float | None:
        """Synergy of its predictions, bits."""
        return self.atoms["synergy"].value if self.atoms else None

    @property
    def prediction_share(self) -> float | None:
        """That over the sum of the four; None where they have no shares."""
        return share_of(self.atoms, "synergy")

    @property
    def prediction_reason(self) -> str | None:
        """Why there is no such share."""
        if self.prediction_share is not None:
            return None
        return self.reason or "the parts of its predictions add to no more than their error"


@dataclass(frozen=True)
class Drawn:
    """What the figure takes."""

    points: tuple[Using, ...]
    synergy: float
    synergy_share: float | None
    share_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Interactions:
    """The interactions of every quantified model beside those of the data, on the same test rows."""

    pair: tuple[str, str]
    data: Atoms
    models: tuple[Using, ...]
    level: float
    n_boot: int
    n_rows: int
    n_groups: int | None
    n_left_out: int
    n_masked: int
    n_draws: int
    seed: int

    def drawn(self, models: Sequence[Using]) -> Drawn:
        """Return what the figure of some of the models takes."""
        synergy, total = self.data["synergy"], sum(self.data[atom].value for atom in ATOMS)
        band = None
        if has_shares(self.data) and synergy.low is not None and synergy.high is not None:
            band = (synergy.low / total, synergy.high / total)
        return Drawn(tuple(models), synergy.value, share_of(self.data, "synergy"), band)


def has_shares(atoms: Atoms) -> bool:
    """Return whether the four add to more than `LEAST`, and than what of them lies below zero, which is an error.

    Example:
        >>> small = dict.fromkeys(ATOMS, Estimate(0.001))
        >>> has_shares(small), has_shares(small | {"synergy": Estimate(0.1)}), has_shares({})
        (False, True, False)
    """
    values = [atoms[name].value for name in ATOMS] if atoms else []
    return sum(values) > max(LEAST, -sum(min(value, 0.0) for value in values))


def share_of(atoms: Atoms, atom: str) -> float | None:
    """Return an atom over the sum of the four; None where they have no shares.

    Example:
        >>> share_of({"redundancy": Estimate(0.5), "unique1": Estimate(0.0), "unique2": Estimate(0.0),
        ...           "synergy": Estimate(1.5)}, "synergy")
        0.75
    """
    return atoms[atom].value / sum(atoms[name].value for name in ATOMS) if has_shares(atoms) else None


def interactions_of(facts: Facts) -> Interactions | None:
    """Return the interactions, models in the order of the scores; None where there is no result of them."""
    content = facts.result("interactions")
    if content is None:
        return None
    order = {model.key: place for place, model in enumerate(facts.models)}
    found = sorted(content["models"], key=lambda entry: order.get(entry["model"], len(order)))
    rows, level = content["rows"] or {}, float(content["level"])
    masked = max((entry["interaction"]["n_rows"] for entry in content["models"]), default=0)
    return Interactions(
        pair=(str(content["pair"][0]), str(content["pair"][1])),
        data=_atoms(content["data"]),
        models=tuple(_using(entry, level) for entry in found),
        level=level,
        n_boot=int(content["n_boot"]),
        n_rows=int(rows.get("n_rows", 0)),
        n_groups=rows.get("n_groups"),
        n_left_out=int(rows.get("n_left_out", 0)),
        n_masked=int(masked),
        n_draws=int(content["masked_draws"]),
        seed=int(content["seed"]),
    )


def _atoms(raw: Mapping[str, Any]) -> Atoms:
    values = raw.get("corrected") or raw.get("raw") or {}
    ends = raw.get("interval") or {}
    return {a: Estimate(float(values[a]), *(ends.get(a) or (None, None))) for a in ATOMS} if values else {}


def _using(entry: Mapping[str, Any], level: float) -> Using:
    share = entry["interaction"]["share"]
    return Using(
        key=str(entry["model"]),
        atoms=_atoms(entry["atoms"]),
        reason=entry["atoms"].get("reason"),
        share=Share(share.get("value"), share.get("low"), share.get("high"), level, share.get("reason")),
        agreement=entry.get("agreement"),
        agreement_reason=entry.get("agreement_reason"),
    )
