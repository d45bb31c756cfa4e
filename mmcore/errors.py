"""One shape for every complaint about input: the argument, what came, what is allowed, the remedy.

Tests assert on the attributes rather than on the wording.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A user's input cannot be used.

    Args:
        argument: name of the argument, key or column that is wrong.
        received: what came, as the user would recognise it.
        allowed: what would have been accepted.
        remedy: what to do now, as an imperative sentence.

    Example:
        >>> raise InputError("method", "clusterz", "clusters, gaussian", "Use 'clusters'.")
        Traceback (most recent call last):
        mmcore.errors.InputError: method: received clusterz; allowed: clusters, gaussian. Use 'clusters'.
    """

    def __init__(self, argument: str, received: object, allowed: object, remedy: str) -> None:
        self.argument = argument
        self.received = str(received)
        self.allowed = str(allowed)
        self.remedy = remedy
        super().__init__(f"{argument}: received {self.received}; allowed: {self.allowed}. {remedy}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str, str]]:
        return type(self), (self.argument, self.received, self.allowed, self.remedy)


class NotBuiltYetError(NotImplementedError):
    """A named part of the design that does not exist yet; says which, and what works today."""


def counted(n: int, noun: str) -> str:
    """Return a count with its noun, in the singular for one.

    Example:
        >>> counted(1, "row"), counted(2, "class"), counted(3, "modality"), counted(0, "world")
        ('1 row', '2 classes', '3 modalities', '0 worlds')
    """
    if n == 1:
        return f"{n} {noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{n} {noun[:-1]}ies"
    return f"{n} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def nearest_name(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name closest to `name`, or None where none is close.

    Example:
        >>> nearest_name("acuracy", ["accuracy", "auroc"])
        'accuracy'
    """
    matches = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.6)
    return matches[0] if matches else None


def unknown_name(argument: str, name: str, valid: Iterable[str]) -> InputError:
    """Return the error for a name that no registry knows, with the nearest valid one.

    Example:
        >>> unknown_name("reader", "npzz", ["npz", "table"]).remedy
        "Did you mean 'npz'?"
    """
    options = sorted(valid)
    near = nearest_name(name, options)
    remedy = f"Did you mean '{near}'?" if near else "Choose one of the allowed names."
    return InputError(argument, f"'{name}'", ", ".join(options), remedy)
