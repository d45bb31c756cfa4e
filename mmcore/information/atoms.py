"""The result of a decomposition: four atoms in bits, what certifies them, and how uncertain they are.

    R + U1 = I(X1;Y),   R + U2 = I(X2;Y),   R + U1 + U2 + S = I(X1,X2;Y)

Reference: Williams and Beer (2010) for the lattice, Bertschinger et al. (2014) for the definition. One number, the
union information I_union, decides all four (R = I1 + I2 - I_union, U1 = I_union - I2, U2 = I_union - I1,
S = I12 - I_union), so the sums hold by construction and the error of every atom is at most the certified gap.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.certificate import Union

Float = NDArray[np.float64]

# How a frozen object is made and filled without its __init__, which sets field by field: ten times faster.
_NEW, _SET = object.__new__, object.__setattr__

ATOMS = ("redundancy", "unique1", "unique2", "synergy")


class NotCertified(ArithmeticError):  # noqa: N818 - the name is a promise to callers
    """The solver did not bring the union information into an interval as narrow as asked.

    Attributes:
        lower, upper: the valid interval (bits) that it did reach.
        status: what the solver said of itself.
    """

    def __init__(self, lower: float, upper: float, tol: float, *, solver: str, status: str) -> None:
        self.lower, self.upper, self.tol = lower, upper, tol
        self.solver, self.status = solver, status
        super().__init__(
            f"union information lies in [{lower:.12g}, {upper:.12g}] bits: gap {upper - lower:.3g} > tol {tol:.3g} "
            f"(solver '{solver}', status '{status}'). Raise tol, or take another solver."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.lower, self.upper, self.tol, self.solver, self.status)


def _restore(lower: float, upper: float, tol: float, solver: str, status: str) -> NotCertified:
    return NotCertified(lower, upper, tol, solver=solver, status=status)


@dataclasses.dataclass(frozen=True)
class PID:
    """Redundancy, unique and synergistic information of two sources about a target, in bits.

    Attributes:
        redundancy, unique1, unique2, synergy: atoms of the table, at least `-gap`, never clipped.
        union_lower, union_upper: valid interval of the union information of the table.
        gap: its width; the error of each atom of the table is at most this.
        status: "certified" for a given table, "estimated" for atoms from samples.
        solver, iterations: engine and the iterations it took (the largest over its subproblems).
        corrected: atoms after bias correction; None for a given table, which has no sampling error.
        interval: atom -> (low, high), where resamples were drawn.
        null: atom -> values under permuted labels, where asked for.
        diagnostics: rows, clusters, residuals and the like; plain numbers, strings and lists.
        table: the joint probabilities (|X1|, |X2|, |Y|) that were decomposed, for `coupling`; not part of `to_dict`.
        draws: (n_boot, 4) atoms of the bootstrap resamples behind `interval`, bits, in the order of ATOMS; atoms of one
            row belong together. None where the interval is not from a bootstrap; not part of `to_dict`.

    Example:
        >>> result = PID(0.25, 0.0, 0.0, 0.5, gap=0.0, union_lower=0.25, union_upper=0.25, status="certified",
        ...              solver="two_labels", iterations=0)
        >>> result
        PID(R=0.2500, U1=0.0000, U2=0.0000, S=0.5000 bits; certified by two_labels, gap 0)
        >>> PID.from_dict(result.to_dict()) == result
        True
    """

    # Batch and place of a result not yet looked at: two slots cost a third of a dictionary to fill.
    __slots__ = ("__dict__", "__weakref__", "_batch", "_place")

    redundancy: float
    unique1: float
    unique2: float
    synergy: float
    gap: float | None = None
    union_lower: float | None = None
    union_upper: float | None = None
    status: str = "certified"
    solver: str = ""
    iterations: int = 0
    method: str = "broja"
    seed: int | None = None
    corrected: Mapping[str, float] | None = None
    interval: Mapping[str, tuple[float, float]] | None = None
    null: Mapping[str, tuple[float, ...]] | None = None
    diagnostics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    unit: str = "bits"
    table: Float | None = dataclasses.field(default=None, repr=False, compare=False)
    draws: Float | None = dataclasses.field(default=None, repr=False, compare=False)

    def __getattr__(self, name: str) -> Any:
        """Fill in a result of a batch when it is first looked at; only missing attributes come here."""
        if name == "_batch":
            return None  # of a result that was not made in a batch
        batch = self._batch
        if batch is not None:
            values, engine, tables = batch
            place = self._place
            _SET(self, "__dict__", _content(values[:, place].tolist(), engine, tables[place]))
            _SET_BATCH(self, None)
        try:
            return self.__dict__[name]  # there too if another thread has just filled it in
        except KeyError:
            raise AttributeError(f"'PID' object has no attribute '{name}'") from None

    def __hash__(self) -> int:
        """Return a hash that equal results share; the diagnostics are mappings, which have none."""
        return hash((self.redundancy, self.unique1, self.unique2, self.synergy, self.status, self.method))

    def __getstate__(self) -> dict[str, Any]:
        """Return the content of this result alone, without its batch."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @property
    def atoms(self) -> dict[str, float]:
        """The four atoms by name."""
        return {name: getattr(self, name) for name in ATOMS}

    @property
    def information1(self) -> float:
        """I(X1;Y) in bits."""
        return self.redundancy + self.unique1

    @property
    def information2(self) -> float:
        """I(X2;Y) in bits."""
        return self.redundancy + self.unique2

    @property
    def total(self) -> float:
        """I(X1,X2;Y) in bits, the sum of the four atoms."""
        return self.redundancy + self.unique1 + self.unique2 + self.synergy

    def coupling(self) -> Float:
        """Return q* (|X1|, |X2|, |Y|): the joint table with both of its pair tables whose synergy is zero.

        It has q(x1,y) = p(x1,y) and q(x2,y) = p(x2,y) up to rounding, and I_q(X1,X2;Y) is the union information within
        `gap` + 1e-9. It is built when asked: for two labels through the join of both sources, else by solving again.

        Raises:
            InputError: for a result without its table: one read back by `from_dict`, or of another measure.
            NotCertified: if the coupling's information is not within `gap` + 1e-9 bits of the union information.

        Reference: Bertschinger et al. 2014.

        Example:
            >>> from mmcore.information import pid
            >>> p = np.zeros((2, 2, 2))
            >>> p[0, 0, 0] = p[0, 1, 0] = p[1, 0, 0] = p[1, 1, 1] = 0.25     # AND
            >>> pid.decompose(p).coupling().round(6)[:, :, 0].tolist()
            [[0.5, 0.0], [0.0, 0.25]]
        """
        from mmcore.information.coupling import coupling

        return coupling(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        plain = {name: getattr(self, name) for name in _STORED}
        plain["corrected"] = None if self.corrected is None else dict(self.corrected)
        plain["interval"] = None if self.interval is None else {k: list(v) for k, v in self.interval.items()}
        plain["null"] = None if self.null is None else {k: list(v) for k, v in self.null.items()}
        plain["diagnostics"] = dict(self.diagnostics)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> PID:
        """Return the result that `to_dict` wrote.

        Raises:
            InputError: for a key that no result has, or one that is missing.
        """
        known = set(_STORED)
        wrong = sorted(set(plain) ^ known)
        if wrong:
            raise InputError("plain", ", ".join(wrong), ", ".join(sorted(known)), "Pass what PID.to_dict() returned.")
        values = dict(plain)
        if values["interval"] is not None:
            values["interval"] = {k: (float(v[0]), float(v[1])) for k, v in values["interval"].items()}
        if values["null"] is not None:
            values["null"] = {k: tuple(v) for k, v in values["null"].items()}
        return cls(**values)

    def __repr__(self) -> str:
        atoms = f"R={self.redundancy:.4f}, U1={self.unique1:.4f}, U2={self.unique2:.4f}, S={self.synergy:.4f} bits"
        gap = "" if self.gap is None else f", gap {self.gap:.1g}"
        return f"PID({atoms}; {self.status} by {self.solver}{gap})"


_SET_BATCH, _SET_PLACE = PID.__dict__["_batch"].__set__, PID.__dict__["_place"].__set__

# A result of a large batch is filled in when it is looked at (`PID.__getattr__`): a default that the class shows would
# be taken for the value. The defaults of PID(...) stay.
for _name in ("gap", "union_lower", "union_upper", "solver", "table"):
    delattr(PID, _name)

# What a stored result holds: table and draws can be large, and whoever stores a result has them.
_STORED = tuple(field.name for field in dataclasses.fields(PID) if field.name not in ("table", "draws"))


def _content(row: list[float], engine: Union, table: Any) -> dict[str, Any]:
    redundancy, unique1, unique2, synergy, gap, lower, upper = row
    return {
        "redundancy": redundancy,
        "unique1": unique1,
        "unique2": unique2,
        "synergy": synergy,
        "gap": gap,
        "union_lower": lower,
        "union_upper": upper,
        "solver": engine.solver,
        "iterations": engine.iterations,
        "diagnostics": {"solver_status": engine.status, "marginal_residual": engine.residual},
        "table": table,
    }


def results(
    values: Float, engines: Union | Sequence[Union], tables: Float | Sequence[Any], tol: float
) -> list[PID | NotCertified]:
    """Return a PID for each column of `values` whose gap is within `tol`, else a NotCertified.

    Args:
        values: (7, B): the four atoms, gap, lower and upper end of the union information, bits.
        engines: what the solver said of each table, or of all.
        tables: the B joint tables.
        tol: largest gap.

    Example:
        >>> values = np.array([[0, 0, 0, 1.0, 0, 0, 0]]).T
        >>> results(values, Union(0, 0, "solved", "two_labels", 0), [None], 1e-9)
        [PID(R=0.0000, U1=0.0000, U2=0.0000, S=1.0000 bits; certified by two_labels, gap 0)]
    """
    certified = values[4] <= tol
    found: list[PID | NotCertified] = []
    if isinstance(engines, Union) and certified.all():
        # Loops inside the interpreter: half of the time of a large batch was spent here.
        lazy = list(map(_NEW, repeat(PID, len(certified))))
        deque(map(_SET_BATCH, lazy, repeat((values, engines, tables))), maxlen=0)
        deque(map(_SET_PLACE, lazy, range(len(certified))), maxlen=0)
        found.extend(lazy)
        return found
    for k, row in enumerate(values.T.tolist()):
        engine = engines if isinstance(engines, Union) else engines[k]
        if certified[k]:
            result = _NEW(PID)
            _SET(result, "__dict__", _content(row, engine, tables[k]))
            found.append(result)
        else:
            found.append(NotCertified(row[5], row[6], tol, solver=engine.solver, status=engine.status))
    return found
