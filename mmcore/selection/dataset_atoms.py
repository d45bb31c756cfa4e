"""What the atoms of a pair may be, given how well they are estimated: draws, and whether any information counts.

    atom = c + z (high - c) / q  for z > 0,    c + z (c - low) / q  else,    z ~ N(0, 1),    q = Phi^-1((1 + level) / 2)

c is the corrected value. So c is the median of the draws, and the two ends of the interval are their (1 - level) / 2
and (1 + level) / 2 quantiles, for every atom exactly: a normal of two halves where the interval is not symmetric, with
nothing truncated (a draw may be negative).

The atoms of one sample move together: what is not redundant is unique. Where a decomposition carries bootstrap
resamples (`draws`, (n, 4) bits), their whole rows are drawn, and z is the normal score of an atom's rank among them,

    z = Phi^-1((rank - 1/2) / m)    over the m rows drawn, ranks from 1, ties broken at random,

so that the dependence is that of the resamples and the spread that of the interval (Iman and Conover 1982; Schefzik,
Thorarinsdottir and Gneiting 2013). Resamples as they are would be too sure of some atoms and off the others: they are
as biased as the estimate, at a kink the bias-aware interval is wider on purpose, and one extended down to zero has an
end that no resample reaches. Deviations stretched by a factor agree too, but one that is nearly always zero
would be stretched without limit. Without resamples atoms are drawn independently, z ~ N(0, 1).

Half of the draws are the other half with the two unique atoms' z (with resamples: what breaks their ties) exchanged, so
that which modality is called the first changes nothing. Without an interval the resamples, moved to have the
corrected value as their median, are its own; without both (a joint that is known) the value itself is the only draw.

Information counts where an atom does (`rule`), or where the low end of the pair's total information is above 0.01 bit.
Where neither holds, shares of the total are shares of noise, and nothing is to be read from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mmcore.errors import InputError
from mmcore.seeds import stream
from mmcore.selection.arguments import check_mapping, check_seed, number, numbers
from mmcore.selection.rule import ATOMS, RELEVANT_BITS, Atoms, Decomposition

Float = NDArray[np.float64]

KINDS = ("bootstrap", "interval", "none")
LEVEL = 0.95  # of intervals that do not say theirs
DECIMALS = 6  # bits
MIRROR = [0, 2, 1, 3]  # the unique atoms exchanged


@dataclass(frozen=True)
class AtomDraws:
    """Draws of the four atoms of one pair, bits.

    Attributes:
        values: (n, 4) in the order of ATOMS, not floored.
        kind: "bootstrap", "interval" or "none", see the module.
        centre: (4,) the corrected atoms.
        total: I(X1,X2;Y), their sum; low, high: its interval, the estimate's own where it has one.
        counts: whether the pair holds information that counts.
    """

    values: Float
    kind: str
    centre: Float
    total: float
    low: float
    high: float
    counts: bool


def draw_atoms(
    pair: tuple[str, str], pid: Decomposition, atoms: Atoms, *, n_draws: int = 200, seed: int = 0
) -> AtomDraws:
    """Return draws of the atoms of a pair.

    Args:
        pair: its modalities.
        pid: the decomposition; `draws` (n, 4) or None, `information["both"]["interval"]` and `diagnostics["level"]`
            are used where it has them.
        atoms: what `rule.read_atoms` reads from it.
        n_draws: even, so that its halves mirror each other.
        seed: of the draws.

    Raises:
        InputError: for an odd or too small number of draws, resamples that are not (n, 4) finite numbers, or a level
            outside (0, 1).

    References: Iman and Conover 1982, Communications in Statistics 11(3); Schefzik, Thorarinsdottir and Gneiting 2013,
    Statistical Science 28(4), ensemble copula coupling.

    Example:
        >>> from types import SimpleNamespace
        >>> from mmcore.selection.rule import read_atoms
        >>> ends = {"redundancy": (0, 0), "unique1": (0, 0), "unique2": (0, 0), "synergy": (0.4, 0.6)}
        >>> pid = SimpleNamespace(redundancy=0.0, unique1=0.0, unique2=0.0, synergy=0.5, interval=ends)
        >>> found = draw_atoms(("a", "b"), pid, read_atoms({("a", "b"): pid})["a", "b"], n_draws=1000)
        >>> found.kind, bool(0.48 < np.median(found.values[:, 3]) < 0.52), found.counts
        ('interval', True, True)
    """
    if isinstance(n_draws, bool) or not isinstance(n_draws, int) or n_draws < 2 or n_draws % 2:
        raise InputError("n_draws", n_draws, "an even integer >= 2", "Pass for example n_draws=200.")
    generator = stream(check_seed(seed), "atoms", *sorted(pair))
    centre = np.array([atoms[name].value for name in ATOMS])
    ends = np.array([[atoms[name].low, atoms[name].high] for name in ATOMS])
    level = _level(pid)
    resamples, known = _resamples(pid), not (ends[:, 0] == ends[:, 1]).all()
    if resamples is not None:
        if not known:
            around = resamples - np.median(resamples, axis=0)
            ends = (centre + np.quantile(around, _ends(level), axis=0, method="weibull")).T
        kind, z = "bootstrap", _scores(resamples, n_draws, generator)
    else:
        kind, z = ("interval" if known else "none"), _independent(n_draws, generator)
    values = _spread(z, centre, ends, level) if kind != "none" else centre[None]
    low, high = _total(pid, values, level)
    counts = any(atom.counts for atom in atoms.values()) or low > RELEVANT_BITS
    return AtomDraws(values, kind, centre, float(centre.sum()), low, high, counts)


def _level(pid: Decomposition) -> float:
    diagnostics = check_mapping("pid.diagnostics", getattr(pid, "diagnostics", None) or {}, "values by name")
    level = number(diagnostics.get("level", LEVEL))
    if level is None or not 0.0 < level < 1.0:
        level = diagnostics["level"]
        raise InputError("pid.diagnostics.level", level, "a number between 0 and 1", "Pass the level of the interval.")
    return level


def _ends(level: float) -> tuple[float, float]:
    return 0.5 * (1.0 - level), 0.5 * (1.0 + level)


def _resamples(pid: Decomposition) -> Float | None:
    found: Any = getattr(pid, "draws", None)
    if found is None:
        return None
    allowed = f"finite (n, {len(ATOMS)}), columns {', '.join(ATOMS)}"
    draws = numbers("pid.draws", found, allowed, "Leave resamples out where there are none.")
    if draws.size == 0 and draws.ndim > 0:
        return None
    if draws.ndim != 2 or draws.shape[1] != len(ATOMS) or not np.isfinite(draws).all():
        received = f"shape {draws.shape}" + ("" if np.isfinite(draws).all() else ", not all finite")
        raise InputError("pid.draws", received, allowed, "Leave resamples out where there are none.")
    return draws


def _scores(draws: Float, n_draws: int, generator: np.random.Generator) -> Float:
    """Return z (n_draws, 4): rows of resamples as the normal scores of their ranks, column by column."""
    half = n_draws // 2
    rounds = -(-half // len(draws))
    rows = np.concatenate([generator.permutation(len(draws)) for _ in range(rounds)])[:half]
    # what differs by less than a resample is certified to is a tie, in memory as in `estimate.json`
    chosen = np.round(draws[rows], DECIMALS)
    ties = generator.random((half, len(ATOMS)))
    return np.concatenate([_normal_scores(chosen, broken) for broken in (ties, ties[:, MIRROR])])


def _normal_scores(values: Float, ties: Float) -> Float:
    ranks = np.empty(values.shape)
    for k in range(values.shape[1]):
        ranks[np.lexsort((ties[:, k], values[:, k])), k] = np.arange(len(values))
    return np.asarray(ndtri((ranks + 0.5) / len(values)))


def _independent(n_draws: int, generator: np.random.Generator) -> Float:
    half = generator.standard_normal((n_draws // 2, len(ATOMS)))
    return np.concatenate([half, half[:, MIRROR]])


def _spread(z: Float, centre: Float, ends: Float, level: float) -> Float:
    # a corrected value outside its interval widens it: the reach on that side is then zero
    reach = np.maximum(np.stack([centre - ends[:, 0], ends[:, 1] - centre]), 0.0) / ndtri(0.5 + 0.5 * level)
    return np.asarray(centre + z * np.where(z > 0.0, reach[1], reach[0]))


def _total(pid: Decomposition, values: Float, level: float) -> tuple[float, float]:
    information = check_mapping("pid.information", getattr(pid, "information", None) or {}, "parts by name")
    both = check_mapping("pid.information.both", information.get("both") or {}, "value and interval")
    known = both.get("interval")
    if known is not None:
        allowed, remedy = "finite low and high end in bits", "Leave it out where none was drawn."
        ends = numbers("pid.information.both.interval", known, allowed, remedy)
        if ends.shape != (2,) or not np.isfinite(ends).all():
            raise InputError("pid.information.both.interval", known, allowed, remedy)
        return float(ends[0]), float(ends[1])
    low, high = np.quantile(values.sum(axis=1), _ends(level))
    return float(low), float(high)
