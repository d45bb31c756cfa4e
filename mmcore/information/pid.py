"""Partial information decomposition of two sources about a target: the façade.

    I_union = min over q in Delta_p of I_q(X1,X2;Y),      Delta_p = {q : q(x1,y) = p(x1,y), q(x2,y) = p(x2,y)}
    R = I1 + I2 - I_union,   U1 = I_union - I2,   U2 = I_union - I1,   S = I12 - I_union           (bits)

Reference: Bertschinger, Rauh, Olbrich, Jost and Ay (2014), thesis equations 3.1-3.3. A table is decomposed with a
certificate (`decompose`); rows are turned into a table first (`estimate`), and the atoms of that table, however exact,
then carry the error of the sample and what the clusters leave out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS, PID, NotCertified, results
from mmcore.information.certificate import Union
from mmcore.information.entropy import mutual_information_many
from mmcore.information.estimators import find_estimator
from mmcore.information.measures import Measure, find_measure
from mmcore.information.probabilities import MASS_TOLERANCE, check_table
from mmcore.information.resampling import check_draws
from mmcore.information.samples import as_array

if TYPE_CHECKING:
    from mmcore.information.solvers import Unions

__all__ = ["ATOMS", "PID", "NotCertified", "atoms_many", "check_table", "decompose", "decompose_many", "estimate"]

Float = NDArray[np.float64]

_BACKENDS = ("numpy", "torch")
_CLOSED = Union(0.0, 0.0, "solved", "two_labels", 0)  # what the closed form says of itself, always


def _check_tolerance(tol: Any) -> float:
    if isinstance(tol, bool) or not isinstance(tol, int | float | np.number) or not (np.isfinite(tol) and tol > 0):
        raise InputError("tol", tol, "a positive number of bits", "Pass for example tol=1e-9.")
    return float(tol)


def _check_backend(backend: str, device: str) -> None:
    if backend not in _BACKENDS:
        raise unknown_name("backend", str(backend), _BACKENDS)
    if backend == "numpy" and device != "cpu":
        raise InputError("device", device, "'cpu' with backend 'numpy'", "Pass backend='torch' to compute elsewhere.")


def _tables_of(ps: Any) -> Any:
    """Return `ps` as an array or a list of what should be tables.

    Raises:
        InputError: for what holds no tables.
    """
    if hasattr(ps, "detach"):
        return as_array(ps, "ps")
    if isinstance(ps, np.ndarray) and ps.ndim:
        return ps
    if isinstance(ps, str | bytes | Mapping | np.ndarray) or not isinstance(ps, Iterable):
        allowed = "tables (B, |X1|, |X2|, |Y|), or a sequence of tables"
        raise InputError("ps", type(ps).__name__, allowed, "Pass a list of tables, or decompose for one table.")
    return list(ps)


def check_tables(ps: Any) -> Float | list[Float]:
    """Return each table as `check_table` does; those that come as one array (B, |X1|, |X2|, |Y|) as one array.

    Raises:
        InputError: as `check_table`, for the first table concerned, by its place; for what is no sequence of tables.
    """
    ps = _tables_of(ps)
    if isinstance(ps, list) and len(ps) > 1 and all(type(p) is np.ndarray and p.dtype == np.float64 for p in ps):
        ps = np.stack(ps) if len({p.shape for p in ps}) == 1 else ps
    if type(ps) is np.ndarray and ps.ndim == 4 and ps.size and (ps.dtype.kind in "iub" or ps.dtype == np.float64):
        tables = np.array(ps, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            totals = tables.reshape(len(tables), -1).sum(axis=1)
        # NaN and infinity fail these comparisons too.
        if np.abs(totals - 1.0).max() <= MASS_TOLERANCE and tables.min() >= 0.0:
            tables /= totals[:, None, None, None]
            return tables
    single = len(ps) == 1
    return [check_table(p, "p" if single else f"ps[{k}]") for k, p in enumerate(ps)]


def _marginals(ps: Float) -> tuple[Float, Float]:
    """Return p(x1,y) and p(x2,y) of tables (B, n1, n2, l); einsum is several times faster here than sum."""
    return np.einsum("bijy->biy", ps), np.einsum("bijy->bjy", ps)


def _assemble(both: Float, union: Unions) -> Float:
    """Return (7, B): the atoms, gap, lower and upper of tables with I(X1,X2;Y) = `both` and that union information."""
    value, lower, upper = union.value, union.lower, union.upper
    # so it is, but for the last digit: no information is negative, and both sources hold what each one holds
    information1, information2 = np.maximum(union.information1, 0.0), np.maximum(union.information2, 0.0)
    larger = np.maximum(information1, information2)
    both = np.maximum(both, larger)
    # p itself is a coupling, and every coupling holds both sources: these two bounds are always valid.
    upper = np.maximum(np.minimum(upper, both), larger)
    lower = np.minimum(np.maximum(lower, larger), upper)
    # Sources that are independent given the label hold at most the sum of the two: no atom is negative by rounding.
    value = np.minimum(np.minimum(np.maximum(value, lower), upper), information1 + information2)
    lower = np.fmin(lower, value)  # of an engine that failed there is no value, and the interval stands
    redundancy = information1 + information2 - value
    atoms = (redundancy, value - information2, value - information1, both - value)
    return np.array([*atoms, upper - lower, lower, upper])


def _solve_batch(
    ps: Float, solver: str, tol: float, *, backend: str = "numpy", device: str = "cpu", **options: Any
) -> tuple[Float, list[Union] | None]:
    """Return `_assemble` of checked tables of one shape, and what the engines say (None: all by closed form)."""
    from mmcore.information.solvers import union_arrays, union_arrays_torch

    if backend == "torch":
        union, both = union_arrays_torch(ps, solver=solver, tol=tol, device=device, **options)
    else:
        union = union_arrays(*_marginals(ps), solver=solver, tol=tol, **options)
        both = mutual_information_many(ps.reshape(len(ps), -1, ps.shape[3]))
    return _assemble(both, union), union.engines


def attempt_many(
    tables: Float | Sequence[Float], *, solver: str = "auto", tol: float = 1e-9, **options: Any
) -> list[PID | NotCertified]:
    """Return for each checked table its decomposition, or the error that says why there is none.

    Args:
        tables: (B, |X1|, |X2|, |Y|), or a sequence of tables of any shapes; those of one shape are solved together.

    Example:
        >>> attempt_many([np.full((2, 2, 2), 0.125)])[0].synergy < 1e-15
        True
    """
    batches = _by_shape(tables)
    if len(batches) == 1:
        return _attempt_batch(batches[0][1], solver, tol, options)
    found: list[PID | NotCertified | None] = [None] * len(tables)
    for members, stack in batches:
        for k, result in zip(members, _attempt_batch(stack, solver, tol, options)):
            found[k] = result
    return [result for result in found if result is not None]


def _attempt_batch(ps: Float, solver: str, tol: float, options: dict[str, Any]) -> list[PID | NotCertified]:
    values, unions = _solve_batch(ps, solver, tol, **options)
    tables = ps.view()
    tables.flags.writeable = False  # a result's table answers for its atoms
    return results(values, unions or _CLOSED, tables, tol)


def _by_shape(tables: Float | Sequence[Float]) -> list[tuple[Sequence[int], Float]]:
    """Return the places and the stack (B, |X1|, |X2|, |Y|) of the tables of each shape."""
    if isinstance(tables, np.ndarray):
        return [(range(len(tables)), tables)] if len(tables) else []
    shapes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for k, table in enumerate(tables):
        shapes[table.shape].append(k)
    return [(members, np.stack([tables[k] for k in members])) for members in shapes.values()]


def atoms_many(ps: Any, *, tol: float = 1e-9, backend: str = "numpy", device: str = "cpu") -> tuple[Float, Float]:
    """Return the atoms (B, 4), in the order of `ATOMS`, and the certified gaps (B,) of many tables, in bits.

    The numbers of `decompose_many` as arrays, for resamples; a table that is not certified to `tol` is a row of NaN,
    its gap tells by how much.

    Args:
        ps: (B, |X1|, |X2|, |Y|), each table summing to one.
        tol: largest width of the certified interval, bits.
        backend, device: as in `decompose_many`.

    Raises:
        InputError: as `decompose`, for the first table concerned.

    Example:
        >>> values, gaps = atoms_many(np.full((3, 2, 2, 2), 0.125))
        >>> values.shape, bool(gaps.max() < 1e-12)
        ((3, 4), True)
    """
    tol = _check_tolerance(tol)
    _check_backend(backend, device)
    tables = check_tables(ps)
    atoms, gaps = np.empty((len(tables), 4)), np.empty(len(tables))
    for members, stack in _by_shape(tables):
        values, _ = _solve_batch(stack, "auto", tol, backend=backend, device=device)
        places = slice(None) if len(members) == len(tables) else members  # a slice is copied, places are looked up
        atoms[places], gaps[places] = values[:4].T, values[4]
    atoms[~(gaps <= tol)] = np.nan
    return atoms, gaps


def _find_measure(method: str, solver: str, options: dict[str, Any]) -> Measure | None:
    """Return the measure other than "broja", which alone is solved and so alone takes a solver and its options."""
    if method == "broja":
        from mmcore.information.solvers import check_options

        check_options(solver, options)
        return None
    measure = find_measure(method)
    if solver != "auto":
        raise InputError("solver", solver, f"none for method '{method}', which is no optimum", "Leave the solver out.")
    if options:
        names = ", ".join(sorted(options))
        raise InputError("options", names, f"none for method '{method}'", "Leave them out: they belong to 'broja'.")
    return measure


def decompose(p: Any, *, method: str = "broja", solver: str = "auto", tol: float = 1e-9, **options: Any) -> PID:
    """Return the decomposition of a table, in bits, certified to `tol`.

    Args:
        p: joint probabilities (|X1|, |X2|, |Y|), summing to one.
        method: the measure: "broja" (Bertschinger et al.), or another name of `measures.MEASURES`, for comparison.
        solver: of "broja" alone: "auto", "two_labels", "interior" or "cvxpy" (whose conic solver reaches 1e-9 on about
            97 tables in 100 and 1e-7 on the rest: give it tol=1e-7).
        tol: largest width of the certified interval of the union information, bits; it bounds each atom's error.
        options: passed to the solver: `max_iter`; for cvxpy also `conic_solver`.

    Raises:
        InputError: for a table that is none, an unknown method, solver or option.
        NotCertified: if the interval stays wider than `tol`; it carries `.lower` and `.upper`.

    Reference: Bertschinger et al. 2014.

    Example:
        >>> p = np.zeros((2, 2, 2))
        >>> for i in range(2):
        ...     for j in range(2):
        ...         p[i, j, i & j] = 0.25
        >>> decompose(p)
        PID(R=0.3113, U1=0.0000, U2=0.0000, S=0.5000 bits; certified by two_labels, gap 1e-14)
    """
    tol = _check_tolerance(tol)
    measure = _find_measure(method, solver, options)
    table = check_table(p)
    if measure is not None:
        return measure.decompose(table)
    found = _attempt_batch(table[None], solver, tol, options)[0]
    if isinstance(found, NotCertified):
        raise found
    return found


def decompose_many(
    ps: Any,
    *,
    method: str = "broja",
    solver: str = "auto",
    tol: float = 1e-9,
    backend: str = "numpy",
    device: str = "cpu",
    **options: Any,
) -> list[PID]:
    """Return the decomposition of each table; tables of one shape are solved together.

    Args:
        ps: (B, |X1|, |X2|, |Y|) or a sequence of tables of any shapes.
        method, solver, tol, options: as in `decompose`.
        backend: "numpy", or "torch" (float64, any number of labels; worth it on a GPU).
        device: where torch computes: "cpu", "cuda", ...

    Raises:
        InputError, NotCertified: as `decompose`, for the first table concerned.

    Example:
        >>> [round(r.synergy, 6) for r in decompose_many(np.full((3, 2, 2, 2), 0.125))]
        [0.0, 0.0, 0.0]
    """
    tol = _check_tolerance(tol)
    _check_backend(backend, device)
    measure = _find_measure(method, solver, options)
    tables = check_tables(ps)
    if measure is not None:
        return [measure.decompose(table) for table in tables]
    found = attempt_many(tables, solver=solver, tol=tol, backend=backend, device=device, **options)
    if NotCertified in set(map(type, found)):
        raise next(result for result in found if isinstance(result, NotCertified))
    return cast("list[PID]", found)


def estimate(
    x1: Any,
    x2: Any,
    y: Any,
    *,
    method: str = "clusters",
    groups: Any = None,
    seed: int = 0,
    n_boot: int = 0,
    n_null: int = 0,
    **kw: Any,
) -> PID:
    """Return the decomposition estimated from rows, in bits.

    Args:
        x1, x2: features, (N,) or (N, ...): numbers, or one column of names.
        y: N class labels of any kind.
        method: a name of `estimators.ESTIMATORS`; "clusters": each source is discretised, the table of symbols is
            decomposed exactly.
        groups: N names of the leakage unit (person, film); resamples and cross-fitting then go by group.
        seed: of k-means, folds, resamples and permutations.
        n_boot: resamples for `.interval`; 0 for none. `.corrected` is there without them.
        n_null: label permutations for `.null`; 0 for none.
        kw: options of the method, see its module.

    Raises:
        InputError: for rows that cannot be used (lengths, NaN, missing labels, one class, constant source, too few rows
            for the alphabet), an unknown method or option, a seed that is none.
        NotCertified: if the table's decomposition cannot be certified.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> x1, x2 = generator.integers(0, 2, (2, 2000))
        >>> estimate(x1, x2, x1 ^ x2, seed=0).synergy > 0.99
        True
    """
    function = find_estimator(method).load()
    check_draws(seed, n_boot, n_null)
    return function(x1, x2, y, groups=groups, seed=seed, n_boot=n_boot, n_null=n_null, **kw)
