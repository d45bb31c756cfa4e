"""A small convolutional network for images.

    h_l = relu(conv_{3x3, stride 2}(h_{l-1})),  l = 1, 2;   z = relu(W flatten(pool_{4x4}(h_2)) + b)

Reference: LeCun et al. 1998, Gradient-based learning applied to document recognition (Proc. IEEE 86:11).
Departs from LeNet: strides instead of subsampling layers and an adaptive average pool to 4 x 4, so that any image size
works with one set of weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.precision import without_autocast_on_cpu


class Convolution(nn.Module):
    """Map images `(B, height, width, channels)`, or `(B, height, width)`, to `(B, width)`.

    Example:
        >>> import torch
        >>> Convolution(3, width=8)(torch.zeros(2, 28, 20, 3)).shape
        torch.Size([2, 8])
    """

    def __init__(
        self, channels: int, *, width: int = 64, filters: tuple[int, ...] = (16, 32), dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.features = width
        self.channels = channels
        layers: list[nn.Module] = []
        for before, after in zip((channels, *filters), filters):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.project = nn.Sequential(nn.Linear(16 * filters[-1], width), nn.ReLU(), nn.Dropout(dropout))

    def forward(
        self, values: Float[Tensor, "batch height width *channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch features"]:
        """Return the representation; `lengths` has no meaning here and is ignored."""
        images = values.reshape(*values.shape[:3], self.channels).permute(0, 3, 1, 2)  # (B, channels, height, width)
        with without_autocast_on_cpu(images):
            hidden = self.layers(images)
        return self.project(hidden)


def for_shape(
    shape: Sequence[int | None], *, width: int = 64, dropout: float = 0.1, filters: tuple[int, ...] = (16, 32)
) -> Convolution:
    """Return the encoder of images (H, W) or (H, W, channels)."""
    channels = int(shape[2] or 1) if len(shape) == 3 else 1
    return Convolution(channels, width=width, filters=tuple(filters), dropout=dropout)
