"""The result of every estimator of mutual information: a number in bits, what kind of number it is, and its doubts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from mmcore.errors import InputError

KINDS = ("estimate", "lower_bound", "upper_bound_surrogate")


@dataclasses.dataclass(frozen=True)
class MutualInformation:
    """Mutual information of two variables, in bits, never clipped.

    Attributes:
        value: in bits; an estimate of zero may come out negative.
        method: estimator and variant.
        kind: "estimate"; "lower_bound" (in expectation); or "upper_bound_surrogate" (an upper bound only where what was
            learned fits, never to be read as an estimate).
        status: "estimated", or "capped" where the estimator cannot express much more than `value`.
        interval: (low, high) in bits, where asked for.
        seed: of everything that was drawn.
        diagnostics: rows, nulls, caps and the like; plain numbers, strings and lists.
        unit: "bits".

    Example:
        >>> result = MutualInformation(0.531, "plug_in, miller_madow", interval=(0.5, 0.56))
        >>> result
        MutualInformation(0.5310 bits [0.5000, 0.5600]; estimate by plug_in, miller_madow; estimated)
        >>> MutualInformation.from_dict(result.to_dict()) == result
        True
    """

    value: float
    method: str
    kind: str = "estimate"
    status: str = "estimated"
    interval: tuple[float, float] | None = None
    seed: int | None = None
    diagnostics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    unit: str = "bits"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["interval"] = None if self.interval is None else list(self.interval)
        plain["diagnostics"] = dict(self.diagnostics)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> MutualInformation:
        """Return the result that `to_dict` wrote.

        Raises:
            InputError: for a key that no result has, or one that is missing.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        wrong = sorted(set(plain) ^ known)
        if wrong:
            remedy = "Pass what MutualInformation.to_dict() returned."
            raise InputError("plain", ", ".join(wrong), ", ".join(sorted(known)), remedy)
        values = dict(plain)
        if values["interval"] is not None:
            values["interval"] = (float(values["interval"][0]), float(values["interval"][1]))
        return cls(**values)

    def __repr__(self) -> str:
        interval = "" if self.interval is None else f" [{self.interval[0]:.4f}, {self.interval[1]:.4f}]"
        kind = self.kind.replace("_", " ")
        return f"MutualInformation({self.value:.4f} {self.unit}{interval}; {kind} by {self.method}; {self.status})"
