"""All that is wrong with `params.yaml`, at once, before anything runs: key, value, what is allowed, nearest name."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mmcore.errors import InputError, nearest_name
from tasks.parameters.model import Parameters


class ParametersError(ValueError):
    """`params.yaml` cannot be used. `.problems` holds one `InputError` for each mistake."""

    def __init__(self, problems: Sequence[InputError], path: str = "params.yaml") -> None:
        self.problems = list(problems)
        lines = [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        noun = "problem" if len(lines) == 1 else "problems"
        super().__init__("\n".join([f"{path} has {len(lines)} {noun}; nothing was run.", *lines]))


def _group_at(location: Sequence[Any]) -> type[BaseModel] | None:
    """Return the model class of the block that `location` lies in, or None inside free-form blocks."""
    model: Any = Parameters
    for part in location:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        by_name = {field.alias or name: field for name, field in model.model_fields.items()}
        field = by_name.get(str(part))
        if field is None:
            return None
        model = field.annotation
        arguments = [a for a in typing.get_args(model) if isinstance(a, type) and issubclass(a, BaseModel)]
        if typing.get_origin(model) is dict:
            return _GroupOfValues(arguments[0], location) if arguments else None
        model = arguments[0] if arguments else model
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _GroupOfValues(model: type[BaseModel], location: Sequence[Any]) -> type[BaseModel] | None:  # noqa: N802
    """Continue the search below a mapping from names to blocks (`datasets`)."""
    depth = 2  # the mapping's own key, then the user's name for the block
    current: Any = model
    for part in location[depth:]:
        field = current.model_fields.get(str(part)) if issubclass(current, BaseModel) else None
        if field is None:
            return None
        options = [field.annotation, *typing.get_args(field.annotation)]
        blocks = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not blocks:
            return None
        current = blocks[0]
    return current


def _names(model: type[BaseModel] | None) -> list[str]:
    return sorted(field.alias or name for name, field in model.model_fields.items()) if model else []


def _allowed(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    words = {
        "greater_than": "> {gt}",
        "greater_than_equal": ">= {ge}",
        "less_than": "< {lt}",
        "less_than_equal": "<= {le}",
        "literal_error": "one of {expected}",
        "too_short": "at least {min_length}",
        "string_pattern_mismatch": "names that match {pattern}",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "list_type": "a list",
        "dict_type": "a block of keys",
        "model_type": "a block of keys",
        "string_type": "text",
    }
    template = words.get(str(error["type"]))
    return template.format(**context) if template else str(error["msg"])


def _as_problem(error: Mapping[str, Any]) -> InputError:
    location = [part for part in error["loc"] if part not in ("[key]",)]
    key = ".".join(map(str, location))
    if error["type"] == "extra_forbidden":
        names = _names(_group_at(location[:-1]))
        near = nearest_name(str(location[-1]), names)
        remedy = f"Did you mean '{near}'?" if near else "Remove the key: nothing reads it."
        return InputError(key, "an unknown key", ", ".join(names), remedy)
    if error["type"] == "missing":
        return InputError(key, "nothing", "a value", "Add the key; docs/parameters.md lists every one with an example.")
    allowed = _allowed(error)
    remedy = f"Change the value of '{key}'."
    context = error.get("ctx", {})
    if error["type"] == "literal_error":
        options = [option.strip("' ") for option in str(context["expected"]).replace(" or ", ", ").split(",")]
        near = nearest_name(str(error["input"]), options)
        remedy = f"Did you mean '{near}'?" if near else remedy
    return InputError(key, repr(error["input"]), allowed, remedy)


def structure_problems(content: Any) -> tuple[Parameters | None, list[InputError]]:
    """Return the parameters and no problems, or None and every problem of the structure."""
    try:
        return Parameters.model_validate(content), []
    except ValidationError as failure:
        seen: dict[str, InputError] = {}
        for error in failure.errors():
            problem = _as_problem(error)
            # A union reports each of its branches; the user made one mistake.
            seen.setdefault(_without_branch(problem.argument), problem)
        return None, list(seen.values())


def _without_branch(key: str) -> str:
    branches = ("int", "float", "literal['auto']", "constrained-int", "none", "function-after")
    return ".".join(part for part in key.split(".") if not part.startswith(branches))
