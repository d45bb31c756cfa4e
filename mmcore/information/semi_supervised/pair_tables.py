"""Three pair tables p(x1,y), p(x2,y), p(x1,x2): the checks they must pass, and how tables that disagree are reconciled.

    p(x1,y) and p(x1,x2) share p(x1);   p(x2,y) and p(x1,x2) share p(x2);   p(x1,y) and p(x2,y) share p(y)

This is what semi-supervised data hold: labelled rows of each modality, unlabelled rows of both (thesis section 6.2.1).
Tables counted on different rows agree in none of the three up to rounding; `reconcile` then gives the tables of the
joint distribution of largest likelihood of all three (expectation maximisation, Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.probabilities import check_probabilities, numbers

Float = NDArray[np.float64]

_NAMES = ("p_x1y", "p_x2y", "p_x1x2")
_SHAPES = ("(|X1|, |Y|)", "(|X2|, |Y|)", "(|X1|, |X2|)")


@dataclasses.dataclass(frozen=True)
class PairTables:
    """Checked tables that agree with each other, without empty symbols.

    Attributes:
        x1y: (n1, l); x2y: (n2, l); x1x2: (n1, n2); each sums to one.
        mismatch: by how much the marginals of the given tables differed, summed over symbols (below 1e-9 each, of
            float32 tables below 5e-7); the tables themselves are rescaled to agree up to rounding.

    Example:
        >>> PairTables.check(np.full((2, 2), 0.25), np.full((2, 2), 0.25), [[0.5, 0.0], [0.0, 0.5]]).shape
        (2, 2, 2)
    """

    x1y: Float
    x2y: Float
    x1x2: Float
    mismatch: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n1, n2, l), empty symbols not counted."""
        return len(self.x1y), len(self.x2y), self.x1y.shape[1]

    @classmethod
    def check(cls, p_x1y: Any, p_x2y: Any, p_x1x2: Any) -> PairTables:
        """Return the three tables once they can be those of one distribution as far as single symbols tell.

        Raises:
            InputError: for a table that is none (rank, NaN, negative mass, a sum other than one, no cell), shapes that
                do not fit, marginals of one variable that differ by more than 1e-9, of float32 5e-7 (says by how much).
        """
        return drop_empty(*_check_all(p_x1y, p_x2y, p_x1x2))

    @classmethod
    def of(cls, p: Any) -> PairTables:
        """Return the three tables of a joint table (n1, n2, l)."""
        joint = np.asarray(p, dtype=np.float64)
        return cls.check(joint.sum(axis=1), joint.sum(axis=0), joint.sum(axis=2))


def check_table(table: Any, argument: str, shape: str) -> Float:
    """Return one pair table as float64 with a sum of one.

    Example:
        >>> check_table([[0.5, 0.6]], "p_x1y", "(|X1|, |Y|)")
        Traceback (most recent call last):
        mmcore.errors.InputError: p_x1y: received mass 1.1 (0.1 too much); allowed: a sum of one. Divide ...
    """
    return check_probabilities(table, argument, 2, shape, "Sum the joint table over the other axis.")


def _tolerance(*tables: Any) -> float:
    """Return by how much marginals may differ: as much as a sum of the widest rounding among the tables' types."""
    return max(numbers(table, name)[1] for table, name in zip(tables, _NAMES))


def _check_shapes(p_x1y: Any, p_x2y: Any, p_x1x2: Any) -> tuple[Float, Float, Float]:
    x1y, x2y, x1x2 = (check_table(t, n, s) for t, n, s in zip((p_x1y, p_x2y, p_x1x2), _NAMES, _SHAPES))
    if x1y.shape[1] != x2y.shape[1]:
        received = f"{x2y.shape[1]} labels, p_x1y has {x1y.shape[1]}"
        raise InputError("p_x2y", received, "the same labels on the last axis", "Give an unseen label an empty column.")
    if x1x2.shape != (len(x1y), len(x2y)):
        received = f"shape {x1x2.shape}"
        allowed = f"({len(x1y)}, {len(x2y)}), the symbols of p_x1y and p_x2y"
        raise InputError("p_x1x2", received, allowed, "Transpose it, or use the same symbols in all tables.")
    return x1y, x2y, x1x2


def _check_all(p_x1y: Any, p_x2y: Any, p_x1x2: Any) -> tuple[Float, Float, Float]:
    x1y, x2y, x1x2 = _check_shapes(p_x1y, p_x2y, p_x1x2)
    tolerance = _tolerance(p_x1y, p_x2y, p_x1x2)
    names = (("p_x2y", "p_x1y", "p(y)"), ("p_x1x2", "p_x1y", "p(x1)"), ("p_x1x2", "p_x2y", "p(x2)"))
    for (argument, other, variable), (mine, theirs) in zip(names, _shared(x1y, x2y, x1x2)):
        worst = int(np.abs(mine - theirs).argmax())
        difference = float(np.abs(mine - theirs).max())
        if difference > tolerance:
            received = f"{variable} that differs from that of {other} by up to {difference:.4g} (symbol {worst})"
            remedy = "Count all tables on the same rows, or pass them through semi_supervised.reconcile."
            raise InputError(argument, received, f"a difference of at most {tolerance:g}", remedy)
    return x1y, x2y, x1x2


def drop_empty(x1y: Float, x2y: Float, x1x2: Float) -> PairTables:
    """Return the tables without symbols of no mass; what another table gives such a symbol is below 1e-9.

    Example:
        >>> half = np.array([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]])
        >>> drop_empty(half, half, np.array([[1.0, 0.0], [0.0, 0.0]])).shape
        (1, 1, 2)
    """
    labels = (x1y.sum(axis=0) > 0) & (x2y.sum(axis=0) > 0)
    first = (x1y[:, labels].sum(axis=1) > 0) & (x1x2.sum(axis=1) > 0)
    second = (x2y[:, labels].sum(axis=1) > 0) & (x1x2.sum(axis=0) > 0)
    kept = (x1y[first][:, labels], x2y[second][:, labels], x1x2[first][:, second])
    return _aligned(*(table / table.sum() for table in kept))


def _aligned(a: Float, b: Float, c: Float) -> PairTables:
    """Return the tables rescaled to the marginals of the first (and of the second, where the first has none)."""
    mismatch = sum(float(np.abs(x - y).sum()) for x, y in _shared(a, b, c))
    b = b * (a.sum(axis=0) / b.sum(axis=0))
    for _ in range(20):
        if sum(float(np.abs(x - y).sum()) for x, y in _shared(a, b, c)) < 1e-16:
            break
        c = c * (a.sum(axis=1) / c.sum(axis=1))[:, None]
        c = c * (b.sum(axis=1) / c.sum(axis=0))
    return PairTables(a, b, c, mismatch)


def _shared(a: Float, b: Float, c: Float) -> tuple[tuple[Float, Float], ...]:
    """Return each marginal as the two tables that have it give it: p(y), p(x1), p(x2)."""
    return (
        (b.sum(axis=0), a.sum(axis=0)),
        (c.sum(axis=1), a.sum(axis=1)),
        (c.sum(axis=0), b.sum(axis=1)),
    )


def reconcile(
    p_x1y: Any, p_x2y: Any, p_x1x2: Any, *, rows: tuple[float, float, float] = (1.0, 1.0, 1.0), max_iter: int = 2000
) -> tuple[Float, Float, Float]:
    """Return three tables of one joint distribution, near the given ones in likelihood, same shapes.

    Args:
        p_x1y, p_x2y, p_x1x2: tables counted on different rows.
        rows: how many rows each was counted on; a table of more rows moves less.
        max_iter: steps of expectation maximisation; it stops earlier once the joint moves by less than 1e-12.

    Raises:
        InputError: for tables that are none or do not fit, rows that are not positive, a pair of symbols that occurs in
            p_x1x2 while no label is possible for both.

    Example:
        >>> x1y, x2y, x1x2 = reconcile([[0.3, 0.2], [0.1, 0.4]], [[0.3, 0.3], [0.2, 0.2]], [[0.3, 0.2], [0.2, 0.3]])
        >>> PairTables.check(x1y, x2y, x1x2).shape, round(float(abs(x1y.sum(axis=0) - x2y.sum(axis=0)).max()), 12)
        ((2, 2, 2), 0.0)
    """
    x1y, x2y, x1x2 = _check_shapes(p_x1y, p_x2y, p_x1x2)
    weights = np.asarray(rows, dtype=np.float64)
    if weights.shape != (3,) or not (np.isfinite(weights).all() and (weights > 0).all()):
        raise InputError("rows", rows, "three positive numbers of rows", "Pass the rows behind each table.")
    weights = weights / weights.sum()
    joint = x1x2[:, :, None] * (x1y + 1e-3)[:, None, :] * (x2y + 1e-3)[None, :, :]
    joint += np.outer(x1x2.sum(axis=1), x1x2.sum(axis=0))[:, :, None] * x1y.sum(axis=0) * 1e-3
    joint += x1y[:, None, :] * x2y[None, :, :]
    joint /= joint.sum()
    for _ in range(max_iter):
        update = weights[0] * _conditional(joint, x1y, 1) + weights[1] * _conditional(joint, x2y, 0)
        update += weights[2] * _conditional(joint, x1x2, 2)
        moved, joint = float(np.abs(update - joint).max()), update / update.sum()
        if moved < 1e-12:
            break
    return joint.sum(axis=1), joint.sum(axis=0), joint.sum(axis=2)


def _conditional(joint: Float, table: Float, axis: int) -> Float:
    """Return `joint` rescaled so that its sum over `axis` is `table`; a cell without mass stays so."""
    found = joint.sum(axis=axis)
    ratio = np.divide(table, found, out=np.zeros_like(table), where=found > 0)
    return np.asarray(joint * np.expand_dims(ratio, axis))
