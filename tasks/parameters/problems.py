"""All that is wrong with `params.yaml`, at once, before anything runs: key, value, what is allowed, nearest name."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mmcore.errors import InputError, nearest_name
from tasks.parameters.model import Parameters

_ALLOWED = {
    "greater_than": "> {gt:g}",
    "greater_than_equal": ">= {ge:g}",
    "less_than": "< {lt:g}",
    "less_than_equal": "<= {le:g}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "too_short": "at least {min_length}",
    "string_pattern_mismatch": "names that match {pattern}",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a block of keys",
    "model_type": "a block of keys",
    "string_type": "text",
    "invalid_key": "keys that are text",
}
"""Pydantic's kind of error -> what would have been accepted."""


class ParametersError(ValueError):
    """`params.yaml` cannot be used. `.problems` holds one `InputError` for each mistake."""

    def __init__(self, problems: Sequence[InputError], path: str = "params.yaml") -> None:
        self.problems = list(problems)
        lines = [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        noun = "problem" if len(lines) == 1 else "problems"
        super().__init__("\n".join([f"{path} has {len(lines)} {noun}; nothing was run.", *lines]))


def structure_problems(content: Any) -> tuple[Parameters | None, list[InputError]]:
    """Return the parameters and no problems, or None and every problem of the structure, one a key."""
    try:
        return Parameters.model_validate(content), []
    except ValidationError as failure:
        by_key: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for error in failure.errors():
            # A union reports each of its branches; the user made one mistake.
            by_key.setdefault(_key(error, content), []).append(error)
        mistyped = {_meant(key) for key, errors in by_key.items() if errors[0]["type"] == "extra_forbidden"}
        # Only that it is missing: a key that is there beside its misspelling has a mistake of its own.
        told = {key for key, errors in by_key.items() if key in mistyped and errors[0]["type"] == "missing"}
        return None, [_problem(key, errors) for key, errors in by_key.items() if key not in told]


def _key(error: Mapping[str, Any], content: Any) -> tuple[Any, ...]:
    """Return the path of the key as the user wrote it: pydantic adds names of branches below a value."""
    path: list[Any] = []
    for part in error["loc"]:
        if part == "[key]" or not isinstance(content, Mapping | list):
            break
        path.append(part)
        inside = content if isinstance(content, Mapping) else dict(enumerate(content))
        content = inside.get(part)
    return tuple(path)


def _meant(key: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the key that an unknown one was probably meant to be; that it is missing is then no second mistake."""
    near = nearest_name(str(key[-1]), _names(key[:-1]))
    return (*key[:-1], near) if near else None


def _names(block: tuple[Any, ...]) -> list[str]:
    """Return the names that the block at this path may have."""
    annotation: Any = Parameters
    for part in block:
        model = _model_of(annotation)
        if model is not None:
            annotation = _fields(model).get(str(part))
        else:  # a mapping from the user's own names to blocks
            annotation = typing.get_args(annotation)[1] if typing.get_origin(annotation) is dict else None
    found = _model_of(annotation)
    return sorted(_fields(found)) if found else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the block that an annotation is, or the one that its union offers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    branches = () if typing.get_origin(annotation) in (dict, list) else typing.get_args(annotation)
    return next((branch for branch in branches if isinstance(branch, type) and issubclass(branch, BaseModel)), None)


def _problem(key: tuple[Any, ...], errors: Sequence[Mapping[str, Any]]) -> InputError:
    shown = ".".join(map(str, key)) or "params.yaml"
    first = errors[0]
    if first["type"] == "extra_forbidden":
        names = _names(key[:-1])
        near = nearest_name(str(key[-1]), names)
        remedy = f"Did you mean '{near}'?" if near else "Remove the key: nothing reads it."
        return InputError(shown, f"an unknown key = {first['input']!r}", ", ".join(names), remedy)
    if first["type"] == "missing":
        return InputError(shown, "nothing", "a value", f"Add the key '{key[-1]}'.")
    allowed = " or ".join(dict.fromkeys(_allowed(error) for error in errors))
    remedy = f"Change the value of '{shown}'." if key else "Write 'key: value' lines."
    for error in errors:
        if error["type"] == "literal_error":
            options = str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
            near = nearest_name(str(error["input"]), options)
            remedy = f"Did you mean '{near}'?" if near else remedy
    return InputError(shown, repr(first["input"]), allowed, remedy)


def _allowed(error: Mapping[str, Any]) -> str:
    template = _ALLOWED.get(str(error["type"]))
    return template.format(**error.get("ctx", {})) if template else str(error["msg"])
