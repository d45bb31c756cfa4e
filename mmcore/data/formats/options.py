"""The options of a `source:` block as plain data: name, type, help; one table for all readers, one for each modality.

A type is a key of `TYPES`: what it is called in an error and the test a value must pass. YAML gives str, int, float,
bool, list, dict and None; a bool is never a number here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.data.spec import KINDS, TASKS


@dataclass(frozen=True)
class Option:
    """One option: its name, its type (a key of `TYPES`), one line of help, and what it may be.

    Example:
        >>> Option("rate", "number", "samples a second").required
        False
    """

    name: str
    type: str
    help: str
    required: bool = False
    choices: tuple[str, ...] = ()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(item) for item in value)


def _is_label(value: object) -> bool:
    columns = isinstance(value, Mapping) and bool(value) and all(_is_text(v) for v in (*value, *value.values()))
    return _is_text(value) or _is_names(value) or columns


def _is_shares(value: object) -> bool:
    if not (isinstance(value, list) and len(value) == 3 and all(_is_number(v) and v >= 0 for v in value)):
        return False
    return abs(sum(value) - 1) < 1e-9 and value[0] > 0


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _is_flip_chances(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_text(k) and _is_number(v) and 0 <= v <= 0.5 for k, v in value.items())


def _is_filter(value: object) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    wanted = [v if isinstance(v, list) else [v] for v in value.values()]
    return all(_is_text(k) for k in value) and all(items and all(map(_is_scalar, items)) for items in wanted)


TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("text", _is_text),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "count": ("a whole number of at least 1", lambda value: _is_whole(value) and value >= 1),
    "seed": ("a whole number of at least 0", lambda value: _is_whole(value) and value >= 0),
    "number": ("a positive number", lambda value: _is_number(value) and value > 0),
    "share": ("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1),
    "shares": ("a mapping of name to a number from 0 to 0.5", _is_flip_chances),
    "names": ("a list of names", _is_names),
    "name or names": ("a name or a list of names", lambda value: _is_text(value) or _is_names(value)),
    "classes": (
        "the name of a key, or a list of classes",
        lambda value: _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_scalar, value))),
    ),
    "label": ("a name, a list of names, or a mapping of column to name", _is_label),
    "split": (
        "a name, or three shares of train, valid and test that sum to 1",
        lambda value: _is_text(value) or _is_shares(value),
    ),
    "folds": (
        "a name, or a whole number of at least 2",
        lambda value: _is_text(value) or (_is_whole(value) and value >= 2),
    ),
    "whole folds": ("a whole number of at least 2", lambda value: _is_whole(value) and value >= 2),
    "filter": ("a mapping of name to the value or list of values to keep", _is_filter),
    "modalities": ("a mapping of modality to its kind or options", lambda v: isinstance(v, Mapping) and bool(v)),
    "size": (
        "[height, width] in pixels",
        lambda value: isinstance(value, list) and len(value) == 2 and all(_is_whole(v) and v >= 1 for v in value),
    ),
}

COMMON = (
    Option("reader", "text", "which reader", required=True),
    Option("path", "text", "the file or folder, from the project's root", required=True),
    Option("modalities", "modalities", "what each modality is made of", required=True),
    Option(
        "label", "label", "what holds the label; several names give several label columns, the first is the main one"
    ),
    Option("task", "text", "what the label is", choices=TASKS),
    Option("classes", "classes", "the names of the classes, in the order of their codes"),
    Option("groups", "text", "what holds the leakage unit, e.g. the person"),
    Option("split", "split", "what holds train, valid and test, or their shares (default 0.7, 0.15, 0.15)"),
    Option("folds", "folds", "what holds the fold, or how many to make"),
    Option("sample_id", "text", "what holds the unique name of each sample"),
    Option("where", "filter", "keep only the rows where these names have these values"),
    Option("seed", "seed", "seed of the split and the folds that are made"),
    Option("question", "text", "the question the dataset answers, for the report"),
    Option("sample_noun", "text", "what one sample is, in the singular"),
    Option("group_noun", "text", "what one group is"),
    Option("label_noun", "text", "what the label is"),
    Option("licence", "text", "the licence of the data"),
    Option("citation", "text", "whom to cite"),
    Option("version", "text", "the version of the data"),
)

KIND = Option("kind", "text", "the kind of the modality", required=True, choices=KINDS)
RATE = Option("rate", "number", "samples a second (Hz)")
UNIT = Option("unit", "text", "unit of the values, e.g. m/s^2")
