"""LeNet as MultiBench builds it: blocks of convolution, batch norm, relu and pooling, the channels doubling.

    block(x) = maxpool_2(relu(batchnorm(K * x)));   K_0: 5 x 5, c channels;   K_l: 3 x 3, 2^l c channels, l = 1 .. depth
    z = dropout(relu(W flatten(block_depth(.. block_0(x))) + b))

Reference: LeCun et al. 1998, Gradient-based learning applied to document recognition (Proc. IEEE 86:11); the blocks
are those of MultiBench (Liang et al. 2021). Convolutions have no bias and start Kaiming-uniform.
Departs from it: an axis that is down to one pixel is not pooled further, so images of any size work; nothing is
squeezed, which there lost the batch axis of a batch of one; the flattened map is projected to `width` features, unless
`project` is False.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.normalisation import image_norm
from mmcore.models.encoders.precision import without_autocast_on_cpu


def depth_for(height: int, width: int) -> int:
    """Return how many blocks follow the first until the shorter side is one pixel; at least 1.

    Example:
        >>> depth_for(28, 28), depth_for(112, 112), depth_for(1, 3)
        (3, 5, 1)
    """
    return max(1, int(math.log2(min(height, width))) - 1)


class LeNet(nn.Module):
    """Map images `(B, height, width, channels)`, or `(B, height, width)`, to `(B, features)`.

    Args:
        size: height and width.
        channels: of the image.
        width: features where the map is projected.
        filters: channels after the first block.
        depth: blocks after the first; None until the shorter side is one pixel.
        norm: `batch` or `group`.
        project: whether the flattened map, of `filters * 2^depth * height' * width'` features, is projected.

    Example:
        >>> import torch
        >>> LeNet((28, 28), 1, project=False)(torch.zeros(2, 28, 28)).shape
        torch.Size([2, 48])
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: int,
        *,
        width: int = 64,
        filters: int = 6,
        depth: int | None = None,
        norm: str = "batch",
        project: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.channels = channels
        blocks: list[nn.Module] = []
        left = size
        for index in range(1 + (depth_for(*size) if depth is None else depth)):
            kernel, before = (3, filters * 2 ** (index - 1)) if index else (5, channels)
            convolution = nn.Conv2d(before, filters * 2**index, kernel, padding=kernel // 2, bias=False)
            nn.init.kaiming_uniform_(convolution.weight)
            window = (min(2, left[0]), min(2, left[1]))
            left = (left[0] // window[0], left[1] // window[1])
            blocks += [convolution, image_norm(norm, filters * 2**index), nn.ReLU(), nn.MaxPool2d(window)]
        self.layers = nn.Sequential(*blocks, nn.Flatten())
        flat = filters * 2**index * left[0] * left[1]
        self.features = width if project else flat
        self.project = _projection(flat, width, dropout) if project else nn.Identity()

    def forward(
        self, values: Float[Tensor, "batch height width *channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch features"]:
        """Return the representation; `lengths` has no meaning here and is ignored."""
        images = values.reshape(*values.shape[:3], self.channels).permute(0, 3, 1, 2)  # (B, channels, height, width)
        with without_autocast_on_cpu(images):
            hidden = self.layers(images)
        return self.project(hidden)


def _projection(flat: int, width: int, dropout: float) -> nn.Module:
    linear = nn.Linear(flat, width)
    nn.init.kaiming_uniform_(linear.weight)
    return nn.Sequential(linear, nn.ReLU(), nn.Dropout(dropout))


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    filters: int = 6,
    depth: int | None = None,
    norm: str = "batch",
    project: bool = True,
) -> LeNet:
    """Return the encoder of images (H, W) or (H, W, channels)."""
    size = (int(shape[0] or 1), int(shape[1] or 1))
    channels = int(shape[2] or 1) if len(shape) == 3 else 1
    return LeNet(size, channels, width=width, filters=filters, depth=depth, norm=norm, project=project, dropout=dropout)
