"""Residual networks of 18 layers for images, with the activation after or before the convolutions.

    residual:        h' = relu(s(h) + N(K_2 * relu(N(K_1 * h))))
    pre-activation:  h' = s + K_2 * relu(N(K_1 * a)),   a = relu(N(h));   s = h where the shape stays, else S * a

with N a batch norm (or a group norm), K of 3 x 3, S of 1 x 1, and s(h) = h where the shape stays, else N(S * h).
References: He et al. 2016, Deep residual learning for image recognition (CVPR; 11 689 512 parameters with 3 channels
and 1000 outputs); He et al. 2016, Identity mappings in deep residual networks (ECCV). Convolutions start Kaiming-normal
(fan out), as there. Images with a side under 64 pixels get the stem of the CIFAR networks, one 3 x 3 convolution of
stride 1 and no pooling, because the standard stem would leave them a map of a pixel or two.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.errors import unknown_name
from mmcore.models.encoders.normalisation import image_norm
from mmcore.models.encoders.precision import without_autocast_on_cpu

BLOCKS = (2, 2, 2, 2)
SMALL_SIDE = 64


def _convolution(before: int, after: int, kernel: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut: `(B, before, H, W)` to `(B, after, H / stride, W / stride)`."""

    def __init__(self, before: int, after: int, stride: int, norm: str) -> None:
        super().__init__()
        self.first, self.second = _convolution(before, after, 3, stride), _convolution(after, after, 3, 1)
        self.first_norm, self.second_norm = image_norm(norm, after), image_norm(norm, after)
        same = stride == 1 and before == after
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(_convolution(before, after, 1, stride), image_norm(norm, after))
        )

    def forward(self, values: Float[Tensor, "batch before height width"]) -> Tensor:
        """Return the block's map."""
        hidden = self.second_norm(self.second(torch.relu(self.first_norm(self.first(values)))))
        return torch.relu(hidden + self.shortcut(values))


class PreactivationBlock(nn.Module):
    """The same with norm and activation before each convolution, and nothing after the sum."""

    def __init__(self, before: int, after: int, stride: int, norm: str) -> None:
        super().__init__()
        self.first, self.second = _convolution(before, after, 3, stride), _convolution(after, after, 3, 1)
        self.first_norm, self.second_norm = image_norm(norm, before), image_norm(norm, after)
        self.shortcut = None if stride == 1 and before == after else _convolution(before, after, 1, stride)

    def forward(self, values: Float[Tensor, "batch before height width"]) -> Tensor:
        """Return the block's map."""
        active = torch.relu(self.first_norm(values))
        kept = values if self.shortcut is None else self.shortcut(active)
        return kept + self.second(torch.relu(self.second_norm(self.first(active))))


class ResNet(nn.Module):
    """Map images `(B, height, width, channels)`, or `(B, height, width)`, to `(B, width)`.

    Args:
        channels: of the image.
        width: features.
        filters: channels of the first stage; each of the further three doubles them.
        small: whether the stem is the one for small images.
        preactivation: whether norm and activation come before the convolutions.
        norm: `batch` or `group`.
        dropout: of the features.

    Example:
        >>> ResNet(3, width=8, filters=4, small=True)(torch.zeros(2, 16, 12, 3)).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        filters: int = 64,
        small: bool = False,
        preactivation: bool = False,
        norm: str = "batch",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features, self.channels = width, channels
        layers: list[nn.Module] = [_convolution(channels, filters, 3 if small else 7, 1 if small else 2)]
        if not (preactivation and small):
            layers += [image_norm(norm, filters), nn.ReLU()]
        if not small:
            layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        block, before = PreactivationBlock if preactivation else ResidualBlock, filters
        for stage, repeats in enumerate(BLOCKS):
            for index in range(repeats):
                after = filters * 2**stage
                layers.append(block(before, after, 2 if stage and not index else 1, norm))
                before = after
        if preactivation:
            layers += [image_norm(norm, before), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.project = nn.Sequential(nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout))

    def forward(
        self, values: Float[Tensor, "batch height width *channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch features"]:
        """Return the representation; `lengths` has no meaning here and is ignored."""
        images = values.reshape(*values.shape[:3], self.channels).permute(0, 3, 1, 2)  # (B, channels, height, width)
        with without_autocast_on_cpu(images):
            hidden = self.layers(images)
        return self.project(hidden)


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    filters: int = 64,
    stem: str = "auto",
    preactivation: bool = False,
    norm: str = "batch",
) -> ResNet:
    """Return the encoder of images (H, W) or (H, W, channels).

    `stem` is `standard`, `small`, or `auto`: small where a side is under 64 pixels.

    Raises:
        InputError: for an unknown stem or norm.
    """
    if stem not in ("auto", "standard", "small"):
        raise unknown_name("stem", str(stem), ("auto", "standard", "small"))
    small = stem == "small" or (stem == "auto" and min(int(shape[0] or 1), int(shape[1] or 1)) < SMALL_SIDE)
    channels = int(shape[2] or 1) if len(shape) == 3 else 1
    return ResNet(
        channels, width=width, filters=filters, small=small, preactivation=preactivation, norm=norm, dropout=dropout
    )


def preactivation_for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    filters: int = 64,
    stem: str = "auto",
    norm: str = "batch",
) -> ResNet:
    """Return the pre-activation encoder of images (H, W) or (H, W, channels); raises as `for_shape`."""
    return for_shape(shape, width=width, dropout=dropout, filters=filters, stem=stem, preactivation=True, norm=norm)
