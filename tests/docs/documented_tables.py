"""The option tables of the user's pages, rendered from the code that reads the options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmcore.align import METHODS
from mmcore.data.formats import READERS, TYPES, Reader
from mmcore.data.formats.layout import INHERITED
from mmcore.data.formats.options import COMMON
from mmcore.data.preprocess import KINDS

ROOT = Path(__file__).resolve().parents[2]
GENERAL = ("npz", "table", "folders", "affect", "planted")
"""The readers of docs/your-data.md; those of one published dataset have a page of their own, with a table each."""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value: Any) -> str:
    """A default as YAML writes it."""
    words = {None: "null", True: "true", False: "false"}
    return f"`{words[value]}`" if value is None or isinstance(value, bool) else f"`{value}`"


def readers() -> str:
    rows = [(f"`{r.name}`", r.summary, ", ".join(r.kinds) or "its own") for r in general_readers()]
    return table(("reader", "reads", "kinds"), rows)


def general_readers() -> list[Reader]:
    return [reader for reader in READERS if reader.name in GENERAL]


def own_options(reader: Reader) -> str:
    """The options of a reader of one published dataset, without those that all such readers have."""
    shared = {*COMMON, *INHERITED}
    rows = [
        (f"`{option.name}`", option.help, ", ".join(option.choices) or TYPES[option.type][0])
        for option in reader.options
        if option not in shared
    ]
    rows += [
        (f"`modalities.NAME.{option.name}`", option.help, TYPES[option.type][0] if option.name != "kind" else kinds)
        for kinds in (", ".join(reader.kinds),)
        for option in reader.modality_options
    ]
    return table(("option", "what it says", "allowed"), rows)


def source_options() -> str:
    """Each option once, with the readers that take it."""
    by_name: dict[str, tuple[Any, list[str]]] = {}
    for reader in general_readers():
        for option in reader.options:
            by_name.setdefault(option.name, (option, []))[1].append(reader.name)
    rows = []
    for name, (option, takers) in by_name.items():
        allowed = ", ".join(option.choices) or TYPES[option.type][0]
        rows.append((f"`{name}`", option.help, allowed, "all" if len(takers) == len(GENERAL) else ", ".join(takers)))
    return table(("option", "what it says", "allowed", "readers"), rows)


def modality_options() -> str:
    by_name: dict[str, tuple[Any, list[str]]] = {}
    for reader in general_readers():
        for option in reader.modality_options:
            by_name.setdefault(option.name, (option, []))[1].append(reader.name)
    rows = [
        (f"`{name}`", option.help, "any above" if name == "kind" else TYPES[option.type][0], ", ".join(takers))
        for name, (option, takers) in by_name.items()
    ]
    return table(("option", "what it says", "allowed", "readers"), rows)


def kinds() -> str:
    entries = KINDS.values() if isinstance(KINDS, dict) else KINDS
    rows = [
        (f"`{kind.name}`", f"`{o.name}`", shown(o.default), o.allowed(), o.help.rstrip("."))
        for kind in entries
        for o in kind.options
    ]
    return table(("kind", "option", "default", "allowed", "what it does"), rows)


def methods() -> str:
    words = {int: "a whole number", float: "a number", bool: "true, false", str: "a modality's name"}
    rows = []
    for method in METHODS:
        needs = "needed" if method.needs_reference else "no"
        rows.append((f"**`{method.name}`**", "", "", f"{method.summary}; reference: {needs}"))
        for name, option in method.options.items():
            allowed = ", ".join(method.choices.get(name, ())) or words[option.type]
            rows.append((f"`{method.name}`", f"`{name}`: {shown(option.default)}", allowed, option.help))
    return table(("method", "option: default", "allowed", "what it does"), rows)


TABLES = {
    "readers": readers,
    "source options": source_options,
    "modality options": modality_options,
    "kinds": kinds,
    "methods": methods,
}

if __name__ == "__main__":
    print("\n\n".join(f"{name}\n{render()}" for name, render in TABLES.items()))
    print("\n\n".join(f"{r.name}\n{own_options(r)}" for r in READERS if r.name not in GENERAL))
