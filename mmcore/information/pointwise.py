"""Atoms of single samples: what each row says together, apart, and only in common; they average to the dataset's.

    max  E_p[ alpha(x1,y) + beta(x2,y) ]    subject to    sum_y exp( alpha(x1,y) + beta(x2,y) ) <= 1 for all x1, x2
    i_union(x1,x2,y) = [ alpha(x1,y) + beta(x2,y) ] / ln 2 - log2 p(y)                                    (bits)
    r = i(x1;y) + i(x2;y) - i_union,  u1 = i_union - i(x2;y),  u2 = i_union - i(x1;y),  s = i(x1,x2;y) - i_union

with i(x;y) = log2 p(x,y)/(p(x)p(y)). The first line is the dual of the union information of Bertschinger et al. (2014)
(Makkeh, Theis and Vicente 2018 for the program). By strong duality the mean of i_union under p is I_union exactly, and
by complementary slackness i_union = log2 q*(y|x1,x2)/p(y) wherever the coupling q* has mass: locally, what the sources
say of y in the world that has p's pair tables and no synergy. Local informations: Fano (1961). The reading of the dual
point as a local union information is ours.

Assumptions. A dual point need not be unique: the means are determined, single values are only where q* has mass. Of
the optimal points one between is taken (`dual_point`): for two labels in closed form, for more what the interior point
converges to. Values may be negative, as all local informations: the sample then misleads.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS, PID, NotCertified
from mmcore.information.dual_point import dual_point
from mmcore.information.entropy import LN2
from mmcore.information.pid import check_table
from mmcore.information.pid import decompose as decompose_table
from mmcore.information.presolve import label_components
from mmcore.information.samples import as_array, codes

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_SLACK = 1e-9


@dataclasses.dataclass(frozen=True)
class PointwiseAtoms:
    """Atoms of each cell of a table, bits; NaN where the table has no mass.

    Attributes:
        redundancy, unique1, unique2, synergy: (n1, n2, l).
        union: (n1, n2, l), the local union information that decides them.
        p: the table; pid: its decomposition, to which the atoms average within `error`.
        error: largest difference of a mean from the decomposition's atom, bits.
    """

    redundancy: Float
    unique1: Float
    unique2: Float
    synergy: Float
    union: Float
    p: Float
    pid: PID
    error: float

    @property
    def atoms(self) -> dict[str, Float]:
        """The four arrays by name."""
        return {name: getattr(self, name) for name in ATOMS}

    def mean(self) -> dict[str, float]:
        """Return the averages under the table, in bits."""
        inside = self.p > 0
        return {name: float(self.p[inside] @ values[inside]) for name, values in self.atoms.items()}


def _local_union(p: Float, tol: float) -> Float:
    """Return i_union of each cell of `p` in bits, NaN where it has no mass."""
    a, b, label = p.sum(axis=1), p.sum(axis=0), p.sum(axis=(0, 1))
    found = np.full(p.shape, np.nan)
    inside = p > 0
    component = label_components(a, b)
    for k in range(int(component.max()) + 1):
        labels = np.flatnonzero((component == k) & (label > 0))
        if len(labels) == 0:
            continue
        mass = label[labels].sum()
        alpha, beta = dual_point(a[:, labels] / mass, b[:, labels] / mass, tol)
        for column, y in enumerate(labels):
            i, j = np.nonzero(inside[:, :, y])
            found[i, j, y] = (alpha[i, column] + beta[j, column]) / LN2 - np.log2(label[y])
    return found


def _local(table: Float) -> Float:
    """Return log2 p(x,y)/(p(x)p(y)) of a table (n, l), bits; NaN where it has no mass."""
    found = np.full(table.shape, np.nan)
    inside = table > 0
    product = table.sum(axis=1, keepdims=True) * table.sum(axis=0)
    found[inside] = np.log2(table[inside]) - np.log2(product[inside])
    return found


def decompose(p: Any, *, tol: float = 1e-9) -> PointwiseAtoms:
    """Return the atoms of each cell of a table, in bits; their means under the table are the atoms of `pid.decompose`.

    Args:
        p: joint probabilities (|X1|, |X2|, |Y|), summing to one.
        tol: width of the certified interval of the union information, bits.

    Raises:
        InputError, NotCertified: as `pid.decompose`; the latter also where the local union information averages to
            less than the certified lower bound less 1e-9 bits.

    Example:
        >>> p = np.zeros((2, 2, 2))
        >>> for i in range(2):
        ...     for j in range(2):
        ...         p[i, j, i & j] = 0.25
        >>> found = decompose(p)
        >>> float(found.redundancy[1, 1, 1]), float(found.synergy[1, 1, 1])   # (1,1): one bit said twice, one by both
        (1.0, 1.0)
        >>> found.error < 1e-9
        True
    """
    table = check_table(p)
    result = decompose_table(table, tol=tol)
    union = _local_union(table, tol)
    pair = _local(table.reshape(-1, table.shape[2])).reshape(table.shape)
    first, second = _local(table.sum(axis=1))[:, None, :], _local(table.sum(axis=0))[None, :, :]
    inside = table > 0
    mean = float(table[inside] @ union[inside])
    value = result.information1 + result.information2 - result.redundancy
    allowed = float(result.gap or 0.0) + tol + _SLACK
    if not abs(mean - value) <= allowed:
        raise NotCertified(mean, value, allowed, solver="pointwise", status="the dual point is not optimal")
    return PointwiseAtoms(
        redundancy=first + second - union,
        unique1=union - np.where(inside, second, np.nan),
        unique2=union - np.where(inside, first, np.nan),
        synergy=pair - union,
        union=union,
        p=table,
        pid=result,
        error=abs(mean - value),
    )


def of_rows(x1: Any, x2: Any, y: Any, *, tol: float = 1e-9) -> Float:
    """Return the atoms of each row (N, 4), in the order of `ATOMS`, in bits; their column means are the dataset's.

    Args:
        x1, x2: symbols (N,) of any kind; y: labels (N,).
        tol: as `decompose`.

    Raises:
        InputError: for rows of different lengths, none, or with missing values; NotCertified: as `decompose`.

    Example:
        >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        >>> of_rows(a, b, a ^ b).round(6)[0].tolist()
        [0.0, 0.0, 0.0, 1.0]
    """
    n_rows = len(as_array(x1, "x1")) if np.ndim(x1) else 0
    if n_rows == 0:
        raise InputError("x1", "no rows", "one symbol a row, shape (N,)", "Pass the symbols of the rows.")
    (i, n1), (j, n2), (k, n) = (codes(v, name, n_rows) for v, name in ((x1, "x1"), (x2, "x2"), (y, "y")))
    cells = np.ravel_multi_index((i, j, k), (n1, n2, n))
    table = np.bincount(cells, minlength=n1 * n2 * n).reshape(n1, n2, n) / n_rows
    found = decompose(table, tol=tol)
    return np.stack([values[i, j, k] for values in found.atoms.values()], axis=1)
