"""Sets of classes, or intervals of a number, that hold the truth with a stated probability: split conformal prediction.

    q = s_(k), the k-th smallest calibration score, k = ceil((n + 1)(1 - a));   set(x) = {y : s(x, y) <= q}
    lac   s(x, y) = 1 - p(y | x)                                        (Sadinle, Lei & Wasserman 2019, JASA 114)
    aps   s(x, y) = sum of p over likelier classes + u p(y | x), u ~ U  (Romano, Sesia & Candes 2020, NeurIPS)
    regression   s(x, y) = |y - f(x)|                                   (Lei et al. 2018, JASA 113)

For exchangeable rows P(y in set) >= 1 - a, and <= 1 - a + 1 / (n + 1) where scores do not tie, whatever the model. One
threshold a pattern of present modalities (Mondrian, Vovk et al. 2005, section 4.5) makes that hold for each pattern:
with one threshold for all, rows that miss a modality would be covered too seldom. A pattern with fewer than
ceil(1 / a) - 1 calibration rows has k > n, and its threshold is infinite: every class, or the whole line. It is never
pooled with other patterns in silence; pass coarser patterns to pool on purpose.

Assumes that the model never saw the calibration rows and that calibration and test rows are exchangeable. Rows of one
group (a person, a video) are alike, and new groups are not exchangeable with rows of old ones: coverage then holds on
average at best, and varies more between data sets than the binomial says. `groups` takes one drawn row a group, which
is exact for a row of a new group (Dunn, Wasserman & Ramdas 2023, JASA 118, subsampling once) and costs rows. Sets may
be empty where q is small, of either score. Over folds, scores come from several models
and the statement is approximate (cross-conformal).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

METHODS = ("lac", "aps")
ALL_ROWS = "all rows"


@dataclass(frozen=True)
class Threshold:
    """The conformal quantile of one pattern: infinite, with a reason, where calibration rows are too few."""

    pattern: str
    value: float
    n_rows: int
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """Prediction sets of m rows: `included` (m, C) bool; `patterns` (m,) str names each row's threshold."""

    included: np.ndarray
    patterns: np.ndarray
    thresholds: tuple[Threshold, ...]
    alpha: float
    method: str


@dataclass(frozen=True, eq=False)
class ConformalIntervals:
    """Prediction intervals of m rows: `low` and `high` (m,), infinite where calibration rows are too few."""

    low: np.ndarray
    high: np.ndarray
    patterns: np.ndarray
    thresholds: tuple[Threshold, ...]
    alpha: float


def conformal_rank(n_rows: int, alpha: float) -> int:
    """Return k = ceil((n + 1)(1 - alpha)), the rank of the calibration score that is the threshold; it may exceed n.

    Raises:
        InputError: for an alpha outside (0, 1).

    Example:
        >>> conformal_rank(19, 0.05), conformal_rank(18, 0.05)
        (19, 19)
    """
    if not 0.0 < alpha < 1.0:
        raise InputError("alpha", alpha, "a number between 0 and 1", "Use 0.1 for sets that hold nine truths in ten.")
    return int(np.ceil((n_rows + 1) * (1.0 - alpha) - 1e-9))  # 10 * (1 - 0.1) must not round up to 10


def thresholds_by_pattern(
    scores: np.ndarray, patterns: np.ndarray, wanted: np.ndarray, *, alpha: float, groups: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[Threshold, ...]:  # fmt: skip
    """Return one threshold for each pattern of `wanted`, from calibration rows of the same pattern only.

    Args:
        scores: (n,) calibration scores of the truths.
        patterns: (n,) str, of the calibration rows.
        wanted: (m,) str, of the rows to predict.
        alpha: share of truths that may be missed.
        groups: (n,) groups of the calibration rows, to take one drawn row a group and pattern; None takes all rows.
        seed: of that draw.

    Raises:
        InputError: for an alpha outside (0, 1).

    Example:
        >>> found = thresholds_by_pattern(np.arange(9.0), np.array(["a"] * 9), np.array(["a", "b"]), alpha=0.1)
        >>> [(t.pattern, t.value, t.n_rows) for t in found]
        [('a', 8.0, 9), ('b', inf, 0)]
    """
    found = []
    for pattern in np.unique(wanted):
        rows = np.flatnonzero(patterns == pattern)
        if groups is not None:
            rows = _one_a_group(rows, groups, stream(seed, "conformal", "groups", pattern))
        n, k = len(rows), conformal_rank(len(rows), alpha)
        if k > n:
            needed = int(np.ceil(1.0 / alpha - 1e-9)) - 1
            unit = "rows" if groups is None else "groups"
            reason = f"{n} calibration {unit} of pattern {pattern}, {needed} needed for alpha {alpha:g}"
            found.append(Threshold(str(pattern), float("inf"), n, reason))
        else:
            found.append(Threshold(str(pattern), float(np.sort(scores[rows])[k - 1]), n))
    return tuple(found)


def _one_a_group(rows: np.ndarray, groups: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    shuffled = draw.permutation(rows)
    _, first = np.unique(groups[shuffled], return_index=True)
    return shuffled[np.sort(first)]


def conformity(probabilities: np.ndarray, method: str, uniforms: np.ndarray | None = None) -> np.ndarray:
    """Return (n, C) scores of every class, larger for stranger ones.

    Args:
        probabilities: (n, C), rows that sum to one.
        method: `lac` or `aps`.
        uniforms: (n,) in [0, 1], for APS; None: 1, the class's own probability counted whole.

    Raises:
        InputError: for an unknown method or rows that are no distribution.

    Example:
        >>> conformity(np.array([[0.5, 0.3, 0.2]]), "aps").round(3).tolist()
        [[0.5, 0.8, 1.0]]
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    p = np.asarray(probabilities, dtype=float)
    if p.ndim != 2 or (p < 0).any() or not np.allclose(p.sum(axis=1), 1.0, atol=1e-4):
        raise InputError("probabilities", f"shape {p.shape}", "rows (n, C) that sum to one", "Pass softmax outputs.")
    if method == "lac":
        return 1.0 - p
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    share = np.ones(len(p)) if uniforms is None else uniforms
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, ranked.cumsum(axis=1) - ranked * (1.0 - share)[:, None], axis=1)
    return scores


def conformal_sets(
    calibration: np.ndarray, truth: np.ndarray, probabilities: np.ndarray, *, alpha: float = 0.1, method: str = "lac",
    randomised: bool = True, calibration_patterns: np.ndarray | None = None, patterns: np.ndarray | None = None,
    groups: np.ndarray | None = None, seed: int = 0,
) -> ConformalSets:  # fmt: skip
    """Return the sets of m rows from n calibration rows that the model never saw.

    Args:
        calibration: (n, C) probabilities of the calibration rows.
        truth: (n,) their class codes.
        probabilities: (m, C) of the rows to predict.
        alpha: share of truths that may be missed.
        method: `lac` (smallest sets on average) or `aps` (coverage more even over easy and hard rows).
        randomised: whether APS draws u; False takes u = 1, covered as well.
        calibration_patterns, patterns: (n,) and (m,) str, a threshold each; None: one for all rows.
        groups: (n,) groups of the calibration rows, to take one drawn row a group; None takes all rows.
        seed: of the draws.

    Raises:
        InputError: for shapes that disagree, patterns for one part only, an unknown method or an alpha outside (0, 1).

    Example:
        >>> p = np.array([[0.9, 0.1]] * 9)
        >>> conformal_sets(p, np.zeros(9, int), np.array([[0.95, 0.05], [0.6, 0.4]])).included.tolist()
        [[True, False], [False, False]]
    """
    codes = np.asarray(truth)
    if np.ndim(calibration) != 2 or codes.shape != np.shape(calibration)[:1]:
        raise InputError("truth", f"shape {codes.shape}", np.shape(calibration)[:1], "Give one class a row.")
    if np.shape(probabilities)[1:] != np.shape(calibration)[1:]:
        raise InputError("probabilities", np.shape(probabilities), f"(m, {np.shape(calibration)[1]})", "Match classes.")
    known, wanted = _patterns(calibration_patterns, patterns, len(codes), len(probabilities))
    drawn = method == "aps" and randomised
    of_calibration, of_rows = (
        conformity(p, method, stream(seed, "conformal", "aps", part).random(len(p)) if drawn else None)
        for p, part in ((calibration, "calibration"), (probabilities, "rows"))
    )
    of_truth = of_calibration[np.arange(len(codes)), codes]
    found = thresholds_by_pattern(of_truth, known, wanted, alpha=alpha, groups=groups, seed=seed)
    return ConformalSets(of_rows <= _of_each(found, wanted)[:, None], wanted, found, alpha, method)


def conformal_intervals(
    calibration: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, alpha: float = 0.1,
    calibration_patterns: np.ndarray | None = None, patterns: np.ndarray | None = None,
    groups: np.ndarray | None = None, seed: int = 0,
) -> ConformalIntervals:  # fmt: skip
    """Return the intervals prediction -+ q of m rows from (n,) calibration predictions and truths.

    Arguments are those of `conformal_sets`, with numbers in place of probabilities. The width is the same for every
    row of a pattern.

    Raises:
        InputError: for shapes that disagree, patterns for one part only, or an alpha outside (0, 1).

    Example:
        >>> found = conformal_intervals(np.zeros(9), np.arange(9.0), np.array([5.0]))
        >>> found.low.tolist(), found.high.tolist()
        ([-3.0], [13.0])
    """
    guess, actual = np.asarray(calibration, dtype=float), np.asarray(truth, dtype=float)
    if guess.ndim != 1 or guess.shape != actual.shape:
        raise InputError("truth", f"shape {actual.shape}", guess.shape, "Give one number a row.")
    centre = np.asarray(prediction, dtype=float)
    known, wanted = _patterns(calibration_patterns, patterns, len(guess), len(centre))
    found = thresholds_by_pattern(np.abs(actual - guess), known, wanted, alpha=alpha, groups=groups, seed=seed)
    reach = _of_each(found, wanted)
    return ConformalIntervals(centre - reach, centre + reach, wanted, found, alpha)


def _patterns(known: np.ndarray | None, wanted: np.ndarray | None, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    if (known is None) != (wanted is None):
        raise InputError("patterns", "for one part only", "for calibration and prediction rows", "Pass both or none.")
    if known is None or wanted is None:
        return np.full(n, ALL_ROWS), np.full(m, ALL_ROWS)
    given, asked = np.asarray(known, dtype=str), np.asarray(wanted, dtype=str)
    if given.shape != (n,) or asked.shape != (m,):
        raise InputError("patterns", f"{given.shape} and {asked.shape}", f"({n},) and ({m},)", "Give one a row.")
    return given, asked


def _of_each(found: tuple[Threshold, ...], wanted: np.ndarray) -> np.ndarray:
    by_name = {t.pattern: t.value for t in found}
    return np.array([by_name[pattern] for pattern in wanted.tolist()], dtype=float)
