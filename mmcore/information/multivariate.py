"""More than two modalities: every pair, each one against the rest, and one number for all, the O-information.

    pairwise            PID of (Xi, Xj) about Y for each pair
    one_against_rest    PID of (Xi, all others joined) about Y for each i
    Omega = TC - DTC = (n - 2) H(X) + sum_i [ H(X_i) - H(X_-i) ]                       (bits)

References: Rosas, Mediano, Gastpar and Jensen, Quantifying high-order interdependencies via multivariate extensions of
the mutual information, Phys. Rev. E 100, 032305 (2019); Watanabe (1960) for the total correlation TC and Han (1978) for
its dual. Omega > 0 where redundancy prevails, < 0 where synergy does; it is a difference and no decomposition: both can
be there at Omega = 0. For three variables it is their co-information.

There is no full lattice: it has 18 atoms for three sources and 166 for four, and beyond two sources no decomposition is
non-negative and also finds nothing redundant in copies of independent variables (Rauh et al. 2014).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import combinations
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, NotBuiltYetError, counted
from mmcore.information.atoms import PID
from mmcore.information.entropy import entropy
from mmcore.information.pid import check_table, decompose_many
from mmcore.information.samples import as_array, codes

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_MOST_CELLS = 10_000_000


def _check_mapping(symbols: Any) -> None:
    if not isinstance(symbols, Mapping):
        allowed = "a mapping from names to symbols"
        raise InputError("symbols", type(symbols).__name__, allowed, "Pass {'image': codes, 'text': codes}.")


def _read(symbols: Mapping[str, Any], y: Any, least: int) -> tuple[dict[str, tuple[Codes, int]], Codes, int]:
    """Return each modality and the label as codes with the number of symbols."""
    _check_mapping(symbols)
    if len(symbols) < least:
        received = counted(len(symbols), "modality")
        raise InputError("symbols", received, f"at least {least}", "Pass {name: symbols} with more names.")
    n_rows = len(as_array(y, "y")) if np.ndim(y) else 0
    if n_rows == 0:
        raise InputError("y", "no rows", "one label a row, shape (N,)", "Pass the labels of the rows.")
    labels, n_classes = codes(y, "y", n_rows)
    if n_classes < 2:
        raise InputError("y", "one class", "at least two classes", "There is nothing to tell apart: check the labels.")
    return (
        {name: codes(values, f"symbols['{name}']", n_rows, like="y") for name, values in symbols.items()},
        labels,
        n_classes,
    )


def _counted(
    first: tuple[Codes, int], second: tuple[Codes, int], labels: tuple[Codes, int], least: float, argument: str
) -> Float:
    """Return the table of shares (n1, n2, l), or the error that there are too few rows for it."""
    if isinstance(least, bool) or not isinstance(least, int | float | np.number) or not 0.0 <= least < np.inf:
        raise InputError("min_rows_per_cell", least, "a number >= 0", "Pass for example 1.")
    shape = (first[1], second[1], labels[1])
    n_cells, n_rows = int(np.prod(shape)), len(labels[0])
    if n_rows < least * n_cells or n_cells > _MOST_CELLS:
        received = f"{n_rows} rows for {' x '.join(map(str, shape))} = {n_cells} cells"
        allowed = f"at least {least:g} rows a cell, at most {_MOST_CELLS} cells"
        remedy = "Merge symbols, collect more rows, or pass min_rows_per_cell=0 to see the table all the same."
        raise InputError(argument, received, allowed, remedy)
    cells = np.ravel_multi_index((first[0], second[0], labels[0]), shape)
    return (np.bincount(cells, minlength=n_cells) / n_rows).reshape(shape)


def _with_rows(found: PID, table: Float, n_rows: int) -> PID:
    record = {"n_rows": n_rows, "symbols": list(table.shape[:2]), "n_classes": table.shape[2]}
    return dataclasses.replace(found, diagnostics={**found.diagnostics, **record})


def pairwise(
    symbols: Mapping[str, Any], y: Any, *, min_rows_per_cell: float = 1.0, **options: Any
) -> dict[tuple[str, str], PID]:
    """Return the decomposition of each pair of modalities about the label, in bits.

    The tables of counts are decomposed exactly; their atoms carry the error of the sample.

    Args:
        symbols: name -> symbols (N,) of any kind, at least two names.
        y: labels (N,).
        min_rows_per_cell: fewer rows a cell on average are refused.
        options: of `pid.decompose`: method, solver, tol.

    Raises:
        InputError: for fewer than two modalities, rows that cannot be used, too few rows; as `pid.decompose`.
        NotCertified: as `pid.decompose`.

    Example:
        >>> a, b = np.array([0, 0, 1, 1] * 4), np.array([0, 1, 0, 1] * 4)
        >>> found = pairwise({"a": a, "b": b, "c": a}, a ^ b)
        >>> {names: round(result.synergy, 6) for names, result in found.items()}
        {('a', 'b'): 1.0, ('a', 'c'): 0.0, ('b', 'c'): 1.0}
    """
    read, labels, n_classes = _read(symbols, y, 2)
    names = list(combinations(read, 2))
    tables = [
        _counted(read[one], read[two], (labels, n_classes), min_rows_per_cell, f"symbols['{one}'], symbols['{two}']")
        for one, two in names
    ]
    found = decompose_many(tables, **options)
    return {pair: _with_rows(result, table, len(labels)) for pair, result, table in zip(names, found, tables)}


def _joined(parts: list[tuple[Codes, int]]) -> tuple[Codes, int]:
    """Return the symbols that rows of several modalities form together, as codes of those that occur."""
    member, n = parts[0]
    for values, size in parts[1:]:
        _, member = np.unique(member * size + values, return_inverse=True)
        n = int(member.max()) + 1
    return member, n


def one_against_rest(
    symbols: Mapping[str, Any], y: Any, *, min_rows_per_cell: float = 1.0, **options: Any
) -> dict[str, PID]:
    """Return for each modality its decomposition against all others joined, in bits.

    `unique1` is what the modality alone has, `unique2` what the rest has without it, `synergy` what needs it and the
    rest together.

    Args, Raises: as `pairwise`.

    Example:
        >>> bits = np.array([[i >> k & 1 for k in range(3)] for i in range(8)] * 2)
        >>> found = one_against_rest({"a": bits[:, 0], "b": bits[:, 1], "c": bits[:, 2]}, bits.sum(axis=1) % 2)
        >>> round(found["a"].synergy, 6)
        1.0
    """
    read, labels, n_classes = _read(symbols, y, 2)
    tables = []
    for name, own in read.items():
        rest = _joined([part for other, part in read.items() if other != name])
        argument = f"symbols['{name}'] and the rest"
        tables.append(_counted(own, rest, (labels, n_classes), min_rows_per_cell, argument))
    found = decompose_many(tables, **options)
    return {name: _with_rows(result, table, len(labels)) for name, result, table in zip(read, found, tables)}


def _entropies(p: Any) -> tuple[int, float, float, float]:
    """Return n, the joint entropy, the sum of single entropies, and that of all variables but one, bits."""
    given = as_array(p, "p")
    if given.ndim < 3:
        received = f"rank {given.ndim}"
        raise InputError("p", received, "one axis a variable, at least three", "For two variables take their I(X1;X2).")
    rest = int(np.prod(given.shape[2:]))
    table = check_table(given.reshape(*given.shape[:2], rest)).reshape(given.shape)
    axes = range(table.ndim)
    single = sum(entropy(table.sum(axis=tuple(k for k in axes if k != i))) for i in axes)
    others = sum(entropy(table.sum(axis=i)) for i in axes)
    return table.ndim, entropy(table), single, others


def o_information(p: Any) -> float:
    """Return the O-information of a joint table, in bits: positive where redundancy prevails, negative for synergy.

    Args:
        p: probabilities, one axis a variable, at least three (sources, or sources and target).

    Raises:
        InputError: for fewer than three axes, and for what is no table of probabilities.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> o_information(xor)
        -1.0
    """
    n, joint, single, others = _entropies(p)
    return (n - 2) * joint + single - others


def total_correlation(p: Any) -> float:
    """Return TC = sum_i H(X_i) - H(X) of a joint table of at least three axes, in bits (Watanabe 1960).

    Example:
        >>> copies = np.zeros((2, 2, 2))
        >>> copies[0, 0, 0] = copies[1, 1, 1] = 0.5
        >>> total_correlation(copies)
        2.0
    """
    _, joint, single, _ = _entropies(p)
    return single - joint


def dual_total_correlation(p: Any) -> float:
    """Return DTC = H(X) - sum_i H(X_i | rest) of a joint table of at least three axes, in bits (Han 1978).

    Example:
        >>> copies = np.zeros((2, 2, 2))
        >>> copies[0, 0, 0] = copies[1, 1, 1] = 0.5
        >>> dual_total_correlation(copies)
        1.0
    """
    n, joint, _, others = _entropies(p)
    return others - (n - 1) * joint


def o_information_of_rows(symbols: Mapping[str, Any]) -> float:
    """Return the O-information of the symbols of rows, in bits; the entropies are those of the sample.

    Args:
        symbols: name -> symbols (N,) of any kind, at least three names; include the label to have it take part.

    Raises:
        InputError: for fewer than three names, different lengths, missing values.

    Example:
        >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        >>> o_information_of_rows({"a": a, "b": b, "y": a ^ b})
        -1.0
    """
    _check_mapping(symbols)
    if len(symbols) < 3:
        raise InputError(
            "symbols", counted(len(symbols), "name"), "at least three", "Pass {name: symbols} with more names."
        )
    first = next(iter(symbols.values()))
    n_rows = len(as_array(first, "symbols")) if np.ndim(first) else 0
    if n_rows == 0:
        raise InputError("symbols", "no rows", "one symbol a row, shape (N,)", "Pass the symbols of the rows.")
    like = f"symbols['{next(iter(symbols))}']"
    parts = [codes(values, f"symbols['{name}']", n_rows, like=like) for name, values in symbols.items()]

    def joint(kept: list[tuple[Codes, int]]) -> float:
        member, n = _joined(kept)
        return entropy(np.bincount(member, minlength=n) / n_rows)

    others = sum(joint(parts[:k] + parts[k + 1 :]) for k in range(len(parts)))
    return (len(parts) - 2) * joint(parts) + sum(joint([part]) for part in parts) - others


def lattice(symbols: Mapping[str, Any], y: Any) -> NoReturn:
    """Full lattice of more than two sources: not built, on purpose (see the module).

    Raises:
        NotBuiltYetError: always, with what to use.

    Example:
        >>> lattice({}, [])
        Traceback (most recent call last):
        mmcore.errors.NotBuiltYetError: there is no full lattice of more than two sources: use multivariate.pairwise, \
multivariate.one_against_rest or multivariate.o_information
    """
    raise NotBuiltYetError(
        "there is no full lattice of more than two sources: use multivariate.pairwise, multivariate.one_against_rest "
        "or multivariate.o_information"
    )
