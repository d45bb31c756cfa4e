"""Atoms from rows that are taken as jointly Gaussian: the sample covariance is decomposed.

    S_hat = cov(x1, x2, y) of standardised columns (+ ridge I),     atoms as in `decompose`, corrected as in `bias`

References: Barrett (2015); Venkatesh et al. (2023); Misra et al. (2005) for the correction. The information found is
that of linear dependence: what is not linear is not seen (an exclusive or gives zero), what is heavy-tailed misleads.
Departures on purpose: nothing is regularised unless `ridge` asks for it, the union information is certified, atoms come
raw and corrected and are never clipped.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS, PID, NotCertified
from mmcore.information.gaussian.bias import corrected_union, information_bias
from mmcore.information.gaussian.channel import Channel, channel
from mmcore.information.gaussian.decompose import MEASURES, assemble, union_of
from mmcore.information.gaussian.rows import GaussianRows, check_rows
from mmcore.information.interval import CORRECTION_DRAWS, corrected, interval, p_values
from mmcore.information.resampling import bootstrap_rows, permuted_labels

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the method "gaussian".

    Attributes:
        measure: "broja", the union information over Gaussian couplings, or "mmi"; the same for a scalar target.
        ridge: added to the diagonal of the correlation matrix; the formulas of `bias` do not hold then, and the
            correction is that of the bootstrap, which is no good where there are fewer than about four rows a column.
        level: nominal coverage of the intervals.
        tol: widest certified interval of the union information, bits.
    """

    measure: str = "broja"
    ridge: float = 0.0
    level: float = 0.95
    tol: float = 1e-6

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise unknown_name("measure", str(self.measure), MEASURES)
        for name in ("ridge", "level", "tol"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
                raise InputError(name, value, "a finite number", f"Pass for example {name}={_EXAMPLES[name]}.")
        if self.ridge < 0.0:
            raise InputError("ridge", self.ridge, "a number >= 0", "Pass for example ridge=1e-3.")
        if not 0.0 < self.level < 1.0:
            raise InputError("level", self.level, "a number between 0 and 1", "Pass for example level=0.95.")
        if self.tol <= 0.0:
            raise InputError("tol", self.tol, "a positive number of bits", "Pass for example tol=1e-6.")


_EXAMPLES = {"ridge": 1e-3, "level": 0.95, "tol": 1e-6}


def read_options(options: dict[str, Any]) -> Options:
    """Return the options, or the error that names the unknown one.

    Example:
        >>> read_options({"measure": "mmi"}).measure
        'mmi'
    """
    known = [field.name for field in dataclasses.fields(Options)]
    for name in options:
        if name not in known:
            raise unknown_name("option of method 'gaussian'", name, known)
    return Options(**options)


def _covariance(values: Float, ridge: float) -> Float:
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred / (len(values) - 1)
    return np.asarray(covariance + ridge * np.eye(len(covariance)))


def _corrected(found: Channel, union: float, sizes: tuple[int, int, int], n_rows: int) -> dict[str, float]:
    """Return the corrected atoms by name, bits."""
    raw = (found.information1, found.information2, found.both)
    first, second, both = (
        value - information_bias(n, sizes[2], n_rows) for value, n in zip(raw, (sizes[0], sizes[1], found.rank))
    )
    better = corrected_union(union, raw, (first, second, both))
    return dict(zip(ATOMS, (first + second - better, better - second, better - first, both - better)))


def _draw(values: Float, sizes: tuple[int, int, int], options: Options) -> list[float] | None:
    """Return the atoms of resampled rows, None where their covariance is singular or not certified."""
    try:
        found = channel(_covariance(values, options.ridge), sizes)
        result = assemble(found, union_of(found, options.measure, options.tol), options.measure)
    except (InputError, NotCertified):  # counted, and reported as n_resamples_failed
        return None
    return list(result.atoms.values())


def _resampled(rows: GaussianRows, options: Options, n_boot: int, seed: int) -> tuple[Float, int]:
    draws = [
        _draw(rows.values[members], rows.sizes, options)
        for members in bootstrap_rows(len(rows.values), rows.groups, n_boot, seed=seed)
    ]
    kept = [draw for draw in draws if draw is not None]
    return np.array(kept, dtype=np.float64).reshape(-1, len(ATOMS)), len(draws) - len(kept)


def _permuted(rows: GaussianRows, options: Options, n_null: int, seed: int) -> tuple[Float, int]:
    n_sources = rows.sizes[0] + rows.sizes[1]
    # equal targets are one label, so that a target that each group has one of is permuted over groups
    targets, label = np.unique(rows.values[:, n_sources:], axis=0, return_inverse=True)
    draws = []
    for permuted in permuted_labels(label.reshape(-1).astype(np.int64), rows.groups, n_null, seed=seed):
        values = rows.values.copy()
        values[:, n_sources:] = targets[permuted]
        draws.append(_draw(values, rows.sizes, options))
    kept = [draw for draw in draws if draw is not None]
    return np.array(kept, dtype=np.float64).reshape(-1, len(ATOMS)), len(draws) - len(kept)


def _named(ends: Float) -> dict[str, tuple[float, float]]:
    return {name: (float(low), float(high)) for name, (low, high) in zip(ATOMS, ends)}


def _check_draws(n_boot: Any, n_null: Any) -> None:
    for name, value in (("n_boot", n_boot), ("n_null", n_null)):
        if not isinstance(value, (int, np.integer)) or value < 0 or (name == "n_boot" and value == 1):
            raise InputError(name, value, "0, or an integer >= 2", "Pass for example 200.")


def estimate(
    x1: Any,
    x2: Any,
    y: Any,
    *,
    groups: Any = None,
    seed: int = 0,
    n_boot: int = 0,
    n_null: int = 0,
    **options: Any,
) -> PID:
    """Return the decomposition of rows taken as jointly Gaussian, in bits.

    Args:
        x1, x2: numbers (N,) or (N, d).
        y: numbers (N,) or (N, d), or two classes.
        groups: N names of the leakage unit; resamples draw whole groups, permutations stay within groups, or exchange
            the targets of whole groups where each has one only.
        seed: of resamples and permutations.
        n_boot: resamples for `.interval`; `.corrected` needs none, and with a ridge takes some tens where n_boot is 0.
        n_null: permutations of the target's rows for `.null`.
        options: see `Options`.

    Raises:
        InputError: for rows that cannot be used (see `rows.check_rows`), an unknown option.
        NotCertified: if the union information cannot be certified to `tol`.

    Reference: Barrett 2015; Venkatesh et al. 2023.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> y, noise1, noise2 = generator.normal(size=(3, 5000))
        >>> found = estimate(y + noise1, noise1 + 0.1 * noise2, y)             # x2 knows the noise of x1
        >>> found.synergy > 1.5, abs(found.unique2) < 0.01
        (True, True)
    """
    chosen = read_options(options)
    _check_draws(n_boot, n_null)
    rows = check_rows(x1, x2, y, groups, chosen.ridge)
    n_rows = len(rows.values)
    found = channel(_covariance(rows.values, chosen.ridge), rows.sizes)
    table = assemble(found, union_of(found, chosen.measure, chosen.tol), chosen.measure)
    n_draws = n_boot or (CORRECTION_DRAWS if chosen.ridge else 0)
    draws, failed = _resampled(rows, chosen, n_draws, seed)
    null, null_failed = _permuted(rows, chosen, n_null, seed)
    raw = np.array(list(table.atoms.values()))
    if chosen.ridge:
        better = dict(zip(ATOMS, corrected(raw, draws).tolist()))
    else:
        better = _corrected(found, float(table.union_upper or 0.0), rows.sizes, n_rows)
    record = {
        "n_rows": n_rows,
        "n_groups": None if rows.groups is None else int(rows.groups.max()) + 1,
        "columns": list(rows.sizes),
        "rank_of_sources": found.rank,
        "ridge": float(chosen.ridge),
        "notes": list(rows.notes),
        "n_boot": int(n_boot),
        "correction": "bootstrap" if chosen.ridge else "Gaussian",
        "correction_draws": n_draws if chosen.ridge else 0,
        "n_resamples_failed": failed,
        "n_null": int(n_null),
        "n_permutations_failed": null_failed,
        "level": float(chosen.level),
        **({"p_values": p_values(raw, null)} if n_null else {}),
    }
    return dataclasses.replace(
        table,
        status="estimated",
        seed=seed,
        corrected=better,
        interval=_named(interval(raw, draws, chosen.level)) if n_boot else None,
        null={name: tuple(null[:, k].tolist()) for k, name in enumerate(ATOMS)} if n_null else None,
        draws=draws if n_boot else None,
        diagnostics={**table.diagnostics, **record},
    )
