"""Advice for one pair of modalities before any pair is labelled: accuracy with and without the second, and the fusion.

    without = accuracy of the best classifier of the held modality's symbols
    with    in [low, high]: Fano, Feder and Merhav at R + U1 + U2 + [S_lower, S_upper], and the tables themselves
    collect "yes": low - without >= least gain,  "no": high - without below it,  whatever the sampling error

Reference: thesis section 6.4.2 (theorem 8, table 6.3, figure 6.3) with the corrected bounds of `information.bounds`;
`printed` holds theorem 8 as printed, for comparison. The error of finite tables enters by resampling units: an end of a
range is moved out to the safe end of its bootstrap interval, and only then compared. Departures on purpose: the verdict
is no threshold on the average of the bounds (which exceeds 1 on most of the thesis' datasets), and "undecided" is an
answer: pair tables cannot tell an exclusive or from three coins.
The accuracies speak of classifiers that see the symbols; features may hold more.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, counted
from mmcore.information.atoms import NotCertified
from mmcore.information.bounds import AccuracyBounds, accuracy_as_printed
from mmcore.information.interval import interval
from mmcore.information.samples import check_number
from mmcore.information.semi_supervised import synergy
from mmcore.information.semi_supervised.advice import collect_second_modality, fusion_class
from mmcore.seeds import stream
from mmcore.selection.advice_tables import PairCounts, Tables

Float = NDArray[np.float64]

FUSIONS = ("one_modality", "late_fusion", "fusion", "undecided")
_FEWEST_DRAWS = 10


@dataclasses.dataclass(frozen=True)
class AdviceOptions:
    """What counts as worth it, and how sure the advice must be.

    Attributes:
        least_gain: gain in accuracy, as a fraction, that is worth collecting for.
        least_loss: bits that a simpler fusion may lose.
        n_boot: resamples of units; 0 takes the tables as true.
        level: of the intervals, and the share of resamples that must give the same class of fusion.
    """

    least_gain: float = 0.01
    least_loss: float = 0.01
    n_boot: int = 100
    level: float = 0.95

    def __post_init__(self) -> None:
        check_number("least_gain", self.least_gain, 0.0, 1.0, "Say which gain in accuracy would matter.")
        check_number("least_loss", self.least_loss, 0.0, np.inf, "Say how many bits would matter.")
        check_number("level", self.level, 0.0, 1.0, "Pass for example level=0.95.")
        whole = isinstance(self.n_boot, int | np.integer) and not isinstance(self.n_boot, bool)
        if not whole or not (self.n_boot == 0 or self.n_boot >= _FEWEST_DRAWS):
            raise InputError("n_boot", self.n_boot, f"0, or an integer >= {_FEWEST_DRAWS}", "Pass for example 100.")


@dataclasses.dataclass(frozen=True)
class Range:
    """What the tables leave open, [low, high], and the same with the error of the sample: `interval`, None without."""

    low: float
    high: float
    interval: tuple[float, float] | None = None

    @property
    def middle(self) -> float:
        """The middle of low and high: the expected value of the thesis, a summary and no bound."""
        return 0.5 * (self.low + self.high)


@dataclasses.dataclass(frozen=True)
class PairAdvice:
    """What one further modality would bring.

    Attributes:
        accuracy_without, accuracy_alone: of the held modality and of the further one, low = high.
        accuracy_with, gain: of both together, and that less `accuracy_without`.
        collect: "yes", "no" or "undecided", sampling error included; `collect_of_tables`: the tables taken as true.
        fusion: one of `FUSIONS`, given only where `level` of the resamples agree; `fusion_of_tables` likewise.
        agreeing: share of resamples whose tables give (collect_of_tables, fusion_of_tables).
        redundancy, unique_held, unique_added: bits; synergy: range in bits.
        printed: theorem 8 as printed, table 6.3; its upper side is not valid.
        symbols: of the two modalities, and classes; rows: labelled with the held, labelled with the further, paired.
        n_units, n_failed: resampling units; resamples whose tables could not be bounded.
        reason: why there is no interval, or None.
    """

    accuracy_without: Range
    accuracy_alone: Range
    accuracy_with: Range
    gain: Range
    collect: str
    collect_of_tables: str
    fusion: str
    fusion_of_tables: str
    agreeing: tuple[float, float] | None
    redundancy: float
    unique_held: float
    unique_added: float
    synergy: Range
    printed: AccuracyBounds
    symbols: tuple[int, int, int]
    rows: tuple[int, int, int]
    n_units: int
    n_failed: int
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class _Found:
    """The verdicts of one draw of tables, and its numbers in the order of `_NAMES`."""

    collect: str
    fusion: str
    numbers: Float


_NAMES = ("without", "alone", "low", "high", "gain_low", "gain_high", "synergy_low", "synergy_high")


def _judge(tables: Tables, options: AdviceOptions) -> tuple[_Found, dict[str, Any]]:
    collect = collect_second_modality(*tables, least_gain=options.least_gain)
    fusion = fusion_class(*tables, least_loss=options.least_loss)
    q = {**fusion.quantities, **collect.quantities}
    ends = (q["held_accuracy"], q["other_accuracy"], *q["accuracy"], *q["gain"], *q["synergy"])
    return _Found(collect.verdict, fusion.answer, np.array(ends, dtype=np.float64)), q


def _draws(counts: PairCounts, options: AdviceOptions, seed: int) -> tuple[list[_Found], int]:
    """Return the verdicts and numbers of resampled units, and how many resamples could not be bounded."""
    generator = stream(seed, "advice")
    n_units = counts.x1y.shape[0]
    found, failed = [], 0
    for _ in range(options.n_boot):
        weights = generator.multinomial(n_units, np.full(n_units, 1.0 / n_units)).astype(np.float64)
        try:
            found.append(_judge(counts.tables(weights), options)[0])
        except (InputError, NotCertified):
            failed += 1
    return found, failed


def advise_pair(counts: PairCounts, options: AdviceOptions | None = None, *, seed: int = 0) -> PairAdvice:
    """Return what the second modality of `counts` would bring beside the first.

    Args:
        counts: from `pair_counts`: the first modality is held, the second is the one in question.
        options: what counts as worth it; the defaults when None.
        seed: of the resamples.

    Raises:
        InputError, NotCertified: where the tables themselves cannot be bounded.
    """
    settings = options or AdviceOptions()
    tables = counts.tables()
    raw, q = _judge(tables, settings)
    n_units = counts.x1y.shape[0]
    drawn, failed = _draws(counts, settings, seed) if n_units > 1 else ([], 0)
    reason = None
    if len(drawn) < max(_FEWEST_DRAWS, settings.n_boot / 2):
        reason = (
            f"{len(drawn)} of {settings.n_boot} resamples of {counted(n_units, 'unit')}: the tables are taken as true"
        )
        drawn = []
    numbers = dict(zip(_NAMES, raw.numbers.tolist()))
    ends = _safe_ends(raw.numbers, np.array([one.numbers for one in drawn]), settings.level) if drawn else None
    gain = _range(numbers, ends, "gain_low", "gain_high")
    bounds = synergy(*tables)
    information = [min(x, bounds.label_entropy) for x in (bounds.information_lower, bounds.information_upper)]
    printed = [accuracy_as_printed(x, bounds.label_entropy, bounds.n_classes) for x in information]
    agreeing = _agreeing(raw, drawn)
    return PairAdvice(
        accuracy_without=_range(numbers, ends, "without", "without", fraction=True),
        accuracy_alone=_range(numbers, ends, "alone", "alone", fraction=True),
        accuracy_with=_range(numbers, ends, "low", "high", fraction=True),
        gain=gain,
        collect=raw.collect if gain.interval is None else _collect(gain.interval, settings.least_gain),
        collect_of_tables=raw.collect,
        fusion=raw.fusion if agreeing is None or agreeing[1] >= settings.level else "undecided",
        fusion_of_tables=raw.fusion,
        agreeing=agreeing,
        redundancy=q["redundancy"],
        unique_held=q["unique1"],
        unique_added=q["unique2"],
        synergy=_range(numbers, ends, "synergy_low", "synergy_high"),
        printed=AccuracyBounds(printed[0].lower, printed[1].upper),
        symbols=counts.shape,
        rows=counts.rows,
        n_units=n_units,
        n_failed=failed,
        reason=reason,
    )


def _agreeing(raw: _Found, drawn: list[_Found]) -> tuple[float, float] | None:
    if not drawn:
        return None
    same = [(one.collect == raw.collect, one.fusion == raw.fusion) for one in drawn]
    collect, fusion = np.array(same).mean(axis=0).tolist()
    return collect, fusion


def _safe_ends(raw: Float, draws: Float, level: float) -> dict[str, tuple[float, float]]:
    """Return the bootstrap interval of each number."""
    return {name: (float(low), float(high)) for name, (low, high) in zip(_NAMES, interval(raw, draws, level))}


def _range(
    numbers: dict[str, float],
    ends: dict[str, tuple[float, float]] | None,
    low: str,
    high: str,
    *,
    fraction: bool = False,
) -> Range:
    """Return the range with its outer ends; accuracies are met with their possible range, 0 to 1."""
    if ends is None:
        return Range(numbers[low], numbers[high])
    outer = (ends[low][0], ends[high][1])
    if fraction:
        outer = (max(outer[0], 0.0), min(outer[1], 1.0))
    return Range(numbers[low], numbers[high], outer)


def _collect(gain: tuple[float, float], least_gain: float) -> str:
    if gain[0] >= least_gain:
        return "yes"
    return "no" if gain[1] < least_gain else "undecided"
