"""Options of a preprocessing kind as plain data, and the check that finds every problem in what a user typed.

An option has a type, a default and one line of help. A value is never converted in silence: `1` is not `true`, `"64"`
is not 64; a whole number is accepted where a real one is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.errors import InputError, nearest_name, unknown_name


@dataclass(frozen=True)
class Option:
    """One option: `type` is `choice`, `bool`, `int`, `float`, `str` or `pair` (two whole numbers).

    Args:
        name: the key in `params.yaml`.
        type: see above.
        default: what holds when the key is not given.
        help: one line for the documentation.
        choices: the allowed values of a `choice`.
        low: the least allowed number.
        nullable: whether `null` is allowed.
    """

    name: str
    type: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    nullable: bool = False

    def allowed(self) -> str:
        """Return in words what the option takes.

        Example:
            >>> Option("bands", "int", 5, "", low=1).allowed()
            'a whole number of at least 1'
        """
        words = {
            "choice": ", ".join(self.choices),
            "bool": "true, false",
            "int": "a whole number",
            "float": "a number",
            "str": "text",
            "pair": "two whole numbers [first, second]",
        }[self.type]
        least = f" of at least {self.low:g}" if self.low is not None else ""
        return f"{words}{least}{' or null' if self.nullable else ''}"

    def problem(self, argument: str, value: Any) -> InputError | None:
        """Return what is wrong with `value`, or None.

        Example:
            >>> Option("scaling", "choice", "none", "", choices=("none", "robust")).problem("x", "robsut").remedy
            "Did you mean 'robust'?"
        """
        if value is None and self.nullable:
            return None
        if self.type == "choice" and isinstance(value, str) and value not in self.choices:
            return unknown_name(argument, value, self.choices)
        if self._fits(value):
            return None
        remedy = f"Write for example '{self.name}: {self._example()}'."
        return InputError(argument, repr(value), self.allowed(), remedy)

    def _example(self) -> str:
        if self.default is None:
            return "null"
        return str(self.default).lower() if self.type == "bool" else str(self.default)

    def _fits(self, value: Any) -> bool:
        if self.type == "choice":
            return value in self.choices if isinstance(value, str) else False
        if self.type == "bool":
            return isinstance(value, bool)
        if self.type == "str":
            return isinstance(value, str) and value != ""
        if self.type == "pair":
            if not isinstance(value, list | tuple) or len(value) != 2:
                return False
            return all(self._number(part, (int,)) for part in value)
        return self._number(value, (int,) if self.type == "int" else (int, float))

    def _number(self, value: Any, numeric: tuple[Any, ...]) -> bool:
        if isinstance(value, bool) or not isinstance(value, numeric):
            return False
        return value == value and abs(value) != float("inf") and (self.low is None or value >= self.low)


def check_values(argument: str, values: Any, options: tuple[Option, ...]) -> list[InputError]:
    """Return every problem of `values` against one kind's options.

    Example:
        >>> options = (Option("bands", "int", 5, "", low=1),)
        >>> [error.remedy for error in check_values("timeseries", {"band": 3}, options)]
        ["Did you mean 'bands'?"]
    """
    if not isinstance(values, Mapping):
        allowed = "a mapping of option to value"
        return [InputError(argument, repr(values), allowed, "Write the options one a line, indented below the key.")]
    known = {option.name: option for option in options}
    problems = []
    for key, value in values.items():
        if key in known:
            problems.append(known[key].problem(f"{argument}.{key}", value))
        elif known:
            problems.append(unknown_name(argument, str(key), known))
        else:
            problems.append(InputError(argument, f"'{key}'", "no option", "Remove the key."))
    return [problem for problem in problems if problem is not None]


def nearest_option_owner(key: str, valid: list[str]) -> InputError:
    """Return the error for a key that is neither a kind nor a modality, with the nearest of both."""
    near = nearest_name(key, valid)
    remedy = f"Did you mean '{near}'?" if near else "Name a kind, or a modality of this dataset."
    return InputError(key, f"'{key}'", ", ".join(valid), remedy)
