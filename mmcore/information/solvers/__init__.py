"""The engines for the union information, and the one door to them: `union_many` prepares the tables and chooses.

`auto` takes the closed form where two labels interact and the interior point where there are more, both in numpy and
compiled code, or in torch on a device. `cvxpy` is the program of the thesis on a generic conic solver, the independent
reference.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from mmcore.errors import InputError, unknown_name
from mmcore.information.certificate import Union
from mmcore.information.entropy import LN2, mutual_information_many
from mmcore.information.presolve import Part, Split, nothing_to_do, split
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

# Floats of one normal-matrix batch, a few of which are alive at once: 32 MB, or 512 MB on a device that has many cores.
_BATCH_CELLS = 4_000_000
_DEVICE_CELLS = 64_000_000


def _solve_interior(parts: list[Part], tol: float, device: str | None, options: dict[str, Any]) -> list[Union]:
    """Solve parts of the same shape together, as many at a time as fit; on a torch device if one is named."""
    solve, cells = interior.union_information_many, _BATCH_CELLS
    if device is not None:
        from mmcore.information.solvers import interior_torch

        solve = functools.partial(interior_torch.union_information_many, device=device)
        cells = _BATCH_CELLS if device == "cpu" else _DEVICE_CELLS
    found: list[Union | None] = [None] * len(parts)
    shapes: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for k, part in enumerate(parts):
        shapes[len(part.a), len(part.b), part.a.shape[1]].append(k)
    for (n1, n2, labels), members in shapes.items():
        size = max(1, cells // ((n1 + n2) * labels) ** 2)
        for start in range(0, len(members), size):
            chunk = members[start : start + size]
            a, b = np.stack([parts[k].a for k in chunk]), np.stack([parts[k].b for k in chunk])
            for k, union in zip(chunk, solve(a, b, tol=tol, **options)):
                found[k] = union
    return [union for union in found if union is not None]


def _solve_pairs(splits: list[Split]) -> list[tuple[float, float]]:
    """Return for each problem what its components of two labels add to the lower and the upper end, bits."""
    shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for k, found in enumerate(splits):
        if len(found.pair_masses):
            shapes[found.pairs1.shape[1], found.pairs2.shape[1]].append(k)
    ends = [(0.0, 0.0)] * len(splits)
    for members in shapes.values():
        a = np.concatenate([splits[k].pairs1 for k in members])
        b = np.concatenate([splits[k].pairs2 for k in members])
        mass = np.concatenate([splits[k].pair_masses for k in members])
        curves, error = two_labels.compare_curves(a, b), two_labels.rounding_error(a.shape[1] + b.shape[1])
        value = mass * (curves.union - entr(a.sum(axis=1)).sum(axis=1) / LN2)
        stops = np.cumsum([len(splits[k].pair_masses) for k in members])
        for k, sums, masses in zip(members, np.split(value, stops[:-1]), np.split(mass, stops[:-1])):
            middle, half = float(sums.sum()), error * float(masses.sum())
            ends[k] = (middle - half, middle + half)
    return ends


def _solve(parts: list[Part], solver: str, tol: float, device: str | None, options: dict[str, Any]) -> list[Union]:
    if solver == "cvxpy":
        return [convex.union_information(part.a, part.b, tol=tol, **options) for part in parts]
    if solver == "two_labels":
        labels = max(part.a.shape[1] for part in parts)
        raise InputError("solver", f"'two_labels' for {labels} labels", "at most 2 labels", "Use solver='auto'.")
    return _solve_interior(parts, tol, device, options)


def _combine(found: Split, pairs: tuple[float, float], solved: list[Union | None], solver: str) -> Union:
    """Return the union of a problem from those of its parts."""
    lower, upper = found.label_entropy + pairs[0], found.label_entropy + pairs[1]
    engines, status, iterations, residual = set(), "solved", 0, 0.0
    if len(found.pair_masses):
        engines.add("two_labels")
    for part, union in zip(found.parts, solved):
        low = part.exact if part.exact is not None else union.lower if union is not None else -np.inf
        high = part.exact if part.exact is not None else union.upper if union is not None else np.inf
        lower += part.mass * (low - part.label_entropy)
        upper += part.mass * (high - part.label_entropy)
        if union is not None:
            engines.add(union.solver)
            iterations, residual = max(iterations, union.iterations), max(residual, union.residual)
            status = status if union.status in ("solved", "optimal") else union.status
    name = "+".join(sorted(engines)) or ("presolve" if solver == "auto" else f"{solver} (presolve)")
    return Union(lower, upper, status, name, iterations, residual)


def check_options(solver: str, options: dict[str, Any]) -> None:
    """Raise for an unknown solver, an option that it does not take, or a value that the option cannot have.

    Raises:
        InputError: with the nearest valid name.

    Example:
        >>> check_options("cvxpy", {"conic_solver": "SCS", "max_iter": 100})
    """
    names = [entry.name for entry in SOLVERS]
    if solver not in names:
        raise unknown_name("solver", str(solver), names)
    if not options:
        return
    allowed = {"cvxpy": ("conic_solver", "max_iter"), "two_labels": ()}.get(solver, ("max_iter",))
    for option in options:
        if option not in allowed:
            raise unknown_name(f"option of solver '{solver}'", option, allowed or ("none",))
    # here, because a table that is presolved whole never meets the engine that would complain
    limit = options.get("max_iter", 1)
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1:
        raise InputError("max_iter", limit, "an integer >= 1", "Pass for example max_iter=100, or leave it out.")
    if str(options.get("conic_solver", "CLARABEL")).upper() not in convex.CONIC_SOLVERS:
        raise unknown_name("conic_solver", str(options["conic_solver"]).upper(), convex.CONIC_SOLVERS)


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


def _closed(curves: two_labels.Curves, symbols: int) -> Unions:
    value, error = curves.union, two_labels.rounding_error(symbols)
    return Unions(curves.information1, curves.information2, value, value - error, value + error, None)


def union_arrays_torch(
    ps: Float, *, solver: str = "auto", tol: float = 1e-9, device: str = "cpu", **options: Any
) -> tuple[Unions, Float]:
    """Return the union information of B joint tables of one shape, and I(X1,X2;Y) (B,), in bits, by torch.

    Args:
        ps: (B, n1, n2, l), each table summing to one.
        solver: "auto", "two_labels" or "interior".
        tol, options: as in `union_many`.
        device: of torch. The presolve and the certificates of more than two labels are computed by numpy all the same.

    Raises:
        InputError: as `union_many`; for another solver, or a device that is not here.

    Example:
        >>> unions, both = union_arrays_torch(np.full((1, 2, 2, 2), 0.125))
        >>> bool(unions.upper[0] < 1e-13)
        True
    """
    check_options(solver, options)
    if solver == "cvxpy":
        allowed = "solver 'auto', 'two_labels' or 'interior'"
        raise InputError("backend", f"'torch' with solver '{solver}'", allowed, "Use backend='numpy'.")
    from mmcore.information.solvers import two_labels_torch

    if ps.shape[3] == 2 and solver != "interior":
        curves, both = two_labels_torch.compare_curves(ps, device=device)
        return _closed(curves, ps.shape[1] + ps.shape[2]), both
    two_labels_torch.check_device(device)
    a, b = np.einsum("bijy->biy", ps), np.einsum("bijy->bjy", ps)
    both = mutual_information_many(ps.reshape(len(ps), -1, ps.shape[3]))
    return _from_engines(a, b, _unions(a, b, solver, tol, device, options)), both


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
    check_options(solver, options)
    if a.shape[2] == 2 and solver in ("auto", "two_labels"):
        return _closed(two_labels.compare_curves(a, b), a.shape[1] + b.shape[1])
    return _from_engines(a, b, _unions(a, b, solver, tol, None, options))


def _from_engines(a: Float, b: Float, unions: list[Union]) -> Unions:
    lower, upper = (np.array([getattr(union, end) for union in unions]) for end in ("lower", "upper"))
    information1, information2 = mutual_information_many(a), mutual_information_many(b)
    with np.errstate(invalid="ignore"):  # an engine that failed leaves the interval (-inf, inf)
        value = 0.5 * (lower + upper)
    return Unions(information1, information2, value, lower, upper, unions)


def union_many(
    tables: Sequence[tuple[Float, Float]],
    *,
    solver: str = "auto",
    tol: float = 1e-9,
    device: str | None = None,
    **options: Any,
) -> list[Union]:
    """Return the union information of each pair of tables (a, b), in bits; widths are not judged here.

    Args:
        tables: pairs a (n1, l), b (n2, l) with the same label masses, each summing to one.
        solver: a name of `SOLVERS`.
        tol: width of the interval that is aimed at, bits.
        device: of torch, for the interior point of more than two labels; None for compiled code.
        options: `max_iter` (interior, cvxpy), `conic_solver` (cvxpy).

    Raises:
        InputError: for an unknown solver or option, or a solver that cannot handle the tables.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25]])
        >>> round(union_many([(a, a)])[0].upper, 6)
        0.311278
    """
    check_options(solver, options)
    splits = [split(a, b, closed_form=solver in ("auto", "two_labels")) for a, b in tables]
    pending = [part for found in splits for part in found.parts if part.exact is None]
    solved = iter(_solve(pending, solver, tol, device, dict(options))) if pending else iter(())
    return [
        _combine(found, pairs, [None if part.exact is not None else next(solved) for part in found.parts], solver)
        for found, pairs in zip(splits, _solve_pairs(splits))
    ]


def _unions(a: Float, b: Float, solver: str, tol: float, device: str | None, options: dict[str, Any]) -> list[Union]:
    """Return the unions of many tables, without a look at each of those that have nothing to presolve."""
    if solver == "cvxpy" or a.shape[2] < 3:
        return union_many(list(zip(a, b)), solver=solver, tol=tol, device=device, **options)
    plain = nothing_to_do(a, b)
    parts = [Part(1.0, first, second, None) for first, second in zip(a[plain], b[plain])]
    solved = iter(_solve(parts, solver, tol, device, dict(options))) if parts else iter(())
    split_up = union_many(list(zip(a[~plain], b[~plain])), solver=solver, tol=tol, device=device, **options)
    rest = iter(split_up)
    return [next(solved) if done else next(rest) for done in plain.tolist()]
