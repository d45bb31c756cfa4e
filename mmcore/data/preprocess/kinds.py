"""The kinds of modality and what can be chosen for each: the one table that parameters are checked against.

Options come as `{kind: {option: value}, modality: {option: value}}`. A key that is a modality's name means that
modality and goes before its kind. A modality that bears the name of its own kind is no conflict: the key then means
the kind. Sets and graphs have no preprocessing yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.data.preprocess.audio import apply_audio, audio_does_more, fit_audio
from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.embedding import apply_embedding, fit_embedding
from mmcore.data.preprocess.image import apply_image, fit_image
from mmcore.data.preprocess.mel import MEL_SCALES
from mmcore.data.preprocess.options import Option, check_values, nearest_option_owner
from mmcore.data.preprocess.scaling import SCALINGS, groups_scaled_apart, scaling_only
from mmcore.data.preprocess.tabular import apply_tabular, fit_tabular, table_does_more
from mmcore.data.preprocess.text import METHODS, apply_text, fit_text, text_does_more
from mmcore.data.preprocess.timeseries import apply_timeseries, fit_timeseries, timeseries_does_more
from mmcore.data.preprocess.tokens import TOKENS
from mmcore.errors import InputError, NotBuiltYetError, unknown_name


@dataclass(frozen=True)
class Kind:
    """One kind: its options, how it is fitted on training rows (with a seed), and how the state is applied.

    `more_than_scaling` tells from the state, the record of what was done and the options whether what was fitted does
    more than centre and scale each column, the same for all rows (with scale 0 where a column is dropped).
    """

    name: str
    options: tuple[Option, ...]
    fit: Callable[[Rows, dict[str, Any], int], Fitted]
    apply: Callable[[Fitted, Rows, dict[str, Any]], Output]
    more_than_scaling: Callable[[Fitted, Mapping[str, Any], dict[str, Any]], bool]


_SCALING = Option("scaling", "choice", "standard", "How columns are scaled.", SCALINGS)
_PER_GROUP = Option("per_group", "bool", False, "Scale within each group (a person) rather than over all rows.")

KINDS: tuple[Kind, ...] = (
    Kind(
        "tabular",
        (
            Option("impute", "choice", "median", "What stands for a missing value.", ("median", "mean", "constant")),
            Option("fill", "float", 0.0, "The value of impute: constant."),
            Option("indicators", "bool", True, "Add a 0/1 column for each column with missing values."),
            Option("log", "choice", "none", "auto: log1p of columns >= 0 with skewness above 2.", ("none", "auto")),
            _SCALING,
            _PER_GROUP,
        ),
        fit_tabular,
        apply_tabular,
        table_does_more,
    ),
    Kind(
        "text",
        (
            Option("method", "choice", "tfidf", "How text becomes a vector.", METHODS),
            Option("tokens", "choice", "words", "What is counted; names keeps the entries of a list whole.", TOKENS),
            Option("separator", "str", ",", "What stands between two names."),
            Option(
                "ngrams",
                "pair",
                None,
                "Shortest and longest run of tokens; null: [1, 1], characters [3, 4].",
                low=1,
                nullable=True,
            ),
            Option("dimensions", "int", 256, "Entries of a hashed vector.", low=1),
            Option("max_features", "int", 1000, "Size of the vocabulary of tfidf.", low=1),
            Option("min_documents", "int", 2, "Training texts that must hold a term of tfidf.", low=1),
            Option(
                "components", "int", 64, "Directions kept of tfidf, at most; null: all terms.", low=1, nullable=True
            ),
            Option("model", "str", None, "Local folder of a sentence-transformers model.", nullable=True),
        ),
        fit_text,
        apply_text,
        text_does_more,
    ),
    Kind(
        "image",
        (
            Option("normalise", "choice", "channel", "Mean 0 and deviation 1 by channel.", ("channel", "none")),
            Option("resize", "pair", None, "Height and width in pixels; null: as they are.", low=1, nullable=True),
            Option("grayscale", "bool", False, "Reduce three channels to their luma."),
        ),
        fit_image,
        apply_image,
        scaling_only,
    ),
    Kind(
        "audio",
        (
            Option("representation", "choice", "summary", "Vectors or images.", ("summary", "spectrogram")),
            Option("rate", "int", None, "Hz to resample to; null: as recorded.", low=1, nullable=True),
            Option("bands", "int", 40, "Mel bands.", low=1),
            Option("scale", "choice", "htk", "Formula of the mel scale.", MEL_SCALES),
            Option("window_seconds", "float", 0.025, "Length of a frame.", low=1e-4),
            Option("hop_seconds", "float", 0.010, "Time from frame to frame.", low=1e-4),
            Option("low", "float", 0.0, "Lowest frequency in Hz.", low=0.0),
            Option("high", "float", None, "Highest frequency in Hz; null: half the rate.", low=0.0, nullable=True),
            Option("floor", "float", -80.0, "Lowest level in dB re full-scale power."),
            Option(
                "frames", "int", None, "Frames of a spectrogram; null: the longest of training.", low=1, nullable=True
            ),
            _SCALING,
        ),
        fit_audio,
        apply_audio,
        audio_does_more,
    ),
    Kind(
        "timeseries",
        (
            Option("representation", "choice", "summary", "Feature vectors or the sequence.", ("summary", "raw")),
            Option("bands", "int", 5, "Frequency bands of the summary.", low=1),
            Option(
                "correlations", "choice", "auto", "Pairs of channels; auto: up to 12 channels.", ("auto", "all", "none")
            ),
            Option(
                "length", "int", None, "Steps to crop or pad a raw sequence to; null: as it is.", low=1, nullable=True
            ),
            _SCALING,
            _PER_GROUP,
        ),
        fit_timeseries,
        apply_timeseries,
        timeseries_does_more,
    ),
    Kind("embedding", (_SCALING, _PER_GROUP), fit_embedding, apply_embedding, groups_scaled_apart),
)
NOT_BUILT = ("set", "graph")

_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(name: str, modality: str) -> Kind:
    """Return the row of `KINDS` for a modality's kind.

    Raises:
        NotBuiltYetError: for a kind without preprocessing.

    Example:
        >>> kind_of("image", "photo").fit.__name__
        'fit_image'
    """
    if name in NOT_BUILT:
        built = ", ".join(_BY_NAME)
        raise NotBuiltYetError(f"{modality}: preprocessing of kind '{name}' is not built yet. Built: {built}.")
    if name not in _BY_NAME:
        raise unknown_name(f"kind of {modality}", name, [*_BY_NAME, *NOT_BUILT])
    return _BY_NAME[name]


def options_of(options: Mapping[str, Any], modality: str, kind: str) -> dict[str, Any]:
    """Return every option of a modality: defaults, then those of its kind, then its own.

    Example:
        >>> options_of({"embedding": {"scaling": "none"}, "face": {"per_group": True}}, "face", "embedding")
        {'scaling': 'none', 'per_group': True}
    """
    defaults = {option.name: option.default for option in _BY_NAME[kind].options}
    return {**defaults, **options.get(kind, {}), **options.get(modality, {})}


def check_options(options: Any, modalities: Mapping[str, str | None] | Iterable[str] | None = None) -> list[InputError]:
    """Return every problem of preprocessing options, without looking at data.

    Args:
        options: `{kind: {...}, modality: {...}}` as the user wrote it.
        modalities: name -> kind where it is known (None where not), or only the names; None: names are not known yet,
            so that any key that is no kind is read as a modality's name.

    Example:
        >>> [e.remedy for e in check_options({"tabular": {"imputes": "mean"}, "imge": {}}, ["photo"])]
        ["Did you mean 'impute'?", "Did you mean 'image'?"]
    """
    if not isinstance(options, Mapping):
        allowed = "a mapping of kind or modality to options"
        return [InputError("options", repr(options), allowed, "Write for example 'tabular: {scaling: robust}'.")]
    known: dict[str, str | None] = {}
    if isinstance(modalities, Mapping):
        known = dict(modalities)
    elif modalities is not None:
        known = dict.fromkeys(modalities)
    problems: list[InputError] = []
    for key, values in options.items():
        if key in known and known[key] not in (None, key):
            problems += _check_one(str(key), values, _BY_NAME.get(str(known[key])))
        elif key in _BY_NAME:
            problems += _check_one(key, values, _BY_NAME[key])
        elif key in NOT_BUILT:
            remedy = f"Remove '{key}'; built are {', '.join(_BY_NAME)}."
            problems.append(InputError(key, "options of a kind that is not built yet", "no such key", remedy))
        elif key in known or modalities is None:
            problems += _check_one(str(key), values, None)
        else:
            problems.append(nearest_option_owner(str(key), [*_BY_NAME, *known]))
    return problems


def _check_one(argument: str, values: Any, kind: Kind | None) -> list[InputError]:
    """Problems of one block; where the kind is not known yet, those under the kind that explains it best."""
    if kind is not None:
        problems = check_values(argument, values, kind.options)
    else:
        problems = min((check_values(argument, values, k.options) for k in KINDS), key=len)
    return problems + (conflicts(argument, values) if isinstance(values, Mapping) else [])


def conflicts(argument: str, values: Mapping[str, Any]) -> list[InputError]:
    """Return the problems of values that are allowed one by one and not together.

    Example:
        >>> [e.argument for e in conflicts("face", {"per_group": True, "scaling": "none"})]
        ['face.per_group']
    """
    found = []
    if values.get("per_group") is True and values.get("scaling") == "none":
        remedy = "Choose scaling: standard or robust, or per_group: false."
        found.append(InputError(f"{argument}.per_group", "true with scaling: none", "a scaling to do", remedy))
    if values.get("method") == "sentences" and values.get("model") is None:
        remedy = "Give model: the local folder of a sentence-transformers model."
        found.append(InputError(f"{argument}.model", "none with method: sentences", "a local folder", remedy))
    span = values.get("ngrams")
    if isinstance(span, list | tuple) and len(span) == 2 and all(isinstance(n, int) for n in span):
        first, second = span
        if first > second:
            remedy = f"Write [{second}, {first}]."
            found.append(InputError(f"{argument}.ngrams", list(span), "[shortest, longest]", remedy))
    return found
