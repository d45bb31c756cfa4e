"""Optimal transport matching: the coupling of two sets of steps or rows that moves one onto the other most cheaply.

    exact:     P = argmin_{P >= 0, P 1 = a, P' 1 = b} <P, C>,   C_ij = ||x_i - y_j||^2
    sinkhorn:  the same with - regularisation * H(P) added, C divided by its largest entry
    gromov:    P = argmin sum_ijkl (C1_ik - C2_jl)^2 P_ij P_kl   (distances within each set only)
    fused:     (1 - share) <P, C> + share * gromov

Source: Peyre and Cuturi 2019; Memoli 2011 and Vayer et al. 2019 for the last two; solved by POT (Flamary et al. 2021),
sinkhorn in the log domain. Exact and sinkhorn need comparable columns; gromov only needs distances within each set, but
is a local optimum and knows the sets only up to their symmetries. The marginal residual says how far the plan is from
moving exactly a onto b; a solver that stopped early has status "not_converged".
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.align.features import as_steps
from mmcore.errors import InputError, unknown_name

SOLVERS = ("exact", "sinkhorn", "gromov", "fused")
CONVERGED, NOT_CONVERGED = "converged", "not_converged"


@dataclass(frozen=True)
class Transport:
    """A coupling of x (n rows) and y (m rows).

    Attributes:
        plan: (n, m) mass that goes from x_i to y_j; sums to 1.
        cost: value of the objective's transport part (gromov and fused: of the whole objective).
        marginal_residual: largest absolute error of the plan's row and column sums.
        permutation: (n,) the row of y that belongs to each row of x, where n = m and weights are uniform; else None.
        status: "converged" or "not_converged".
        iterations: of the solver, or None where it does not tell.
    """

    plan: np.ndarray
    cost: float
    marginal_residual: float
    permutation: np.ndarray | None
    status: str
    iterations: int | None

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return `values` (m, d), which belong to y, on the rows of x: (n, d), the barycentre each row is matched to.

        Example:
            >>> match(np.array([0.0, 1.0]), np.array([1.0, 0.0])).project(np.array([[10.0], [20.0]])).ravel().tolist()
            [20.0, 10.0]
        """
        mass = self.plan.sum(axis=1, keepdims=True)
        return (self.plan @ np.asarray(values, dtype=np.float64)) / mass


def match(
    x: np.ndarray,
    y: np.ndarray,
    *,
    solver: str = "exact",
    regularisation: float = 0.01,
    share: float = 0.5,
    max_iterations: int = 10_000,
    tolerance: float = 1e-6,
) -> Transport:
    """Return the optimal coupling of the rows of `x` and `y`, each row weighing the same.

    Args:
        x: (n, p) or (n,) rows.
        y: (m, q) or (m,) rows; q = p unless the solver is "gromov".
        solver: "exact", "sinkhorn", "gromov" or "fused".
        regularisation: of sinkhorn, relative to the largest cost; smaller is sharper and slower.
        share: of the structure term in "fused", in [0, 1].
        max_iterations: where the solver stops.
        tolerance: largest marginal residual that counts as converged.

    Raises:
        InputError: for an unknown solver, widths that differ, or parameters out of range.

    Example:
        >>> x = np.array([[0.0], [5.0], [9.0]])
        >>> match(x, x[[2, 0, 1]]).permutation.tolist()
        [1, 2, 0]
    """
    a, b = as_steps(x, "x"), as_steps(y, "y")
    _check(a, b, solver, regularisation, share, tolerance)
    n, m = len(a), len(b)
    weights = np.full(n, 1.0 / n), np.full(m, 1.0 / m)
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        # POT warns where it stops early or overflows; the status says it instead
        warnings.simplefilter("ignore", UserWarning)
        plan, cost, iterations, stopped = _solve(
            a, b, weights, solver, regularisation, share, max_iterations, tolerance
        )
    residual = float(max(np.abs(plan.sum(1) - weights[0]).max(), np.abs(plan.sum(0) - weights[1]).max()))
    converged = not stopped and np.isfinite(plan).all() and residual <= tolerance
    permutation = _permutation(plan) if n == m and np.isfinite(plan).all() else None
    return Transport(plan, cost, residual, permutation, CONVERGED if converged else NOT_CONVERGED, iterations)


def _check(a: np.ndarray, b: np.ndarray, solver: str, regularisation: float, share: float, tolerance: float) -> None:
    if solver not in SOLVERS:
        raise unknown_name("solver", solver, SOLVERS)
    if solver != "gromov" and a.shape[1] != b.shape[1]:
        raise InputError(
            "y", f"width {b.shape[1]}", f"the width of x, {a.shape[1]}",
            "Use solver='gromov', or features that both have ('magnitude').",
        )  # fmt: skip
    if not 0 < regularisation < np.inf:
        raise InputError("regularisation", regularisation, "a number above 0", "Give 0.01.")
    if not 0 <= share <= 1:
        raise InputError("share", share, "a number in [0, 1]", "Give 0.5.")
    if not 0 < tolerance < 1:
        raise InputError("tolerance", tolerance, "a number in (0, 1)", "Give 1e-6.")


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(x, y, "sqeuclidean")


def _solve(
    x: np.ndarray, y: np.ndarray, weights: tuple[np.ndarray, np.ndarray], solver: str,
    regularisation: float, share: float, max_iterations: int, tolerance: float,
) -> tuple[np.ndarray, float, int | None, bool]:  # fmt: skip
    """Return plan, cost, iterations and whether the solver stopped before it was done."""
    import ot

    a, b = weights
    log: dict[str, Any]
    if solver in ("gromov", "fused"):
        within = _squared_distances(x, x) ** 0.5, _squared_distances(y, y) ** 0.5
        scale = max(within[0].max(), within[1].max()) or 1.0
        within = within[0] / scale, within[1] / scale
        settings = {"max_iter": max_iterations, "log": True}
        if solver == "gromov":
            plan, log = ot.gromov_wasserstein(*within, a, b, "square_loss", **settings)
            return plan, float(log["gw_dist"]), len(log["loss"]), len(log["loss"]) > max_iterations
        cost = _squared_distances(x, y)
        cost = cost / (cost.max() or 1.0)
        plan, log = ot.fused_gromov_wasserstein(cost, *within, a, b, "square_loss", alpha=share, **settings)
        return plan, float(log["fgw_dist"]), len(log["loss"]), len(log["loss"]) > max_iterations
    cost = _squared_distances(x, y)
    if solver == "exact":
        plan, log = ot.emd(a, b, cost, numItermax=max(max_iterations, 100_000), log=True)
        return plan, float((plan * cost).sum()), None, log["result_code"] != 1
    plan, log = ot.sinkhorn(
        a, b, cost / (cost.max() or 1.0), regularisation, method="sinkhorn_log",
        numItermax=max_iterations, stopThr=0.1 * tolerance, log=True,
    )  # fmt: skip
    return plan, float((plan * cost).sum()), int(log["niter"]) + 1, False


def _permutation(plan: np.ndarray) -> np.ndarray:
    """Return the one-to-one matching that keeps the most of the plan's mass."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(plan, maximize=True)[1]
