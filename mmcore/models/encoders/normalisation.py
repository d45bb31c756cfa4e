"""Normalisation inside convolutional and maxout encoders: by batch, or by groups of channels.

    batch norm:  y = g (x - mean_batch) / sqrt(var_batch + eps) + b   per channel; running averages in evaluation
    group norm:  the same over 16 channels of one sample, in training and evaluation alike

References: Ioffe, Szegedy 2015, Batch normalization (ICML); Wu, He 2018, Group normalization (ECCV; 16 channels a group
are among its best settings). Departs from torch in one point: a batch norm that sees a single value a channel (a batch
of one with a map of one pixel), which has no variance, uses and keeps its running averages where torch raises.
With batch norm, training ties the rows of a batch together, rows in which the modality is absent included.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import unknown_name

CHANNELS_A_GROUP = 16


class BatchNormalisation(nn.Module):
    """Batch norm of `(B, channels)` or, with `axes=2`, `(B, channels, height, width)`.

    Example:
        >>> import torch
        >>> BatchNormalisation(2).train()(torch.ones(1, 2)).shape
        torch.Size([1, 2])
    """

    def __init__(self, channels: int, *, axes: int = 0, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=eps) if axes == 2 else nn.BatchNorm1d(channels, eps=eps)

    def forward(self, values: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        """Return the normalised values."""
        if self.training and values.numel() <= values.shape[1]:
            norm = self.norm
            return functional.batch_norm(
                values, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False, eps=norm.eps
            )
        return self.norm(values)


def image_norm(name: str, channels: int) -> nn.Module:
    """Return the normalisation called `batch` or `group` for `(B, channels, height, width)`.

    Raises:
        InputError: for another name.

    Example:
        >>> image_norm("group", 64).num_groups
        4
    """
    if name == "batch":
        return BatchNormalisation(channels, axes=2)
    if name == "group":
        return nn.GroupNorm(channels // math.gcd(channels, CHANNELS_A_GROUP), channels)
    raise unknown_name("norm", str(name), ("batch", "group"))
