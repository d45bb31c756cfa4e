"""Corrections of the upward bias of mutual information from counts.

    E[I_plug_in] - I = (|XY|-1 - (|X|-1) - (|Y|-1)) / (2 N ln 2) + O(1/N^2)      bits, |.| symbols of positive mass

References: Miller (1955), Note on the bias of information estimates; Panzeri and Treves (1996), Network 7:87; Strong et
al. (1998), PRL 80:197 (quadratic extrapolation); Grassberger (2003), arXiv physics/0307138, and Chao and Shen (2003),
Environmental and Ecological Statistics 10:429 for entropies; Quenouille (1956) for the jackknife; Montemurro, Senatore
and Panzeri (2007), Neural Computation 19:2913 for a comparison.

A table of counts (|X|, |Y|) goes in, bits come out. What goes wrong: the expansions in 1/N need several rows a cell: on
independent 20 x 20 symbols in 1,800 rows (raw 0.152 bits) 60 draws left on average 0.009 (miller_madow), 0.007
(panzeri_treves), -0.027 (quadratic_extrapolation), -0.015 (jackknife), -0.002 (grassberger), -0.018 (chao_shen), -0.001
(shuffle). Chao and Shen correct for symbols not seen: where all are seen, nothing changes, bias and all. "shuffle"
subtracts the mean under independence, which is right for independent variables and too much for dependent ones, whose
table has fewer cells with mass than the product of its margins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, xlogy

from mmcore.information.entropy import LN2, mutual_information

Float = NDArray[np.float64]
Counts = NDArray[np.int64]
Generator = np.random.Generator


def plain(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the plug-in value, biased upwards."""
    return mutual_information(counts / counts.sum())


def _by_entropies(counts: Counts, entropy: Callable[[Counts], float]) -> float:
    return (entropy(counts.sum(axis=1)) + entropy(counts.sum(axis=0)) - entropy(counts.ravel())) / LN2


def _observed(counts: Counts) -> Counts:
    return counts[counts > 0]


def miller_madow(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the value with (observed symbols - 1) / 2N added to each entropy.

    Example:
        >>> table = np.array([[40, 10], [10, 40]])
        >>> generator = np.random.default_rng(0)
        >>> round(plain(table, generator, 0) - miller_madow(table, generator, 0), 6) == round(0.005 / LN2, 6)
        True
    """

    def entropy(n: Counts) -> float:
        seen, total = _observed(n), n.sum()
        return float(np.log(total) - xlogy(seen, seen).sum() / total + (len(seen) - 1) / (2.0 * total))

    return _by_entropies(counts, entropy)


def grassberger(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the value with log n replaced by G(n) = psi(n) + (-1)^n/2 [psi((n+1)/2) - psi(n/2)] in each entropy."""

    def entropy(n: Counts) -> float:
        seen, total = _observed(n), n.sum()
        g = digamma(seen) + 0.5 * (1.0 - 2.0 * (seen % 2)) * (digamma((seen + 1) / 2.0) - digamma(seen / 2.0))
        return float(np.log(total) - (seen * g).sum() / total)

    return _by_entropies(counts, entropy)


def chao_shen(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the value with each entropy corrected for unseen symbols by the coverage 1 - singletons / N.

    A sample of singletons alone has coverage zero; then one of them is not counted as such, as is usual.
    """

    def entropy(n: Counts) -> float:
        seen, total = _observed(n), n.sum()
        singletons = min(int((seen == 1).sum()), int(total) - 1)
        p = (1.0 - singletons / total) * seen / total
        return float(
            -(xlogy(p, p) / -np.expm1(total * np.log1p(-p, where=p < 1.0, out=np.full(len(p), -np.inf)))).sum()
        )

    return _by_entropies(counts, entropy)


def jackknife(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return N I - (N - 1) mean of the values with one row left out."""
    total = int(counts.sum())
    rows, columns = np.nonzero(counts)
    cells = counts[rows, columns]
    removed = 0.0  # the change of sum n log n over cells, less that over both margins, for each row left out
    for n, sign in ((cells, 1.0), (counts.sum(axis=1)[rows], -1.0), (counts.sum(axis=0)[columns], -1.0)):
        removed = removed + sign * (xlogy(n - 1, n - 1) - xlogy(n, n))
    whole = total * (plain(counts, generator, n_draws) * LN2 - np.log(total))
    without = (whole + removed) / (total - 1) + np.log(total - 1)
    return float((whole + total * np.log(total) - (total - 1) * (cells * without).sum() / total) / LN2)


def panzeri_treves(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the value less the bias with the number of possible symbols of each row estimated, not counted.

    The variable with fewer symbols is the one conditioned on, since each of its symbols then has more rows.
    """
    table = counts if counts.shape[0] <= counts.shape[1] else counts.T
    total, possible = table.sum(), table.shape[1]
    symbols = sum(possible_symbols(row, possible) - 1.0 for row in table if row.sum() > 0)
    bias = (symbols - (possible_symbols(table.sum(axis=0), possible) - 1.0)) / (2.0 * total)
    return float(plain(counts, generator, n_draws) - bias / LN2)


def possible_symbols(counts: Counts, n_symbols: int) -> float:
    """Return how many of `n_symbols` symbols can occur, given the counts of those that did (Panzeri and Treves 1996).

    Symbols not seen are added one by one, each with the mass gamma / (number added) that a Bayesian with a uniform
    prior leaves to them, until the number of symbols expected in N rows matches the number seen.

    Example:
        >>> possible_symbols(np.array([50, 50]), 10), 3 < possible_symbols(np.array([1, 1, 1]), 10) <= 10
        (2.0, True)
    """
    seen, total = _observed(counts).astype(np.float64), float(counts.sum())
    n_seen = len(seen)
    if n_seen >= n_symbols:
        return float(n_seen)
    missed = float(((1.0 - seen / total) ** total).sum())
    previous, added = float(n_symbols), 0
    while missed < previous and n_seen + added < n_symbols:
        added += 1
        share = added * (1.0 - (total / (total + n_seen)) ** (1.0 / total))
        mass = (1.0 - share) * (seen + 1.0) / (total + n_seen)
        expected = (1.0 - (1.0 - mass) ** total).sum() + added * (1.0 - (1.0 - share / added) ** total)
        previous, missed = missed, abs(n_seen - float(expected))
    return float(n_seen + added if missed < previous else n_seen + added - 1)


def quadratic_extrapolation(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the limit of a quadratic in 1/N through N, N/2 and N/4 rows: (8 I_1 - 6 I_2 + I_4) / 3.

    I_2 and I_4 are means over the parts of `n_draws` random partitions.
    """
    halves, quarters = [], []
    for _ in range(n_draws):
        for half in _halves(counts, generator):
            halves.append(plain(half, generator, n_draws))
            quarters += [plain(quarter, generator, n_draws) for quarter in _halves(half, generator)]
    return quadratic_limit(plain(counts, generator, n_draws), float(np.mean(halves)), float(np.mean(quarters)))


def quadratic_limit(whole: float, half: float, quarter: float) -> float:
    """Return the value at 1/N = 0 of the quadratic in 1/N through the values at N, N/2 and N/4 rows.

    Example:
        >>> quadratic_limit(*(0.5 + 3.0 / n + 7.0 / n**2 for n in (4.0, 2.0, 1.0)))
        0.5
    """
    return (8.0 * whole - 6.0 * half + quarter) / 3.0


def _halves(counts: Counts, generator: Generator) -> tuple[Counts, Counts]:
    drawn = generator.multivariate_hypergeometric(counts.ravel(), int(counts.sum()) // 2).reshape(counts.shape)
    return drawn, counts - drawn


def shuffle(counts: Counts, generator: Generator, n_draws: int) -> float:
    """Return the plug-in value less its mean over `n_draws` permutations of one variable."""
    return plain(counts, generator, n_draws) - float(np.mean(permuted(counts, generator, n_draws)))


def permuted(counts: Counts, generator: Generator, n_draws: int) -> Float:
    """Return plug-in values (n_draws,) of tables with the same margins and no dependence, in bits.

    Example:
        >>> permuted(np.array([[5, 0], [0, 5]]), np.random.default_rng(0), 3).max() <= 1.0
        np.True_
    """
    from scipy.stats import random_table

    tables = random_table(counts.sum(axis=1), counts.sum(axis=0))
    # one at a time: together they would take n_draws times the memory of a table
    drawn = (tables.rvs(1, random_state=generator)[0] for _ in range(n_draws))
    return np.array([mutual_information(table / table.sum()) for table in drawn])


@dataclasses.dataclass(frozen=True)
class Correction:
    """A correction: counts (|X|, |Y|), a generator and a number of draws give bits."""

    name: str
    value: Callable[[Counts, Generator, int], float]
    minimum_rows: int
    reference: str


CORRECTIONS: dict[str, Correction] = {
    row.name: row
    for row in (
        Correction("none", plain, 1, "Cover and Thomas 2006, chapter 2"),
        Correction("miller_madow", miller_madow, 1, "Miller 1955"),
        Correction("panzeri_treves", panzeri_treves, 2, "Panzeri and Treves 1996"),
        Correction("quadratic_extrapolation", quadratic_extrapolation, 8, "Strong et al. 1998"),
        Correction("shuffle", shuffle, 2, "Montemurro, Senatore and Panzeri 2007"),
        Correction("jackknife", jackknife, 2, "Quenouille 1956"),
        Correction("grassberger", grassberger, 1, "Grassberger 2003"),
        Correction("chao_shen", chao_shen, 2, "Chao and Shen 2003"),
    )
}
