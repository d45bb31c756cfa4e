"""The table of encoders, and which one suits a modality.

An encoder maps one standardised modality to a vector: `encoder(values, lengths) -> (B, features)`.
Vectors get `mlp`; sequences (ragged, or `(time, channels)`) get `temporal_convolution`; images get `convolution`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

from mmcore.errors import InputError, NotBuiltYetError
from mmcore.models.encoders.convolution import Convolution
from mmcore.models.encoders.mlp import MultilayerPerceptron
from mmcore.models.encoders.temporal_convolution import TemporalConvolution

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


class Encoder(Protocol):
    """What a fusion needs to know of an encoder."""

    features: int

    def __call__(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return `(B, features)`."""


@dataclass(frozen=True)
class EncoderEntry:
    """One row of the table; `builder(size, width=, dropout=)`, `size` being that of the last axis or of the vector."""

    name: str
    builder: Callable[..., nn.Module]
    reference: str
    tags: tuple[str, ...]


ENCODERS: tuple[EncoderEntry, ...] = (
    EncoderEntry("mlp", MultilayerPerceptron, "Rumelhart, Hinton, Williams 1986 (Nature 323)", ("vector",)),
    EncoderEntry("temporal_convolution", TemporalConvolution, "Waibel et al. 1989 (TASSP 37:3)", ("sequence",)),
    EncoderEntry("convolution", Convolution, "LeCun et al. 1998 (Proc. IEEE 86:11)", ("image",)),
)


def encoder_name(modality: ModalitySpec) -> str:
    """Return the name of the encoder that suits a modality's kind and shape.

    Raises:
        InputError: for raw text, which has to become numbers first.
        NotBuiltYetError: for sets and graphs of varying size.

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> encoder_name(ModalitySpec("a", "timeseries", (100, 3), "float32"))
        'temporal_convolution'
    """
    if "str" in modality.dtype or "U" in modality.dtype:
        raise InputError(modality.name, "raw text", "numbers", "Preprocess the text into vectors first.")
    if modality.ragged and (modality.kind in ("set", "graph") or len(modality.shape) != 2):
        raise NotBuiltYetError(
            f"{modality.name}: no encoder for a {modality.kind} of shape {modality.shape} exists yet; pool it first"
        )
    if modality.ragged:
        return "temporal_convolution"
    if modality.kind == "image" and len(modality.shape) in (2, 3):
        return "convolution"
    if modality.kind in ("timeseries", "audio", "text", "embedding") and len(modality.shape) == 2:
        return "temporal_convolution"
    return "mlp"


def flat_size(modality: ModalitySpec) -> int:
    """Return how many numbers one sample of a modality of fixed shape has."""
    return math.prod(int(size or 1) for size in modality.shape)


def build_encoder(modality: ModalitySpec, *, width: int, dropout: float) -> nn.Module:
    """Return the encoder for one modality, with `width` features."""
    name = encoder_name(modality)
    builder = next(entry.builder for entry in ENCODERS if entry.name == name)
    if name == "mlp":
        size = flat_size(modality)
    elif name == "convolution":
        size = int(modality.shape[2] or 1) if len(modality.shape) == 3 else 1
    else:
        size = int(modality.shape[-1] or 1)
    return builder(size, width=width, dropout=dropout)
