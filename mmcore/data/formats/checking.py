"""Every problem of a `source:` block, found without touching a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mmcore.data.formats.options import TYPES, Option
from mmcore.data.spec import check_modality_name
from mmcore.errors import InputError, unknown_name


def option_problems(given: Mapping[str, Any], options: Iterable[Option], prefix: str = "") -> list[InputError]:
    """Return the problems of a mapping of options: unknown names, wrong types, wrong choices, missing ones.

    Args:
        given: name -> value, as YAML gives it.
        options: what is allowed.
        prefix: put before each name in the errors.

    Example:
        >>> from mmcore.data.formats.options import RATE, UNIT
        >>> [p.argument for p in option_problems({"rate": "fast", "units": "N"}, (RATE, UNIT), "modalities.force.")]
        ['modalities.force.rate', 'modalities.force.units']
    """
    known = {option.name: option for option in options}
    problems = []
    for name, value in given.items():
        argument = f"{prefix}{name}"
        if name not in known:
            problems.append(unknown_name(argument, str(name), known))
            continue
        option = known[name]
        allowed, passes = TYPES[option.type]
        if not passes(value):
            remedy = f"Give {allowed}: {option.help}."
            problems.append(InputError(argument, f"{value!r}", allowed, remedy))
        elif option.choices and value not in option.choices:
            problems.append(unknown_name(argument, str(value), option.choices))
    for option in known.values():
        if option.required and option.name not in given:
            allowed = TYPES[option.type][0]
            problems.append(InputError(f"{prefix}{option.name}", "nothing", allowed, f"Add it: {option.help}."))
    return problems


def modality_problems(modalities: object, options: Iterable[Option], kinds: tuple[str, ...]) -> list[InputError]:
    """Return the problems of `modalities:`, each block a mapping of options, or just a kind where `kinds` allows it.

    Args:
        modalities: the block.
        options: those of one modality, for this reader.
        kinds: kinds this reader reads; empty where modalities take no kind.

    Example:
        >>> from mmcore.data.formats.options import KIND, RATE
        >>> modality_problems({"force": "timeserie"}, (KIND, RATE), ("timeseries",))[0].remedy
        "Did you mean 'timeseries'?"
    """
    if not isinstance(modalities, Mapping):
        return []
    problems = []
    allowed = tuple(options)
    short = not any(option.required and option.name != "kind" for option in allowed)
    for name, block in modalities.items():
        argument = f"modalities.{name}"
        try:
            check_modality_name(name)
        except InputError as error:
            problems.append(InputError(argument, error.received, error.allowed, error.remedy))
        if isinstance(block, str) and short:
            if block not in kinds:
                problems.append(unknown_name(argument, block, kinds))
        elif isinstance(block, Mapping):
            problems += option_problems(block, allowed, f"{argument}.")
            kind = block.get("kind")
            # a name that is no kind at all is already reported through the option's choices
            if (
                isinstance(kind, str)
                and kind not in kinds
                and not any(p.argument == f"{argument}.kind" for p in problems)
            ):
                problems.append(unknown_name(f"{argument}.kind", kind, kinds))
        else:
            form = "a kind or a mapping of options" if short else "a mapping of options"
            remedy = f"Give {', '.join(option.name for option in allowed)} as needed."
            problems.append(InputError(argument, f"{block!r}", form, remedy))
    return problems
