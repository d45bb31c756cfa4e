"""The table of alignment methods, and the check of a block of params.yaml against it.

Static modalities pass through every method that works on time, and the record says so; data without any time axis need
no alignment, method "none". Rows that are absent stay absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mmcore.align.clocks import common_clock, word_clock
from mmcore.align.features import FEATURES
from mmcore.align.resample import INTERPOLATIONS
from mmcore.align.rowwise import coordinate, fit_coordination, match_rows
from mmcore.align.sequences import untouched
from mmcore.align.shifts import fit_lags, shift_lags
from mmcore.align.stepwise import attend_steps, match_steps, warp_steps
from mmcore.align.transport import SOLVERS
from mmcore.align.words import EMPTY_POLICIES, REDUCTIONS, TOLERANCE
from mmcore.data import Dataset
from mmcore.errors import InputError, unknown_name


class Option(NamedTuple):
    """One option: its type, its default (None also allows null), and what it does."""

    type: type
    default: Any
    help: str


@dataclass(frozen=True)
class Method:
    """One way to align.

    Attributes:
        name: as params.yaml writes it.
        function: (ds, reference, **options) -> (Dataset, {modality: record}); with `fit` also `fitted`.
        summary: one line.
        options: name -> `Option`.
        choices: name -> the values that a word may take.
        needs_reference: whether a reference modality must be named.
        fit: (ds, reference, **options) -> what train rows teach, or None where these options learn nothing.
    """

    name: str
    function: Callable[..., tuple[Dataset, dict[str, Any]]]
    summary: str
    options: Mapping[str, Option] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    needs_reference: bool = True
    fit: Callable[..., Any] | None = None


def _keep(ds: Dataset, reference: str | None) -> tuple[Dataset, dict[str, Any]]:
    return ds, untouched(ds, ds.modalities)


def _transport(ds: Dataset, reference: str, *, over: str, **options: Any) -> tuple[Dataset, dict[str, Any]]:
    return (match_steps if over == "steps" else match_rows)(ds, reference, **options)


_FEATURES = Option(
    str, "auto", "what similarity is measured on: channels (equal widths), magnitude (any), raw, or auto"
)

METHODS = (
    Method("none", _keep, "every modality keeps its own clock and space", needs_reference=False),
    Method(
        "words",
        word_clock,
        "frames collapsed onto the intervals (words) of the reference",
        {
            "reduce": Option(str, "mean", "how the frames of a word become one row"),
            "empty": Option(str, "zero", "what a word without a frame gets"),
            "tolerance": Option(float, TOLERANCE, "seconds that an overlap and a word must exceed"),
        },
        {"reduce": REDUCTIONS, "empty": EMPTY_POLICIES},
    ),
    Method(
        "resample",
        common_clock,
        "all sequences at one rate, or at the time stamps of the reference",
        {
            "rate": Option(float, None, "Hz; null takes the reference's clock"),
            "interpolation": Option(str, "auto", "auto is band_limited between even clocks, else linear"),
        },
        {"interpolation": ("auto", "band_limited", *INTERPOLATIONS)},
        needs_reference=False,
    ),
    Method(
        "lag",
        shift_lags,
        "a constant lag behind the reference, by cross-correlation, removed",
        {
            "scope": Option(str, "dataset", "who shares one lag"),
            "max_lag": Option(float, 1.0, "largest lag searched, seconds (steps where nothing has a rate)"),
            "features": _FEATURES,
            "alpha": Option(float, 0.01, "chance of accepting a lag between unrelated sequences"),
            "subsample": Option(bool, True, "shift by fractions of a step"),
        },
        {"scope": ("sample", "group", "dataset"), "features": FEATURES},
        fit=fit_lags,
    ),
    Method(
        "warping",
        warp_steps,
        "dynamic time warping of every sequence onto the reference, by sample",
        {
            "features": _FEATURES,
            "band": Option(float, None, "largest distance from the diagonal, share of the length; null for none"),
        },
        {"features": FEATURES},
    ),
    Method(
        "transport",
        _transport,
        "optimal transport matching with the reference, of steps or of whole rows",
        {
            "over": Option(str, "steps", "match the steps within each sample, or the rows within each part"),
            "solver": Option(str, "exact", "exact, entropic, or by distances within each modality"),
            "features": _FEATURES,
            "regularisation": Option(float, 0.01, "of sinkhorn, relative to the largest cost"),
            "share": Option(float, 0.5, "of the structure term in fused"),
            "max_iterations": Option(int, 10_000, "where the solver stops; not converged by then is an error"),
            "tolerance": Option(float, 1e-6, "largest error of the plan's marginals"),
        },
        {"over": ("steps", "rows"), "solver": SOLVERS, "features": FEATURES},
    ),
    Method(
        "correlation",
        coordinate,
        "canonical correlation coordinates of the reference and one other modality",
        {
            "modality": Option(str, None, "the other modality; null where there is only one"),
            "over": Option(str, "rows", "observations: whole samples, or steps of sequences of equal lengths"),
            "components": Option(int, None, "directions kept; null for the narrower width"),
            "ridge": Option(float, 1e-3, "added to each covariance, relative to its mean variance"),
        },
        {"over": ("rows", "steps")},
        fit=fit_coordination,
    ),
    Method(
        "soft",
        attend_steps,
        "each step of the reference reads a softmax-weighted mean of the other sequence",
        {
            "features": _FEATURES,
            "temperature": Option(float, 0.1, "of the softmax, in mean squared difference a column"),
            "width": Option(float, None, "of the prior for equal relative position; null for none"),
        },
        {"features": FEATURES},
    ),
)


def method_named(name: str) -> Method:
    """Return the entry of `METHODS`; an unknown name is an `InputError`.

    Example:
        >>> method_named("none").needs_reference
        False
    """
    for method in METHODS:
        if method.name == name:
            return method
    raise unknown_name("method", str(name), [method.name for method in METHODS])


def check_alignment(block: Mapping[str, Any], modalities: Sequence[str] = ()) -> list[InputError]:
    """Return every problem of `block` (method, reference and options), an empty list where there is none.

    Args:
        block: what `align_dataset` takes, by name.
        modalities: names that a reference may have; empty where they are not known yet.

    Example:
        >>> [problem.argument for problem in check_alignment({"method": "soft", "reference": "a", "temperatur": 1})]
        ['temperatur']
    """
    try:
        method = method_named(block.get("method", "none"))
    except InputError as problem:
        return [problem]
    problems = []
    reference = block.get("reference")
    if method.needs_reference and reference is None:
        remedy = f"Name the modality that '{method.name}' aligns the others to."
        problems.append(InputError("reference", "none", ", ".join(modalities) or "a modality's name", remedy))
    named = {"reference": reference, "modality": block.get("modality")} if modalities else {}
    for key, name in named.items():
        if name is not None and name not in modalities:
            problems.append(unknown_name(key, str(name), modalities))
    for key, value in block.items():
        if key in ("method", "reference"):
            continue
        if key not in method.options:
            problems.append(unknown_name(key, str(key), [*method.options, "method", "reference"]))
        else:
            problems += _option_problems(method, key, value)
    return problems


def _option_problems(method: Method, key: str, value: Any) -> list[InputError]:
    option = method.options[key]
    if value is None and option.default is None:
        return []
    accepted = (int, float) if option.type is float else (option.type,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and option.type is not bool):
        kind = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[option.type]
        return [InputError(key, repr(value), kind, f"It is {option.help}; the default is {option.default!r}.")]
    choices = method.choices.get(key)
    return [unknown_name(key, str(value), choices)] if choices and value not in choices else []
