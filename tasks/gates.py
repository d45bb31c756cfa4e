"""The error of a gate: the data or a result is not good enough to go on, and a scientist is told why."""

from __future__ import annotations


class GateError(RuntimeError):
    """A declared tolerance is exceeded. Names the sample or the number, what is allowed and the remedy."""
