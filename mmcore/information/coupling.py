"""The coupling q* behind a decomposition: the joint table with the pair tables of p and no synergy.

    q* = argmin over q in Delta_p of I_q(X1,X2;Y),     Delta_p = {q : q(x1,y) = p(x1,y), q(x2,y) = p(x2,y)}

Reference: Bertschinger, Rauh, Olbrich, Jost and Ay (2014). It is built for each component of labels that interact (see
`presolve`): one label leaves any coupling, and the sources are made independent given it; two labels go through the
join of both sources (`solvers.join`); more take the primal point of the interior point, solved again. q* need not be
unique: only its two tables and its information are determined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.entropy import mutual_information

if TYPE_CHECKING:
    from mmcore.information.atoms import PID

Float = NDArray[np.float64]

_SLACK = 1e-9


def _component(a: Float, b: Float, tol: float) -> Float:
    """Return q* of the tables of one component of labels, each with the mass of the component."""
    from mmcore.information.solvers import interior, join

    if a.shape[1] == 1:
        return a[:, None, :] * b[None, :, :] / a.sum(axis=0)
    if a.shape[1] == 2:
        return join.coupling(a, b)
    rows, columns = a.sum(axis=1) > 0, b.sum(axis=1) > 0
    mass = a.sum()
    q = np.zeros((len(a), len(b), a.shape[1]))
    q[np.ix_(rows, columns)] = mass * interior.coupling(a[rows] / mass, b[columns] / mass, tol=tol)
    return q


def coupling(result: PID) -> Float:
    """Return q* (|X1|, |X2|, |Y|) of a certified decomposition.

    Args:
        result: of `pid.decompose` or `pid.decompose_many`, method "broja".

    Raises:
        InputError: for a result that does not hold its table, or was not certified.
        NotCertified: if the information of q* is further than `result.gap` + 1e-9 bits from the union information.

    Example:
        >>> from mmcore.information import pid
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> coupling(pid.decompose(xor)).tolist()[0]        # both inputs and the label independent in q*
        [[0.125, 0.125], [0.125, 0.125]]
    """
    from mmcore.information.atoms import NotCertified
    from mmcore.information.presolve import label_components

    if result.table is None or result.gap is None or result.union_upper is None or result.union_lower is None:
        received = "a result without its table" if result.table is None else f"a result of method '{result.method}'"
        raise InputError("coupling", received, "a result of pid.decompose", "Decompose the table again.")
    p = result.table
    a, b = p.sum(axis=1), p.sum(axis=0)
    q = np.zeros(p.shape)
    component = label_components(a, b)
    allowed = result.gap + _SLACK
    for k in range(int(component.max()) + 1):
        labels = np.flatnonzero((component == k) & (a.sum(axis=0) > 0))
        if len(labels):
            q[:, :, labels] = _component(a[:, labels], b[:, labels], max(result.gap, _SLACK))
    information = mutual_information(q.reshape(-1, p.shape[2]))
    if not abs(information - result.union_upper) <= allowed:
        low, high = result.union_lower, max(information, result.union_upper)
        raise NotCertified(low, high, allowed, solver="coupling", status=f"I_q = {information:.12g} bits")
    return q
