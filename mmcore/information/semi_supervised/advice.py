"""Advice from three pair tables: is the second modality worth collecting, and which class of fusion does the pair need?

Both follow section 6.4 of the thesis, with intervals in place of single numbers. A verdict is given only where it is
the same for every joint distribution that the tables allow, as far as the bounds can tell; else it is "undecided".

    second modality:  gain in accuracy lies in [low - held, high - held];   yes: low >= least gain;   no: high below it
    class of fusion:  the largest of R, U1, U2, S is the same for all S in [S_lower, S_upper]   ("close enough", 6.4.1)

The tables are taken as true: with tables of few rows, give resampled tables too and see whether the verdict stays.
Departure on purpose: the thesis ranks datasets by the average of its accuracy bounds, which exceeds 1 on most of them;
here accuracies are bounded by Fano's inequality and by linear programming. And synergy as the largest interaction does
not call for a fusion of interactions where additive logits reach it (an "and" of two bits): see `beyond_additive`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from mmcore.errors import InputError
from mmcore.information.semi_supervised.bayes_accuracy import accuracy_ceiling, accuracy_floor, single_accuracy
from mmcore.information.semi_supervised.pair_tables import PairTables
from mmcore.information.semi_supervised.synergy_bounds import SynergyBounds, synergy

NAMES = ("the first modality", "the second modality")
_MARGIN = 1e-6  # tolerance of the linear program; a verdict must not hang on it
_AS_THEY_ARE = "The tables are taken as they are: the error of a finite sample is not in these numbers."
_LARGEST_PROGRAM = 4_000  # cells; beyond them the linear program takes seconds to minutes


@dataclasses.dataclass(frozen=True)
class Advice:
    """An answer with its reasons.

    Attributes:
        question: what was asked.
        verdict: "yes", "no" or "undecided".
        answer: of `fusion_class`: "one_modality", "late_fusion", "fusion" or "undecided"; else the verdict.
        reasons: sentences with numbers, the deciding one first.
        quantities: the numbers behind them; accuracies as fractions, information in bits, intervals as (low, high).
    """

    question: str
    verdict: str
    answer: str
    reasons: tuple[str, ...]
    quantities: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as plain JSON values."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in self.quantities.items()}
        return {**dataclasses.asdict(self), "reasons": list(self.reasons), "quantities": plain}


def _check(argument: str, value: float, names: tuple[str, str]) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(argument, value, "a positive number", "Say which difference would matter.")
    if len(names) != 2:
        raise InputError("names", names, "two names", "Name the first and the second modality.")


def collect_second_modality(
    p_x1y: Any, p_x2y: Any, p_x1x2: Any, *, least_gain: float = 0.01, names: tuple[str, str] = NAMES
) -> Advice:
    """Return whether labelled pairs can make a classifier of the first modality better by `least_gain`.

    Args:
        p_x1y, p_x2y, p_x1x2: as in `bounds.synergy`.
        least_gain: gain in accuracy, as a fraction, that would be worth the effort.
        names: of the two modalities, for the sentences.

    Raises:
        InputError: as `bounds.synergy`; for a gain that is not positive.

    Example:
        >>> coin, same = [[0.25, 0.25], [0.25, 0.25]], [[0.5, 0.0], [0.0, 0.5]]
        >>> collect_second_modality(same, coin, coin).verdict                      # Y = X1: nothing can be gained
        'no'
        >>> collect_second_modality(coin, same, coin).verdict                      # Y = X2
        'yes'
        >>> collect_second_modality(coin, coin, coin).verdict                      # an exclusive or, or nothing at all
        'undecided'
    """
    _check("least_gain", least_gain, names)
    found, tables = synergy(p_x1y, p_x2y, p_x1x2), PairTables.check(p_x1y, p_x2y, p_x1x2)
    held, other = single_accuracy(tables.x1y), single_accuracy(tables.x2y)
    low, high = accuracy_of_both(tables, found)
    gain, added = (low - held, high - held), (found.unique2 + found.lower, found.unique2 + found.upper)
    if gain[0] >= least_gain + _MARGIN:
        verdict, why = "yes", f"adds at least {gain[0]:.3f} to the accuracy, whatever the labelled pairs look like"
    elif gain[1] < least_gain - _MARGIN:
        verdict, why = "no", f"adds at most {gain[1]:.3f} to the accuracy, whatever the labelled pairs look like"
    else:
        verdict, why = "undecided", f"adds {_span(*gain)} to the accuracy"
    reasons = [
        f"Beside {names[0]}, {names[1]} {why} (asked: at least {least_gain:g}).",
        f"The best classifier of {names[0]} alone is right with probability {held:.3f}, that of {names[1]} alone "
        f"{other:.3f}, that of both {_span(low, high)}.",
        f"{_capital(names[1])} adds {_span(*added)} bits to the "
        f"{_number(found.information1)} bits of {names[0]}; the label holds {_number(found.label_entropy)}.",
    ]
    if verdict == "undecided":
        reasons.append("The tables allow both answers; some labelled pairs would decide it.")
    reasons.append(_AS_THEY_ARE)
    quantities = {
        "held_accuracy": held,
        "other_accuracy": other,
        "accuracy": (low, high),
        "gain": gain,
        "least_gain": least_gain,
        "added_information": added,
        "information1": found.information1,
        "label_entropy": found.label_entropy,
    }
    return Advice("Is the second modality worth collecting?", verdict, verdict, tuple(reasons), quantities)


def accuracy_of_both(tables: PairTables, found: SynergyBounds) -> tuple[float, float]:
    """Return the best bounds of the accuracy of both modalities: through information and from the tables themselves.

    The linear program of the lower one is left out beyond 4,000 cells; the bound stays valid, but is weaker.

    Example:
        >>> tables = PairTables.check([[0.4, 0.1], [0.1, 0.4]], [[0.25, 0.25]] * 2, [[0.25, 0.25]] * 2)
        >>> low, high = accuracy_of_both(tables, synergy(tables.x1y, tables.x2y, tables.x1x2))
        >>> round(low, 3), round(high, 3)
        (0.8, 0.895)
    """
    from mmcore.information.bounds import performance_of

    low = max(single_accuracy(tables.x1y), single_accuracy(tables.x2y))
    if found.n_classes == 1:
        return low, low
    through = performance_of(found)
    low = max(low, through.lower)
    if math.prod(tables.shape) <= _LARGEST_PROGRAM:
        low = max(low, accuracy_floor(tables))
    return low, max(min(through.upper, accuracy_ceiling(tables)), low)


def largest_interaction(found: SynergyBounds) -> str | None:
    """Return the atom that is the largest for every S in [lower, upper], or None where that depends on S.

    Example:
        >>> coin, same = [[0.25, 0.25], [0.25, 0.25]], [[0.5, 0.0], [0.0, 0.5]]
        >>> largest_interaction(synergy(same, coin, coin)), largest_interaction(synergy(coin, coin, coin))
        ('unique1', None)
    """
    margin = found.gap + 1e-9
    known = {"redundancy": found.redundancy, "unique1": found.unique1, "unique2": found.unique2}
    ranked = sorted(known, key=lambda name: known[name], reverse=True)
    top = known[ranked[0]]
    if found.lower > top + margin:
        return "synergy"
    if found.upper < top - margin and known[ranked[1]] < top - margin:
        return ranked[0]
    return None


def fusion_class(
    p_x1y: Any, p_x2y: Any, p_x1x2: Any, *, least_loss: float = 0.01, names: tuple[str, str] = NAMES
) -> Advice:
    """Return whether the pair calls for a fusion of interactions, rather than of added evidence or none at all.

    In this order: "one_modality" where the other adds at most `least_loss` bits; "late_fusion" where adding the logits
    of the modalities loses at most that; else by the largest interaction: "fusion" for synergy, "late_fusion" for
    redundancy or unique information; "undecided" where the largest depends on the synergy that the tables leave open.

    Args:
        p_x1y, p_x2y, p_x1x2: as in `bounds.synergy`.
        least_loss: bits that would not be missed.
        names: of the two modalities, for the sentences.

    Raises:
        InputError: as `bounds.synergy`; for a loss that is not positive.

    Example:
        >>> coin, same = [[0.25, 0.25], [0.25, 0.25]], [[0.5, 0.0], [0.0, 0.5]]
        >>> fusion_class(same, coin, coin).answer, fusion_class(coin, coin, coin).answer
        ('one_modality', 'undecided')
    """
    _check("least_loss", least_loss, names)
    found = synergy(p_x1y, p_x2y, p_x1x2)
    beyond = found.beyond_additive
    verdict, answer, why = _judge_fusion(found, least_loss, names)
    reasons = [
        why,
        f"Redundancy is {_number(found.redundancy)}, unique to {names[0]} {_number(found.unique1)}, to {names[1]} "
        f"{_number(found.unique2)} bits.",
    ]
    if beyond > least_loss:
        reasons.append(
            f"Adding the evidence of both may lose up to {beyond:.3f} bits, or nothing: tables of pairs cannot tell, "
            "labelled pairs can."
        )
    reasons.append(_AS_THEY_ARE)
    quantities = {
        "largest": largest_interaction(found),
        "redundancy": found.redundancy,
        "unique1": found.unique1,
        "unique2": found.unique2,
        "synergy": (found.lower, found.upper),
        "beyond_additive": (0.0, beyond),
        "least_loss": least_loss,
    }
    question = "Does the pair call for a fusion of interactions?"
    return Advice(question, verdict, answer, tuple(reasons), quantities)


def _judge_fusion(found: SynergyBounds, least_loss: float, names: tuple[str, str]) -> tuple[str, str, str]:
    """Return verdict, answer and the sentence that decides."""
    largest, span = largest_interaction(found), f"{_span(found.lower, found.upper)} bits"
    leading = 0 if found.information1 >= found.information2 else 1
    added = (found.unique2, found.unique1)[leading] + found.upper
    if added <= least_loss:
        return (
            "no",
            "one_modality",
            f"{_capital(names[1 - leading])} adds at most {added:.3f} bits to {names[leading]}.",
        )
    if found.beyond_additive <= least_loss:
        why = (
            f"Adding the evidence of both loses at most {found.beyond_additive:.3f} bits, whatever the pairs look like."
        )
        return "no", "late_fusion", why
    if largest == "synergy":
        return "yes", "fusion", f"Synergy, {span}, is the largest interaction, whatever the pairs look like."
    if largest is not None:
        words = {"redundancy": "Redundancy"} | {f"unique{k}": f"What only {names[k - 1]} tells" for k in (1, 2)}
        value = getattr(found, largest)
        return (
            "no",
            "late_fusion",
            f"{words[largest]}, {value:.3f} bits, is the largest interaction: synergy is {span}.",
        )
    return "undecided", "undecided", f"Which interaction is the largest depends on the synergy, which is {span}."


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns a rounded -0.0 into 0.0


def _span(low: float, high: float) -> str:
    ends = _number(low), _number(high)
    return ends[0] if ends[0] == ends[1] else f"between {ends[0]} and {ends[1]}"


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
