"""The engines for the union information, and the one door to them: `union_many` prepares the tables and chooses.

`auto` takes the closed form where two labels interact and the interior point where there are more. `cvxpy` is the
program of the thesis on a generic conic solver, the independent reference.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.information.certificate import Union
from mmcore.information.entropy import mutual_information_many
from mmcore.information.presolve import Part, split
from mmcore.information.solvers import convex, interior, two_labels

Float = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Solver:
    """An engine: its name, what it handles, where it comes from."""

    name: str
    handles: str
    reference: str


SOLVERS = (
    Solver("auto", "any table: two_labels where two labels interact, else interior", ""),
    Solver("two_labels", "at most two interacting labels, exact", "Bertschinger and Rauh 2014"),
    Solver("interior", "any table", "Mehrotra 1992, on the dual"),
    Solver("cvxpy", "any table; options conic_solver, max_iter", "thesis equations 3.4-3.5; Diamond and Boyd 2016"),
)

_BATCH_CELLS = 4_000_000  # floats of one normal-matrix batch: 32 MB, a few of which are alive at once


def _solve_interior(parts: list[Part], tol: float, options: dict[str, Any]) -> list[Union]:
    """Solve parts of the same shape together, as many at a time as fit."""
    found: list[Union | None] = [None] * len(parts)
    shapes: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for k, part in enumerate(parts):
        shapes[len(part.a), len(part.b), part.a.shape[1]].append(k)
    for (n1, n2, labels), members in shapes.items():
        size = max(1, _BATCH_CELLS // ((n1 + n2) * labels) ** 2)
        for start in range(0, len(members), size):
            chunk = members[start : start + size]
            a, b = np.stack([parts[k].a for k in chunk]), np.stack([parts[k].b for k in chunk])
            for k, union in zip(chunk, interior.union_information_many(a, b, tol=tol, **options)):
                found[k] = union
    return [union for union in found if union is not None]


def _solve_two_labels(parts: list[Part]) -> list[Union]:
    """Solve parts of two labels together, whatever their numbers of symbols: empty symbols fill the smaller ones."""
    if not parts:
        return []
    n1, n2 = max(len(part.a) for part in parts), max(len(part.b) for part in parts)
    a, b = np.zeros((len(parts), n1, 2)), np.zeros((len(parts), n2, 2))
    for k, part in enumerate(parts):
        a[k, : len(part.a)], b[k, : len(part.b)] = part.a, part.b
    lower, upper = two_labels.union_information_many(a, b)
    return [Union(low, high, "solved", "two_labels", 0) for low, high in zip(lower.tolist(), upper.tolist())]


def _solve(parts: list[Part], solver: str, tol: float, options: dict[str, Any]) -> list[Union]:
    if solver == "cvxpy":
        return [convex.union_information(part.a, part.b, tol=tol, **options) for part in parts]
    if solver == "interior":
        return _solve_interior(parts, tol, options)
    binary = [part.a.shape[1] == 2 for part in parts]
    if solver == "two_labels" and not all(binary):
        labels = max(part.a.shape[1] for part in parts)
        raise InputError("solver", f"'two_labels' for {labels} labels", "at most 2 labels", "Use solver='auto'.")
    closed = iter(_solve_two_labels([part for part, two in zip(parts, binary) if two]))
    rest = iter(_solve_interior([part for part, two in zip(parts, binary) if not two], tol, options))
    return [next(closed) if two else next(rest) for two in binary]


def _combine(label_entropy: float, parts: list[Part], solved: list[Union | None], solver: str) -> Union:
    """Return the union of a problem from those of its parts."""
    lower = upper = label_entropy
    engines, status, iterations, residual = [], "solved", 0, 0.0
    for part, union in zip(parts, solved):
        low = part.exact if part.exact is not None else union.lower if union is not None else -np.inf
        high = part.exact if part.exact is not None else union.upper if union is not None else np.inf
        lower += part.mass * (low - part.label_entropy)
        upper += part.mass * (high - part.label_entropy)
        if union is not None:
            engines.append(union.solver)
            iterations, residual = max(iterations, union.iterations), max(residual, union.residual)
            status = status if union.status in ("solved", "optimal") else union.status
    name = "+".join(sorted(set(engines))) or ("presolve" if solver == "auto" else f"{solver} (presolve)")
    return Union(lower, upper, status, name, iterations, residual)


def _check_options(solver: str, options: dict[str, Any]) -> None:
    names = [entry.name for entry in SOLVERS]
    if solver not in names:
        raise unknown_name("solver", solver, names)
    allowed = {"cvxpy": ("conic_solver", "max_iter"), "two_labels": ()}.get(solver, ("max_iter",))
    for option in options:
        if option not in allowed:
            raise unknown_name(f"option of solver '{solver}'", option, allowed or ("none",))


class Unions(NamedTuple):
    """Per pair of tables (B,), bits: I(X1;Y), I(X2;Y), the union information, its two ends, and what the engines say.

    `engines` is None where all came from the closed form, which has nothing to say.
    """

    information1: Float
    information2: Float
    value: Float
    lower: Float
    upper: Float
    engines: list[Union] | None


def union_arrays(a: Float, b: Float, *, solver: str = "auto", tol: float = 1e-9, **options: Any) -> Unions:
    """Return the union information of B pairs of tables of one shape, in bits.

    Args:
        a, b: (B, n1, l) and (B, n2, l) with the same label masses, each pair summing to one.
        solver, tol, options: as in `union_many`.

    Raises:
        InputError: as `union_many`.

    Example:
        >>> a = np.array([[[0.5, 0.0], [0.25, 0.25]]])
        >>> union_arrays(a, a).upper.round(6).tolist()
        [0.311278]
    """
    _check_options(solver, options)
    if a.shape[2] == 2 and solver in ("auto", "two_labels"):
        curves = two_labels.compare_curves(a, b)
        value, error = curves.union, two_labels.rounding_error(a.shape[1] + b.shape[1])
        return Unions(curves.information1, curves.information2, value, value - error, value + error, None)
    unions = union_many(list(zip(a, b)), solver=solver, tol=tol, **options)
    lower, upper = (np.array([getattr(union, end) for union in unions]) for end in ("lower", "upper"))
    information1, information2 = mutual_information_many(a), mutual_information_many(b)
    with np.errstate(invalid="ignore"):  # an engine that failed leaves the interval (-inf, inf)
        value = 0.5 * (lower + upper)
    return Unions(information1, information2, value, lower, upper, unions)


def union_many(
    tables: Sequence[tuple[Float, Float]], *, solver: str = "auto", tol: float = 1e-9, **options: Any
) -> list[Union]:
    """Return the union information of each pair of tables (a, b), in bits; widths are not judged here.

    Args:
        tables: pairs a (n1, l), b (n2, l) with the same label masses, each summing to one.
        solver: a name of `SOLVERS`.
        tol: width of the interval that is aimed at, bits.
        options: `max_iter` (interior, cvxpy), `conic_solver` (cvxpy).

    Raises:
        InputError: for an unknown solver or option, or a solver that cannot handle the tables.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25]])
        >>> round(union_many([(a, a)])[0].upper, 6)
        0.311278
    """
    _check_options(solver, options)
    problems = [split(a, b) for a, b in tables]
    pending = [part for _, parts in problems for part in parts if part.exact is None]
    solved = iter(_solve(pending, solver, tol, dict(options))) if pending else iter(())
    return [
        _combine(entropy_y, parts, [None if part.exact is not None else next(solved) for part in parts], solver)
        for entropy_y, parts in problems
    ]
