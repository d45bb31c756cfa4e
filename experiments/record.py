"""What an experiment found beside what was expected: the record it leaves, and the gate that fails when they differ.

    | found - expected | <= tolerance,    or    low <= found <= high

Every expected value names its source (a page, a table, a formula). The record is written before the gate speaks, so
that a failed experiment can be read; the exit code then makes its stage fail.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmcore.atomic import atomic_file, write_json
from mmcore.errors import InputError

HERE = Path(__file__).parent
RESULTS = HERE / "results"


@dataclasses.dataclass(frozen=True)
class Check:
    """One number beside its expectation; `allowed` is (low, high).

    Example:
        >>> Check("synergy of XOR", 0.99, (0.98, 1.02), "closed form").passed
        True
    """

    quantity: str
    found: float
    allowed: tuple[float, float]
    source: str

    @property
    def passed(self) -> bool:
        """Whether the number lies within what is allowed; NaN never does."""
        return self.allowed[0] <= self.found <= self.allowed[1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the record; infinite ends are null."""
        low, high = (end if math.isfinite(end) else None for end in self.allowed)
        found = self.found if math.isfinite(self.found) else None
        return {
            "quantity": self.quantity,
            "found": found,
            "allowed": [low, high],
            "source": self.source,
            "passed": self.passed,
        }


def near(quantity: str, found: float, expected: float, tolerance: float, source: str) -> Check:
    """Return the check that `found` is within `tolerance` of `expected`.

    Example:
        >>> near("R of AND", 0.3, 0.3113, 0.01, "Bertschinger et al. 2014").passed
        False
    """
    return Check(quantity, float(found), (expected - tolerance, expected + tolerance), source)


class ExperimentFailed(RuntimeError):  # noqa: N818 - reads as what happened
    """A number lies outside what was declared."""


def parameters(name: str) -> dict[str, Any]:
    """Return the block of `experiments/params.yaml` called `name`.

    Raises:
        InputError: where there is none.
    """
    content = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    if name not in content:
        raise InputError("experiment", name, ", ".join(sorted(content)), "Add its block to experiments/params.yaml.")
    return dict(content[name])


def publish(
    name: str,
    checks: Sequence[Check],
    results: Mapping[str, Any],
    *,
    drawings: Mapping[str, str] | None = None,
    folder: Path = RESULTS,
) -> Path:
    """Write `<folder>/<name>/record.json` (and drawings), then raise where a check does not pass.

    Raises:
        ExperimentFailed: naming each number that lies outside what is allowed.
        InputError: for an experiment without a check, which could not fail.
    """
    if not checks:
        raise InputError("checks", "none", "at least one", "Declare what the experiment expects.")
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    for file, content in (drawings or {}).items():
        with atomic_file(target / file) as aside:
            Path(aside).write_text(content, encoding="utf-8")
    record = {"experiment": name, "checks": [check.to_dict() for check in checks], "results": dict(results)}
    write_json(target / "record.json", record)
    failed = [check for check in checks if not check.passed]
    if failed:
        lines = [
            f"  {c.quantity}: found {c.found:.6g}, allowed {c.allowed[0]:.6g} to {c.allowed[1]:.6g} ({c.source})"
            for c in failed
        ]
        raise ExperimentFailed(f"{name}: {len(failed)} of {len(checks)} numbers are outside:\n" + "\n".join(lines))
    return target / "record.json"


def run(
    name: str, experiment: Callable[[dict[str, Any]], tuple[Sequence[Check], Mapping[str, Any], Mapping[str, str]]]
) -> None:
    """Run an experiment as a stage: read its parameters, publish, and end with exit code 1 where it fails."""
    try:
        checks, results, drawings = experiment(parameters(name))
        path = publish(name, checks, results, drawings=drawings)
    except (ExperimentFailed, InputError) as error:
        sys.exit(f"{error}")
    print(f"{name}: {len(checks)} checks passed, {path.relative_to(HERE.parent)}")
