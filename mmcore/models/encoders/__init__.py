"""The table of encoders, and which one suits a modality.

An encoder maps one standardised modality to a vector: `encoder(values, lengths) -> (B, features)`. Encoders tagged
`steps` also have `encoder.steps(values, lengths) -> ((B, T', step_features), (B,) lengths | None)`, what they know of
each step before pooling. The layout of a modality decides which encoders fit: `vector` (d,), `sequence` (T, channels),
`image` (H, W) or (H, W, channels), `frames` (T, H, W, channels), `set` (ragged elements without an order).
Importing the table imports no torch.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mmcore.errors import InputError, NotBuiltYetError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mmcore.data.spec import ModalitySpec

EncoderChoice = str | Mapping[str, Any]


class Encoder(Protocol):
    """What a fusion needs to know of an encoder."""

    features: int

    def __call__(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return `(B, features)`."""


@dataclass(frozen=True)
class EncoderEntry:
    """One row of the table.

    Attributes:
        name: in parameters.
        builder: `module:attribute`, called as `builder(shape, width=, dropout=, **options)`; `shape` is a sample's.
        layouts: of the modalities that it takes; the first encoder of the table that takes one is its default.
        reference: where it comes from.
        tags: `steps` where it has them.
    """

    name: str
    builder: str
    layouts: tuple[str, ...]
    reference: str
    tags: tuple[str, ...] = ()


ENCODERS: tuple[EncoderEntry, ...] = (
    EncoderEntry(
        "mlp",
        "mmcore.models.encoders.mlp:for_shape",
        ("vector",),
        "Rumelhart, Hinton, Williams 1986 (Nature 323)",
    ),
    EncoderEntry(
        "temporal_convolution",
        "mmcore.models.encoders.temporal_convolution:for_shape",
        ("sequence",),
        "Waibel et al. 1989 (TASSP 37:3)",
    ),
    EncoderEntry(
        "convolution",
        "mmcore.models.encoders.convolution:for_shape",
        ("image",),
        "LeCun et al. 1998 (Proc. IEEE 86:11)",
    ),
    EncoderEntry(
        "frame_lstm",
        "mmcore.models.encoders.frames:for_shape",
        ("frames",),
        "Donahue et al. 2015 (CVPR)",
        ("steps",),
    ),
    EncoderEntry(
        "deep_sets",
        "mmcore.models.encoders.deep_sets:for_shape",
        ("set", "sequence"),
        "Zaheer et al. 2017 (NeurIPS)",
    ),
    EncoderEntry(
        "set_transformer",
        "mmcore.models.encoders.set_transformer:for_shape",
        ("set", "sequence"),
        "Lee et al. 2019 (ICML)",
    ),
    EncoderEntry(
        "gru",
        "mmcore.models.encoders.recurrent:gru_for_shape",
        ("sequence",),
        "Cho et al. 2014 (EMNLP)",
        ("steps",),
    ),
    EncoderEntry(
        "lstm",
        "mmcore.models.encoders.recurrent:lstm_for_shape",
        ("sequence",),
        "Hochreiter, Schmidhuber 1997 (Neural Computation 9:8)",
        ("steps",),
    ),
    EncoderEntry(
        "causal_convolution",
        "mmcore.models.encoders.causal_convolution:for_shape",
        ("sequence",),
        "Bai, Kolter, Koltun 2018 (arXiv 1803.01271)",
        ("steps",),
    ),
    EncoderEntry(
        "transformer",
        "mmcore.models.encoders.transformer:for_shape",
        ("sequence",),
        "Vaswani et al. 2017 (NeurIPS)",
        ("steps",),
    ),
    EncoderEntry(
        "lenet",
        "mmcore.models.encoders.lenet:for_shape",
        ("image",),
        "LeCun et al. 1998 (Proc. IEEE 86:11); Liang et al. 2021, MultiBench",
    ),
    EncoderEntry(
        "resnet",
        "mmcore.models.encoders.resnet:for_shape",
        ("image",),
        "He et al. 2016, Deep residual learning (CVPR)",
    ),
    EncoderEntry(
        "preactivation_resnet",
        "mmcore.models.encoders.resnet:preactivation_for_shape",
        ("image",),
        "He et al. 2016, Identity mappings (ECCV)",
    ),
    EncoderEntry(
        "maxout",
        "mmcore.models.encoders.maxout:for_shape",
        ("vector",),
        "Goodfellow et al. 2013 (ICML)",
    ),
    EncoderEntry(
        "feature_tokenizer",
        "mmcore.models.encoders.feature_tokenizer:for_shape",
        ("vector",),
        "Gorishniy et al. 2021 (NeurIPS)",
    ),
    EncoderEntry(
        "identity",
        "mmcore.models.encoders.identity:for_shape",
        ("vector", "sequence", "image"),
        "Liang et al. 2021, MultiBench (NeurIPS)",
        ("steps",),
    ),
)


def layout_of(modality: ModalitySpec) -> str:
    """Return the layout of a modality: `vector`, `sequence`, `image`, `frames` or `set`.

    Raises:
        InputError: for raw text, which has to become numbers first.
        NotBuiltYetError: for graphs of varying size, and ragged arrays of more than four axes.

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> layout_of(ModalitySpec("a", "timeseries", (100, 3), "float32"))
        'sequence'
    """
    if "str" in modality.dtype or "U" in modality.dtype:
        raise InputError(modality.name, "raw text", "numbers", "Preprocess the text into vectors first.")
    axes = len(modality.shape)
    if modality.ragged and modality.kind == "set" and axes == 2:
        return "set"
    if modality.ragged and (modality.kind in ("set", "graph") or axes not in (2, 4)):
        raise NotBuiltYetError(
            f"{modality.name}: no encoder for a {modality.kind} of shape {modality.shape} exists yet; pool it first"
        )
    if axes == 4:
        return "frames"
    if modality.kind == "image" and axes in (2, 3):
        return "image"
    if modality.ragged or (modality.kind in ("timeseries", "audio", "text", "embedding") and axes == 2):
        return "sequence"
    return "set" if modality.kind == "set" and axes == 2 else "vector"


def encoder_name(modality: ModalitySpec) -> str:
    """Return the name of the encoder that suits a modality's kind and shape.

    Raises:
        InputError, NotBuiltYetError: as `layout_of`.

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> encoder_name(ModalitySpec("a", "timeseries", (100, 3), "float32"))
        'temporal_convolution'
    """
    layout = layout_of(modality)
    for entry in ENCODERS:
        if layout in entry.layouts:
            return entry.name
    raise NotBuiltYetError(f"{modality.name}: no encoder for {layout} inputs exists yet")


def find_encoder(name: str) -> EncoderEntry:
    """Return the row of the table called `name`.

    Raises:
        InputError: for an unknown name, with the nearest known one.
    """
    for entry in ENCODERS:
        if entry.name == name:
            return entry
    raise unknown_name("encoder", str(name), [entry.name for entry in ENCODERS])


def flat_size(modality: ModalitySpec) -> int:
    """Return how many numbers one sample of a modality of fixed shape has."""
    return math.prod(int(size or 1) for size in modality.shape)


def build_encoder(
    modality: ModalitySpec, choice: EncoderChoice | None = None, *, width: int, dropout: float, steps: bool = False
) -> nn.Module:
    """Return the encoder for one modality.

    Args:
        modality: what it encodes.
        choice: a name of the table, or `{"name": ..., **options}`; None for the default of the modality's layout.
        width: its features, unless an option says otherwise.
        dropout: its dropout.
        steps: whether it must have `steps`.

    Raises:
        InputError: for an unknown encoder or option, one that does not fit the modality's layout, or one without
            steps where they are needed.

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> build_encoder(ModalitySpec("a", "tabular", (5,), "float32"), width=8, dropout=0.0).features
        8
    """
    options = dict(choice) if isinstance(choice, Mapping) else {"name": choice or encoder_name(modality)}
    entry = find_encoder(str(options.pop("name", "") or encoder_name(modality)))
    layout = layout_of(modality)
    argument = f"encoders.{modality.name}"
    if layout not in entry.layouts:
        fitting = ", ".join(e.name for e in ENCODERS if layout in e.layouts)
        raise InputError(argument, f"{entry.name} for {layout} inputs", fitting, "Choose one that fits the modality.")
    if steps and "steps" not in entry.tags:
        fitting = ", ".join(e.name for e in ENCODERS if layout in e.layouts and "steps" in e.tags)
        raise InputError(argument, f"{entry.name}, without steps", fitting, "This model needs one vector a step.")
    module, _, attribute = entry.builder.partition(":")
    builder = getattr(importlib.import_module(module), attribute)
    accepted = [name for name in inspect.signature(builder).parameters if name not in ("shape", "width", "dropout")]
    for name in options:
        if name not in (*accepted, "width", "dropout"):
            raise unknown_name(f"{argument} ({entry.name})", name, ["name", "width", "dropout", *accepted])
    shape = modality.shape if modality.shape else (1,)
    return builder(shape, **{"width": width, "dropout": dropout, **options})


def build_encoders(
    modalities: Sequence[ModalitySpec],
    choices: Mapping[str, EncoderChoice] | None = None,
    *,
    width: int,
    dropout: float,
    steps: bool = False,
) -> nn.ModuleList:
    """Return one encoder a modality; `choices` names them by modality, the others get their default.

    Raises:
        InputError: as `build_encoder`, and for a choice for a modality that is not there.
    """
    from torch import nn

    names = [modality.name for modality in modalities]
    for name in choices or {}:
        if name not in names:
            raise unknown_name("encoders", name, names)
    return nn.ModuleList(
        [build_encoder(m, (choices or {}).get(m.name), width=width, dropout=dropout, steps=steps) for m in modalities]
    )
