"""The error of a gate, and the gates of an estimate: what is not good enough to go on, and why, for a scientist.

A pair passes when its certified interval is at most `max_gap` bits wide, the solver's own marginals were right to
`max_residual`, and its rows fill the table of symbols and classes with `min_rows_per_cell` rows a cell on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmcore.errors import counted


class GateError(RuntimeError):
    """A declared tolerance is exceeded. Names the sample or the number, what is allowed and the remedy."""


def _parts(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in result["information"]:
        yield " and ".join(entry["modalities"]), entry
    for entry in result["pairs"]:
        yield f"{entry['first']} with {entry['second']}", entry
    for entry in result.get("against_rest") or ():
        yield f"{entry['modality']} with all others", entry


def estimate_problems(
    result: Mapping[str, Any], *, max_gap: float, max_residual: float, too_few_rows: str
) -> list[str]:
    """Return one line for each part of `estimate.json` that exceeds a tolerance.

    Example:
        >>> part = {"modalities": ["ecg"], "status": "refused", "kind": "too_few_rows", "reason": "9 rows for 16 cells"}
        >>> result = {"information": [part], "pairs": []}
        >>> estimate_problems(result, max_gap=1e-6, max_residual=1e-6, too_few_rows="fail")
        ['ecg: 9 rows for 16 cells']
    """
    problems = []
    for name, entry in _parts(result):
        if entry["status"] != "estimated":
            if entry.get("kind") == "too_few_rows" and too_few_rows == "fail":
                problems.append(f"{name}: {entry['reason']}")
            continue
        found = entry.get("diagnostics") or {}
        gap, residual = found.get("gap"), found.get("marginal_residual")
        if gap is not None and gap > max_gap:
            problems.append(
                f"{name}: its atoms are certain to {gap:.2g} bits only; allowed: {max_gap:.2g} (estimate.max_gap). "
                "Take estimate.solver: auto, or fewer clusters."
            )
        if residual is not None and residual > max_residual:
            problems.append(
                f"{name}: the solver missed the given marginals by {residual:.2g}; allowed: {max_residual:.2g} "
                "(estimate.max_residual). Take estimate.solver: auto."
            )
    return problems


def hold_estimate(dataset: str, result: Mapping[str, Any], **tolerances: Any) -> None:
    """Raise where a part of an estimate exceeds a declared tolerance.

    Raises:
        GateError: with every such part, what was found, what is allowed and the remedy.
    """
    problems = estimate_problems(result, **tolerances)
    if problems:
        count = counted(len(problems), "part")
        advice = "To go on without parts that have too few rows: estimate.too_few_rows: report."
        few = [advice] if any("rows for" in problem for problem in problems) else []
        lines = [f"  {problem}" for problem in problems]
        raise GateError("\n".join([f"estimate: {count} of '{dataset}' cannot be relied on.", *lines, *few]))
