"""Coverage of the intervals and false positives of the nulls, measured on a table whose atoms are known.

    coverage(atom) = share of draws with low <= atom of p <= high,    false positives = share of draws with p <= level

Each draw is a sample of `n_rows` rows from `p`, assessed as `pid.estimate(method="clusters")` does with lossless
symbols. Rates come with the Wilson interval (Wilson 1927): a study of 1,000 draws knows .95 to within .014.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS, PID, NotCertified
from mmcore.information.uncertainty.assess import assess
from mmcore.seeds import stream, stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_BATCH = 500


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a rate.

    Example:
        >>> tuple(round(end, 4) for end in wilson(50, 1000))
        (0.0381, 0.0653)
    """
    if trials < 1:
        raise InputError("trials", trials, "at least one draw", "Ask for more draws.")
    z = float(ndtri(0.5 + 0.5 * level))
    rate, share = successes / trials, z * z / trials
    centre = (rate + 0.5 * share) / (1.0 + share)
    half = z * math.sqrt(rate * (1.0 - rate) / trials + 0.25 * share / trials) / (1.0 + share)
    return centre - half, centre + half


def _group_codes(n_rows: int, n_groups: int | None) -> Codes | None:
    return None if n_groups is None else np.arange(n_rows, dtype=np.int64) * n_groups // n_rows


def _tables_of_groups(p: Float, n_groups: int | None, effect: float, generator: np.random.Generator) -> Float:
    """Return a table for each group: label odds moved by a normal effect each, one table where there are no groups."""
    if n_groups is None:
        return p[None]
    # p(y|x1,x2) is tilted by exp(effect e_g) for the last label, e_g standard normal: a random effect on the logit
    tilt = np.ones((n_groups, 1, 1, p.shape[2]))
    tilt[..., -1] = np.exp(effect * generator.normal(size=n_groups))[:, None, None]
    tilted = p[None] * tilt
    given = p.sum(axis=2)[None, :, :, None]
    total = tilted.sum(axis=3, keepdims=True)
    return np.divide(tilted * given, total, out=np.zeros_like(tilted), where=total > 0)


def _samples(
    p: Float, n_rows: int, n_draws: int, n_groups: int | None, effect: float, seed: int
) -> Iterator[tuple[PID, Codes]]:
    """Yield the decomposition and the cells of each sample; tables are solved together."""
    from mmcore.information.pid import attempt_many  # pid builds on this package

    generator = stream(seed, "study")
    groups = _group_codes(n_rows, n_groups)
    for start in range(0, n_draws, _BATCH):
        drawn: list[Codes] = []
        for _ in range(min(_BATCH, n_draws - start)):
            laws = _tables_of_groups(p, n_groups, effect, generator)
            sizes = [n_rows] if groups is None else np.bincount(groups).tolist()
            counts = [generator.multinomial(size, law.ravel()) for size, law in zip(sizes, laws)]
            drawn.append(np.concatenate([np.repeat(np.arange(p.size), count) for count in counts]))
        tables = [np.bincount(cells, minlength=p.size).reshape(p.shape) / n_rows for cells in drawn]
        for pid, cells in zip(attempt_many(tables, tol=1e-6), drawn):
            if isinstance(pid, NotCertified):
                raise pid
            yield pid, cells


def _true_atoms(p: Float, n_groups: int | None, effect: float, seed: int) -> dict[str, float]:
    """Return the atoms of the population: with a random effect, of the mean of many groups' tables."""
    from mmcore.information.pid import decompose

    if n_groups is not None:
        tables = _tables_of_groups(p, 200_000 // p.size * 8, effect, stream(seed, "population"))
        p = tables.mean(axis=0) / tables.mean(axis=0).sum()
    return decompose(p).atoms


def coverage(
    p: Any,
    n_rows: int,
    n_draws: int,
    *,
    n_boot: int = 200,
    level: float = 0.95,
    n_groups: int | None = None,
    effect: float = 0.0,
    correction: str | None = None,
    interval: str = "bias_aware",
    seed: int = 0,
) -> dict[str, Any]:
    """Return for each atom how often its interval holds the truth, how wide it is, and how far the atoms are off.

    Args:
        p: the true table (|X1|, |X2|, |Y|).
        n_rows: rows of each draw; n_draws: draws.
        n_groups: rows come in so many groups of equal size, and are assessed so; `effect`: standard deviation of a
            random effect of the group on the logit of the last label.
        n_boot, level, correction, interval: as in `assess`.
        seed: of the samples and of all their resamples.

    Returns:
        atom -> {"truth", "coverage", "wilson", "mean_width", "width_ratio" (to that of +- z standard deviations of the
        raw atom), "raw_error", "corrected_error" (means), "corrected_spread"}; and "n_rows", "n_draws", "n_boot".

    Example:
        >>> found = coverage(np.full((2, 2, 2), 0.125), 200, 20, n_boot=40)
        >>> abs(found["synergy"]["truth"]) < 1e-12, found["synergy"]["coverage"] >= 0.8
        (True, True)
    """
    table = np.asarray(p, dtype=np.float64)
    truth = _true_atoms(table, n_groups, effect, seed)
    groups = _group_codes(n_rows, n_groups)
    ends, raw, better = [], [], []
    for k, (pid, cells) in enumerate(_samples(table, n_rows, n_draws, n_groups, effect, seed)):
        found = assess(
            pid,
            cells,
            table.shape,
            groups,
            n_boot=n_boot,
            level=level,
            correction=correction,
            interval=interval,
            seed=stream_seed(seed, k),
        )
        if found.interval is None or found.corrected is None:
            raise InputError("n_boot", n_boot, "an integer >= 2", "Pass for example 200.")
        ends.append(list(found.interval.values()))
        better.append(list(found.corrected.values()))
        raw.append(list(pid.atoms.values()))
    intervals, raws, corrected = np.array(ends), np.array(raw), np.array(better)
    z = float(ndtri(0.5 + 0.5 * level))
    result: dict[str, Any] = {"n_rows": n_rows, "n_draws": n_draws, "n_boot": n_boot, "n_groups": n_groups}
    for k, name in enumerate(ATOMS):
        inside = (intervals[:, k, 0] <= truth[name]) & (truth[name] <= intervals[:, k, 1])
        width, spread = float(np.ptp(intervals[:, k], axis=1).mean()), float(raws[:, k].std())
        result[name] = {
            "truth": truth[name],
            "coverage": float(inside.mean()),
            "wilson": wilson(int(inside.sum()), n_draws),
            "mean_width": width,
            "width_ratio": width / (2.0 * z * spread) if spread > 0.0 else None,
            "raw_error": float(raws[:, k].mean() - truth[name]),
            "corrected_error": float(corrected[:, k].mean() - truth[name]),
            "corrected_spread": float(corrected[:, k].std()),
        }
    return result


def false_positives(
    p: Any, n_rows: int, n_draws: int, *, n_null: int = 99, level: float = 0.05, seed: int = 0
) -> dict[str, Any]:
    """Return how often the synergy of samples from `p` is called larger than nothing at `level`.

    Where the synergy of `p` is zero these are false positives, else it is the power.

    Returns:
        "truth" (bits), "rate" and "wilson" of the reported p-value, "rate_permutation" and "rate_redundant" of the two
        nulls alone, and "n_rows", "n_draws", "n_null".

    Example:
        >>> found = false_positives(np.full((2, 2, 2), 0.125), 200, 20, n_null=19)
        >>> abs(found["truth"]) < 1e-12, found["rate"] <= 0.3
        (True, True)
    """
    table = np.asarray(p, dtype=np.float64)
    calls = np.zeros((n_draws, 3), dtype=bool)
    for k, (pid, cells) in enumerate(_samples(table, n_rows, n_draws, None, 0.0, seed)):
        found = assess(pid, cells, table.shape, n_null=n_null, correction="none", seed=stream_seed(seed, k))
        values = found.diagnostics
        p_values = (values["p_values"]["synergy"], values["synergy_p_permutation"], values["synergy_p_redundant"])
        calls[k] = [p is not None and p <= level for p in p_values]
    rates = calls.mean(axis=0).tolist()
    return {
        "truth": _true_atoms(table, None, 0.0, seed)["synergy"],
        "rate": rates[0],
        "wilson": wilson(int(calls[:, 0].sum()), n_draws),
        "rate_permutation": rates[1],
        "rate_redundant": rates[2],
        "n_rows": n_rows,
        "n_draws": n_draws,
        "n_null": n_null,
    }
