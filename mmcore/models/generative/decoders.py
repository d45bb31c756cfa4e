"""Decoders: a standardised input of any layout from one vector, and how far it is off.

    vector     x^ = W_2 relu(W_1 z + b_1) + b_2
    sequence   h_t = GRU(h_{t-1}, W z + p_t),  x^_t = V h_t + c       p_t positions, as many steps as asked
    image      x^ = two transposed convolutions of W z, cut to size
    set        its mean element, as a vector: elements have no order in which they could be compared

    error = mean over rows of [ mean over the row's own elements of (x - x^)^2 ]

Reference: Tsai, Liang, Zadeh, Morency, Salakhutdinov 2019, Learning factorized multimodal representations (ICLR),
decoders of section 3.2; positions as in Vaswani et al. 2017.
Departs from published code on purpose: the last layer is linear everywhere, because standardised values are not bounded
(MultiZoo emits the state of the recurrence itself, within (-1, 1), or a logistic function); steps are told where they
are, so that a long sequence need not be remembered by one state; frames are sequences of flattened frames.
Padding, absent rows and empty sequences count in no error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.models.encoders import flat_size, layout_of
from mmcore.models.standardisation import Prepared, within_lengths

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def positions(time: int, size: int, like: Tensor) -> Float[Tensor, "time size"]:
    """Return sine and cosine positions of `time` steps in the dtype and on the device of `like`.

    Example:
        >>> positions(2, 2, torch.zeros(1)).tolist()[0]
        [0.0, 1.0]
    """
    half = (size + 1) // 2
    rates = torch.exp(torch.arange(half, device=like.device) * (-math.log(1e4) / half))
    angles = torch.arange(time, device=like.device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :size].to(like.dtype)


def _perceptron(features: int, width: int, size: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, size))


class VectorDecoder(nn.Module):
    """A vector of `size` numbers, (B, features) -> (B, size)."""

    def __init__(self, features: int, size: int, *, width: int) -> None:
        super().__init__()
        self.layers = _perceptron(features, width, size)

    def forward(self, latent: Float[Tensor, "batch features"], like: Tensor) -> Float[Tensor, "batch size"]:
        """Return the vectors."""
        return self.layers(latent)


class SequenceDecoder(nn.Module):
    """A sequence of `channels` numbers a step, (B, features) -> (B, T, channels) with T that of `like`."""

    def __init__(self, features: int, channels: int, *, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.recurrence = nn.GRU(width, width, batch_first=True)
        self.emit = nn.Linear(width, channels)

    def forward(self, latent: Float[Tensor, "batch features"], like: Tensor) -> Float[Tensor, "batch time channels"]:
        """Return the sequences."""
        projected = self.project(latent)
        steps = projected[:, None] + positions(like.shape[1], projected.shape[1], projected)
        return self.emit(self.recurrence(steps)[0])


class ImageDecoder(nn.Module):
    """An image of `height` x `breadth` pixels, (B, features) -> (B, H, W, channels)."""

    def __init__(self, features: int, shape: tuple[int, int, int], *, width: int) -> None:
        super().__init__()
        self.height, self.breadth, channels = shape
        self.coarse = (width, math.ceil(self.height / 4), math.ceil(self.breadth / 4))
        self.project = nn.Linear(features, math.prod(self.coarse))
        narrower = max(width // 2, 1)
        self.enlarge = nn.Sequential(
            nn.ReLU(),
            nn.ConvTranspose2d(width, narrower, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(narrower, channels, 4, stride=2, padding=1),
        )

    def forward(self, latent: Float[Tensor, "batch features"], like: Tensor) -> Float[Tensor, "batch h w channels"]:
        """Return the images."""
        coarse = self.project(latent).unflatten(1, self.coarse)
        return self.enlarge(coarse)[:, :, : self.height, : self.breadth].permute(0, 2, 3, 1)


def build_decoder(modality: ModalitySpec, features: int, *, width: int) -> nn.Module:
    """Return the decoder of a modality: `decoder(latent, target) -> like target`.

    Args:
        modality: what it decodes.
        features: of the latent vector.
        width: of its hidden layers.

    Raises:
        InputError, NotBuiltYetError: as `mmcore.models.encoders.layout_of`.

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> decoder = build_decoder(ModalitySpec("a", "timeseries", (9, 3), "float32"), 4, width=8)
        >>> decoder(torch.zeros(2, 4), torch.zeros(2, 9, 3)).shape
        torch.Size([2, 9, 3])
    """
    layout = layout_of(modality)
    if layout == "vector":
        return VectorDecoder(features, flat_size(modality), width=width)
    if layout == "set":
        return VectorDecoder(features, int(modality.shape[-1] or 1), width=width)
    if layout == "image":
        height, breadth, channels = (*modality.shape, 1)[:3]
        return ImageDecoder(features, (int(height or 1), int(breadth or 1), int(channels or 1)), width=width)
    channels = math.prod(int(size or 1) for size in modality.shape[1:])
    return SequenceDecoder(features, channels, width=width)


def decoding_target(modality: ModalitySpec, prepared: Prepared) -> Prepared:
    """Return what a decoder of the modality is to emit: (B, size), (B, T, channels) or (B, H, W, channels).

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> bag = ModalitySpec("a", "set", (None, 1), "float32", ragged=True)
        >>> values = torch.tensor([[[1.0], [3.0], [0.0]]])
        >>> decoding_target(bag, Prepared(values, None, torch.tensor([2]))).values.tolist()
        [[2.0]]
    """
    values, present, lengths = prepared
    layout = layout_of(modality)
    if layout == "set":
        count = values.shape[1] if lengths is None else lengths.clamp(min=1)[:, None]
        if lengths is not None:  # an empty set has no mean
            filled = lengths > 0
            present = filled if present is None else present & filled
        return Prepared(values.sum(1) / count, present, None)
    if layout == "image":
        return Prepared(values if values.dim() == 4 else values[..., None], present, lengths)
    return Prepared(values.flatten(1 if layout == "vector" else 2), present, lengths)


def squared_error(
    decoded: Float[Tensor, "batch ..."], target: Prepared
) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
    """Return each row's mean squared error over its own elements, and which rows have any.

    Example:
        >>> target = Prepared(torch.tensor([[[1.0], [0.0]], [[0.0], [0.0]]]), None, torch.tensor([1, 0]))
        >>> error, counts = squared_error(torch.full((2, 2, 1), 3.0), target)
        >>> error.tolist(), counts.tolist()
        ([4.0, 0.0], [True, False])
    """
    values, present, lengths = target
    square = (decoded - values).square().flatten(1)  # (B, elements)
    rows = torch.ones(len(values), dtype=torch.bool, device=values.device) if present is None else present
    if lengths is None:
        return square.mean(1), rows
    a_step = square.unflatten(1, (values.shape[1], -1)).mean(2)  # (B, T)
    inside = within_lengths(lengths, values.shape[1])
    return (a_step * inside).sum(1) / lengths.clamp(min=1), rows & (lengths > 0)


def reconstruction_error(
    decoded: Float[Tensor, "batch ..."], target: Prepared, rows: Bool[Tensor, " batch"] | None = None
) -> Float[Tensor, ""]:
    """Return the mean squared error over rows that have the target (and are in `rows`); zero with a graph if none."""
    error, counts = squared_error(decoded, target)
    counts = counts if rows is None else counts & rows
    # Rows that do not count are replaced before the sum, so that their gradient is exactly zero.
    return torch.where(counts, error, error * 0).sum() / counts.sum().clamp(min=1)
