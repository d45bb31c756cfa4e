"""The pieces that facts are made of: an estimate, a pair, a model, a subset, and the words for a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmcore.reporting.format import capital, plural

NAMES = {
    "film": "FiLM", "mfm": "MFM", "mvae": "MVAE", "mctn": "MCTN", "mult": "MulT", "rmfn": "RMFN", "mfas": "MFAS",
    "cca": "CCA", "ef_transformer": "EF transformer", "lf_transformer": "LF transformer", "ef_lstm": "EF-LSTM",
    "lf_lstm": "LF-LSTM", "ctc_alignment": "CTC alignment", "refnet": "RefNet", "refnet_inputs": "RefNet on inputs",
    "functional_entropy": "functional entropy", "agreement": "agreement loss", "contrastive": "contrastive loss",
    "reconstruction": "reconstruction loss", "sum": "sum fusion", "product": "product fusion",
}  # fmt: skip
"""Methods whose name is not its words."""


def model_words(key: str) -> str:
    """Return a model's name inside a sentence; the name of a modality stays as it was given.

    Example:
        >>> model_words("unimodal:EEG"), model_words("late_fusion"), model_words("mult")
        ('EEG alone', 'late fusion', 'MulT')
    """
    kind, _, modality = key.partition(":")
    return f"{modality} alone" if kind == "unimodal" and modality else NAMES.get(key, key.replace("_", " "))


def model_name(key: str) -> str:
    """Return a model's name as a sentence or a row begins with it.

    Example:
        >>> model_name("unimodal:gyroscope"), model_name("late_fusion")
        ('Gyroscope alone', 'Late fusion')
    """
    return capital(model_words(key))


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, both ends None where no interval was made."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any] | None) -> Estimate | None:
        """Return the estimate in `{value, low, high}` or `{value, interval}`, None where there is no value."""
        if raw is None or raw.get("value") is None:
            return None
        low, high = raw.get("interval") or (raw.get("low"), raw.get("high"))
        return cls(float(raw["value"]), low, high)

    def reversed(self) -> Estimate:
        """Return the estimate of the opposite difference."""
        return Estimate(-self.value, None if self.high is None else -self.high, None if self.low is None else -self.low)

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate in another unit."""
        return Estimate(
            factor * self.value,
            None if self.low is None else factor * self.low,
            None if self.high is None else factor * self.high,
        )

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low is not None and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below zero."""
        return self.high is not None and self.high < 0


LEAST_THAT_COUNTS = 0.01
"""Bits: `mmcore.selection.rule.RELEVANT_BITS`, which the report does not load; a test compares the two."""


@dataclass(frozen=True)
class Nouns:
    """What the dataset calls its things, in the singular."""

    sample: str = "sample"
    group: str = "group"
    label: str = "label"
    modality: str = "modality"

    @property
    def modalities(self) -> str:
        """The plural of the word for a modality."""
        return plural(self.modality)


@dataclass(frozen=True)
class Pair:
    """One pair of modalities: its four parts in bits, or the reason why there are none."""

    first: str
    second: str
    reason: str | None
    atoms: Mapping[str, Estimate]
    raw: Mapping[str, float]
    information: Mapping[str, Estimate]
    truth: Mapping[str, float] | None
    null: Mapping[str, float]
    n_rows: int | None
    n_groups: int | None
    clusters: tuple[int, ...]
    diagnostics: Mapping[str, Any]
    p_values: Mapping[str, float] = field(default_factory=dict)
    synergy_bounds: Mapping[str, float] | None = None
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def estimated(self) -> bool:
        """Whether the pair has its four parts."""
        return self.reason is None

    def counts(self, atom: str) -> bool:
        """Return whether a part counts by the rule that proposes models: its low end is above its chance level.

        That level is what permuted labels reach, and never less than `LEAST_THAT_COUNTS`; of a part without an
        interval the value is the low end.
        """
        estimate = self.atoms[atom]
        low = estimate.value if estimate.low is None else estimate.low
        return low > max(self.null.get(atom, LEAST_THAT_COUNTS), LEAST_THAT_COUNTS)

    def atom_name(self, atom: str) -> str:
        """Return the part in words that name the modalities."""
        words = {"redundancy": "shared", "synergy": "only together", "unique1": f"only {self.first}"}
        return words.get(atom, f"only {self.second}")


@dataclass(frozen=True)
class Tested:
    """A paired difference on test rows: to which model, how it was tested, and p before and after correction."""

    to: str
    difference: Estimate
    p: float | None
    p_adjusted: float | None
    test: str

    @classmethod
    def of(cls, raw: Mapping[str, Any] | None) -> Tested | None:
        """Return the difference in `{to, value, low, high, p, test, p_adjusted}`, None where there is none."""
        difference = Estimate.of(raw)
        if raw is None or difference is None:
            return None
        return cls(raw["to"], difference, raw.get("p"), raw.get("p_adjusted"), str(raw.get("test") or ""))

    @property
    def decided(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.difference.above_zero or self.difference.below_zero


@dataclass(frozen=True)
class Model:
    """One model as evaluated: its score, its paired differences, or why it has none."""

    key: str
    modalities: tuple[str, ...]
    score: Estimate | None
    difference: Estimate | None
    against: str | None
    metrics: Mapping[str, Estimate]
    n_parameters: int | None
    flops: float | None
    recommended: bool
    reason: str | None
    to_late: Tested | None = None
    to_single: Tested | None = None

    @property
    def name(self) -> str:
        """The model's name in words."""
        return model_name(self.key)

    @property
    def words(self) -> str:
        """The model's name inside a sentence."""
        return model_words(self.key)


@dataclass(frozen=True)
class Subset:
    """One set of modalities that is present at test time."""

    present: tuple[str, ...]
    trained: Estimate | None
    dropped: Estimate | None
    trained_model: str | None = None
