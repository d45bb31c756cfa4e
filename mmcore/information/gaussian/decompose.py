"""Decomposition of a covariance: minimum mutual information, or the union information over Gaussian couplings.

    mmi     I_union = max( I(X1;Y), I(X2;Y) )
    broja   I_union = min over Gaussian q with the covariances of (X1,Y) and (X2,Y) of I_q(X1,X2;Y)
    R = I1 + I2 - I_union,   U1 = I_union - I2,   U2 = I_union - I1,   S = I12 - I_union        (bits)

References: Barrett, Exploration of synergistic and redundant information sharing in static and dynamical Gaussian
systems, Phys. Rev. E 91, 052802 (2015), who shows that both agree for a scalar target; Venkatesh and Schamberg (2022)
and Venkatesh et al. (2023) for several targets, where MMI calls different content redundant (x1 = y1 + noise, x2 = y2 +
noise shares nothing, MMI says all).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import unknown_name
from mmcore.information.atoms import PID, NotCertified
from mmcore.information.gaussian.channel import Channel, channel
from mmcore.information.gaussian.union import GaussianUnion, union_information

Float = NDArray[np.float64]

MEASURES = ("broja", "mmi")


def union_of(found: Channel, measure: str, tol: float) -> GaussianUnion:
    """Return the union information of whitened channels under a measure, bits.

    Raises:
        NotCertified: if the interval stays wider than `tol`.

    Example:
        >>> one = channel(np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]]), (1, 1, 1))
        >>> round(union_of(one, "mmi", 1e-6).upper, 4)
        0.3219
    """
    if measure == "mmi":
        best = max(found.information1, found.information2)
        return GaussianUnion(best, best, np.empty((0, 0)), 0, "closed_form")
    union = union_information(found.gain1, found.gain2, tol=min(tol, 1e-8))
    if not union.upper - union.lower <= tol:
        raise NotCertified(union.lower, union.upper, tol, solver="gaussian barrier", status=union.status)
    return union


def assemble(found: Channel, union: GaussianUnion, measure: str, **fields: Any) -> PID:
    """Return the decomposition of whitened channels whose union information is known."""
    diagnostics = {"measure": measure, "solver_status": union.status, **fields.pop("diagnostics", {})}
    # so it is, but for the last digit: both sources hold what each one holds, and the union no more than both
    larger = max(found.information1, found.information2)
    both = max(found.both, larger)
    upper = max(min(union.upper, both), larger)
    lower = min(max(union.lower, larger), upper)
    return PID(
        redundancy=found.information1 + found.information2 - upper,
        unique1=upper - found.information2,
        unique2=upper - found.information1,
        synergy=both - upper,
        gap=upper - lower,
        union_lower=lower,
        union_upper=upper,
        solver="closed form" if measure == "mmi" else "gaussian barrier",
        iterations=union.iterations,
        method="gaussian",
        diagnostics=diagnostics,
        **fields,
    )


def decompose(covariance: Any, sizes: tuple[int, int, int], *, measure: str = "broja", tol: float = 1e-6) -> PID:
    """Return the decomposition of jointly Gaussian x1, x2, y given their covariance, in bits.

    Args:
        covariance: (n, n) in the order x1, x2, y.
        sizes: columns of x1, x2, y.
        measure: "broja" (over Gaussian couplings) or "mmi".
        tol: widest interval of the union information that is accepted, bits.

    Raises:
        InputError: for an unknown measure, a covariance that is none or singular, an infinite information.
        NotCertified: if the interval stays wider than `tol`.

    Example:
        >>> cov = np.eye(4)                                # x1 = y1 + noise, x2 = y2 + noise: nothing is shared
        >>> cov[0, 2] = cov[2, 0] = cov[1, 3] = cov[3, 1] = 0.6
        >>> decompose(cov, (1, 1, 2)).unique1.__round__(6), decompose(cov, (1, 1, 2), measure="mmi").unique1
        (0.321928, 0.0)
    """
    if measure not in MEASURES:
        raise unknown_name("measure", str(measure), MEASURES)
    found = channel(np.asarray(covariance, dtype=np.float64), sizes)
    return assemble(found, union_of(found, measure, tol), measure, status="certified")
