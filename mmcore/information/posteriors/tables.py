"""Atoms from three tables: of each source with the label, and of both together with the label.

    R = I1 + I2 - I_union,   U1 = I_union - I2,   U2 = I_union - I1,   S = I12 - I_union         (bits)

I1, I2 and the union information come from the first two tables, certified as in `pid.decompose`; I12 from the third.
Sums hold by construction. The third table is no coupling of the first two, so a synergy below zero is possible: it
says that the classifier of both sources knows less than the two apart, and is reported as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.information.atoms import ATOMS, PID, NotCertified
from mmcore.information.entropy import mutual_information
from mmcore.information.interval import corrected, interval
from mmcore.information.posteriors.symbols import View, table_of
from mmcore.information.solvers import union_many

Float = NDArray[np.float64]
Codes = NDArray[np.int64]
Tables = tuple[Float, Float, Float]

_BATCH = 200


def tables_of(views: Sequence[View], labels: Codes, n_classes: int, rows: Codes | None = None) -> Tables:
    """Return the tables of x1, x2 and both with the labels, on some rows or all.

    Example:
        >>> view = View(np.array([0, 1]), 2)
        >>> tables_of((view, view, view), np.array([0, 1]), 2)[0].tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    first, second, both = (table_of(view, labels, n_classes, rows) for view in views)
    return first, second, both


def decompose_tables(
    many: Sequence[Tables], *, solver: str = "auto", tol: float = 1e-9, **options: Any
) -> list[PID | NotCertified]:
    """Return for each three tables their atoms, or the error that says why the union information is not certified.

    Example:
        >>> one = np.array([[0.5, 0.0], [0.25, 0.25]])                       # each input of AND, and both of them
        >>> both = np.array([[0.75, 0.0], [0.0, 0.25]])
        >>> found = decompose_tables([(one, one, both)])[0]
        >>> round(found.redundancy, 6), round(found.synergy, 6)
        (0.311278, 0.5)
    """
    unions = union_many([(a1, a2) for a1, a2, _ in many], solver=solver, tol=tol, **options)
    found: list[PID | NotCertified] = []
    for (a1, a2, a12), union in zip(many, unions):
        one, two, both = mutual_information(a1), mutual_information(a2), mutual_information(a12)
        lower = max(union.lower, one, two)
        upper = max(union.upper, lower)
        if upper - lower > tol:
            found.append(NotCertified(lower, upper, tol, solver=union.solver, status=union.status))
            continue
        found.append(
            PID(
                redundancy=one + two - upper,
                unique1=upper - two,
                unique2=upper - one,
                synergy=both - upper,
                gap=upper - lower,
                union_lower=lower,
                union_upper=upper,
                status="estimated",
                solver=union.solver,
                iterations=union.iterations,
                diagnostics={"solver_status": union.status, "marginal_residual": union.residual},
            )
        )
    return found


def certified(found: PID | NotCertified) -> PID:
    """Return the decomposition, or raise the error that says why there is none.

    Raises:
        NotCertified: if that is what was found.

    Example:
        >>> certified(PID(0.0, 0.0, 0.0, 1.0)).synergy
        1.0
    """
    if isinstance(found, NotCertified):
        raise found
    return found


def atoms_many(many: Iterable[Tables], tol: float) -> tuple[Float, int]:
    """Return the atoms (n, 4) of those that could be certified, and how many could not.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> atoms_many([(a, a, a)], 1e-6)[0].round(6).tolist()
        [[1.0, 0.0, 0.0, 0.0]]
    """
    rows: list[PID | NotCertified] = []
    batch: list[Tables] = []
    for three in many:
        batch.append(three)
        if len(batch) == _BATCH:
            rows += decompose_tables(batch, tol=tol)
            batch = []
    rows += decompose_tables(batch, tol=tol) if batch else []
    atoms = [[getattr(row, name) for name in ATOMS] for row in rows if isinstance(row, PID)]
    return np.array(atoms, dtype=np.float64).reshape(-1, len(ATOMS)), len(rows) - len(atoms)


def uncertainty(raw: Float, draws: Float, null: Float | None, level: float | None, tol: float) -> dict[str, Any]:
    """Return the fields `corrected`, `interval`, `draws` and `null` of a PID from resamples and permutations (n, 4).

    Args:
        level: nominal coverage of the interval, or None for the correction alone.
        tol: what each atom is known to, bits; ends are widened by it, so that an atom that is zero in every resample,
            up to rounding, keeps zero inside its interval.

    Example:
        >>> found = uncertainty(np.zeros(4), np.ones((3, 4)), None, 0.9, 0.0)
        >>> found["corrected"]["synergy"], found["interval"]["synergy"], found["null"]
        (-1.0, (-1.0, 1.0), None)
    """
    fields: dict[str, Any] = {"interval": None, "draws": None, "null": None}
    fields["corrected"] = dict(zip(ATOMS, corrected(raw, draws).tolist()))
    if level is not None:
        fields["draws"] = draws
        ends = interval(raw, draws, level).tolist()
        fields["interval"] = {name: (low - tol, high + tol) for name, (low, high) in zip(ATOMS, ends)}
    if null is not None:
        fields["null"] = {name: tuple(null[:, k].tolist()) for k, name in enumerate(ATOMS)}
    return fields
