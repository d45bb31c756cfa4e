"""The study of thesis section 6.4: random 2 x 2 x 2 distributions, every bound of synergy against the exact synergy.

    p ~ Dirichlet(1, ..., 1) over eight cells;    gap = S - lower  or  upper - S;    violated: gap < -1e-9

All bounds see the three pair tables of p, the truth is the exact decomposition of p. The thesis prints average gaps of
0.18 below and 0.62 above over 100,000 points; the latter is met here, the former is not over the whole simplex (it
resembles the points with S > 0.1, which are summarised apart, as are those with S > 0.6 of the text). Beside the valid
bounds stand the printed ones under their constants, and `first_with_swapped_unique`, an error of the released code.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.entropy import mutual_information_many
from mmcore.information.semi_supervised import binary_segment, redundancy_bound
from mmcore.information.semi_supervised.disagreement import bhattacharyya, disagreement
from mmcore.information.semi_supervised.min_entropy_coupling import coupling_bounds
from mmcore.information.semi_supervised.pairwise_maximum_entropy import pairwise_maximum_entropy
from mmcore.information.semi_supervised.uniqueness_bound import (
    VALID_CONSTANT,
    bhattacharyya_bound,
    quadratic_bound,
    uniqueness_bound,
)
from mmcore.seeds import stream

Float = NDArray[np.float64]

CONSTANTS = {
    "uniqueness_c_1": 1.0,
    "uniqueness_c_1/2": 0.5,
    "uniqueness_c_1/(2 ln 2)": 1.0 / (2.0 * math.log(2.0)),
    "uniqueness_c_1/(4 ln 2)": VALID_CONSTANT,
    "uniqueness_c_1/4": 0.25,
}
WITHIN = (0.14, 0.20, 0.25)
_VIOLATED = 1e-9
_CHUNK = 20_000


def draw_tables(n_tables: int, seed: int) -> Float:
    """Return `n_tables` joint tables (n, 2, 2, 2), uniform on the simplex.

    Raises:
        InputError: for fewer than one table.

    Example:
        >>> draw_tables(3, seed=0).sum(axis=(1, 2, 3)).round(9).tolist()
        [1.0, 1.0, 1.0]
    """
    if n_tables < 1:
        raise InputError("n_tables", n_tables, "an integer >= 1", "Ask for at least one table.")
    return stream(seed, "simplex study").dirichlet(np.ones(8), size=n_tables).reshape(-1, 2, 2, 2)


def _unions(pairs: tuple[Float, Float]) -> tuple[Float, Float]:
    """Return both ends of the union information of each pair of tables, bits."""
    from mmcore.information.solvers import union_many

    found = union_many(list(zip(*pairs)))
    return np.array([union.lower for union in found]), np.array([union.upper for union in found])


def evaluate(p: Float) -> tuple[dict[str, Float], dict[str, Float], dict[str, Float]]:
    """Return atoms, lower and upper bounds of synergy of joint tables (n, 2, 2, 2), each an array (n,) of bits.

    Example:
        >>> atoms, lower, upper = evaluate(draw_tables(2, seed=0))
        >>> inside = (lower["exact_minimum"] <= atoms["synergy"]) & (atoms["synergy"] <= upper["exact_maximum"])
        >>> bool(inside.all())
        True
    """
    a, b, c = p.sum(axis=2), p.sum(axis=1), p.sum(axis=3)
    union = _unions((a, b))[1]
    both = mutual_information_many(p.reshape(len(p), 4, 2))
    information1, information2 = mutual_information_many(a), mutual_information_many(b)
    unique1, unique2 = union - information2, union - information1
    atoms = {
        "redundancy": information1 + information2 - union,
        "unique1": unique1,
        "unique2": unique2,
        "synergy": both - union,
    }
    first_target, second_target = redundancy_bound.target_tables(a, b, c)
    ends = _unions(first_target)[0], _unions(second_target)[0]
    first, second = (bound - union for bound in redundancy_bound.information_bounds(a, b, c, ends))
    alpha = disagreement(a, b, c)
    lower = {
        "redundancy_first": first,
        "redundancy": np.maximum(first, second),
        "exact_minimum": pairwise_maximum_entropy(a, b, c).information - union,
        **{name: uniqueness_bound(alpha, unique1, unique2, constant=value) for name, value in CONSTANTS.items()},
        "uniqueness_quadratic": quadratic_bound(alpha, unique1, unique2),
        "uniqueness_bhattacharyya": bhattacharyya_bound(bhattacharyya(a, b, c), unique1, unique2),
        "first_with_swapped_unique": first + unique1 - unique2,
    }
    upper = {name: value - union for name, value in coupling_bounds(a, b, c).items()}
    upper["exact_maximum"] = binary_segment.information_range(a, b, c)[1] - union
    return atoms, lower, upper


def _summary(gap: Float, *, positive: NDArray[np.bool_] | None = None) -> dict[str, float]:
    violated = gap < -_VIOLATED
    found = {
        "mean_gap": float(gap.mean()),
        "median_gap": float(np.median(gap)),
        **{f"within_{limit:.2f}": float((np.abs(gap) <= limit).mean()) for limit in WITHIN},
        "violated": float(violated.mean()),
        "worst_violation": float(max(0.0, -gap.min())),
    }
    if positive is not None:
        found["violated_where_positive"] = float(violated[positive].mean()) if positive.any() else 0.0
    return found


def study(n_tables: int = 100_000, seed: int = 0) -> dict[str, Any]:
    """Return how tight each bound is and how often it is violated, over `n_tables` random distributions.

    Args:
        n_tables: how many; 100,000 as in the thesis.
        seed: of the draw.

    Returns plain numbers: `atoms` (their means), `lower` and `upper`: bound -> `mean_gap`, `median_gap`,
    `within_0.14`, `within_0.20`, `within_0.25` (shares), `violated` (share), `worst_violation`, for lower ones
    `violated_where_positive`; `synergy_above_0.1` and `synergy_above_0.6`: the same on the tables with that synergy.
    Lower bounds are taken as they stand, not raised to 0.

    Raises:
        InputError: for fewer than one table.

    Example:
        >>> found = study(50, seed=0)
        >>> found["lower"]["exact_minimum"]["violated"], found["n_tables"]
        (0.0, 50)
    """
    p = draw_tables(n_tables, seed)
    parts = [evaluate(p[start : start + _CHUNK]) for start in range(0, n_tables, _CHUNK)]
    atoms, lower, upper = (
        {name: np.concatenate([part[side][name] for part in parts]) for name in parts[0][side]} for side in range(3)
    )
    synergy = atoms["synergy"]
    found: dict[str, Any] = {
        "n_tables": n_tables,
        "seed": seed,
        "unit": "bits",
        "atoms": {name: float(value.mean()) for name, value in atoms.items()},
        **_both_sides(synergy, lower, upper, np.ones(n_tables, dtype=bool)),
    }
    for limit in (0.1, 0.6):
        rows = synergy > limit
        found[f"synergy_above_{limit}"] = {"n_tables": int(rows.sum())}
        if rows.any():
            found[f"synergy_above_{limit}"].update(_both_sides(synergy, lower, upper, rows))
    return found


def _both_sides(
    synergy: Float, lower: dict[str, Float], upper: dict[str, Float], rows: NDArray[np.bool_]
) -> dict[str, dict[str, dict[str, float]]]:
    below = {name: _summary((synergy - v)[rows], positive=(v > 0)[rows]) for name, v in lower.items()}
    return {"lower": below, "upper": {name: _summary((value - synergy)[rows]) for name, value in upper.items()}}
