"""Tensor fusion: the outer product of all representations, each with a one in front, and a layer on top of it.

    t = flatten([1, P_1 z_1] x .. x [1, P_M z_M]) in R^prod(d_m + 1),   z = dropout(relu(W t + b))

Reference: Zadeh et al. 2017, Tensor fusion network for multimodal sentiment analysis (EMNLP), sections 4.2 and 4.3.
The order is row-major, modality 1 slowest: [2, 3] and [5, 7] give [1, 5, 7, 2, 10, 14, 3, 15, 21].
Departs from the paper: one layer of the post-fusion network is part of the fusion, so that W t can be made without t
where that is cheaper (`mmcore.models.fusions.outer`); each representation is first projected, by default to the
largest common size with prod(d_m + 1) <= 4096, because the product of encoders' full widths has width^M entries. W has
the variance 2 / prod(d_m + 1) (He et al. 2015): entries of t have about unit second moment, the ones among them.
Missing modality: only its appended 1 remains, so every term that holds it is zero and the lower orders are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.fusions.outer import linear_of_outer, outer_of_all, with_one
from mmcore.models.fusions.projection import Projections

LARGEST_PRODUCT = 4096
MOST_WEIGHTS = 2**28


def tensor_product(representations: Sequence[Float[Tensor, "batch size"]]) -> Float[Tensor, "batch product"]:
    """Return the flattened outer product of all [1, z_m].

    Example:
        >>> tensor_product([torch.tensor([[2.0, 3.0]]), torch.tensor([[5.0, 7.0]])]).tolist()
        [[1.0, 5.0, 7.0, 2.0, 10.0, 14.0, 3.0, 15.0, 21.0]]
    """
    return outer_of_all([with_one(z) for z in representations])


def projected_sizes(sizes: Sequence[int]) -> list[int]:
    """Return the default sizes: one for all, at most each modality's own, 1 at least.

    Example:
        >>> projected_sizes([64, 64]), projected_sizes([64, 64, 5])
        ([63, 63], [15, 15, 5])
    """
    common = 1
    while (common + 2) ** len(sizes) <= LARGEST_PRODUCT and common < max(sizes):
        common += 1
    return [min(common, size) for size in sizes]


def check_weights(product: int, outputs: int, remedy: str) -> None:
    """Refuse a layer on an outer product that no machine would train.

    Raises:
        InputError: for more than 2^28 weights.
    """
    if product * max(outputs, 1) > MOST_WEIGHTS:
        received = f"an outer product of {product} entries for {outputs} features"
        raise InputError("modalities", received, f"at most {MOST_WEIGHTS} weights", remedy)


class TensorFusion(nn.Module):
    """(B, hidden), or the flat tensor (B, prod(d_m + 1)) with `hidden=0`.

    Args:
        sizes: of the representations.
        width: of the layer, where `hidden` does not say.
        dropout: after the layer.
        hidden: features of the layer; 0 for the flat tensor itself.
        projected: size of the projection of all modalities or of each; 0 for none, None for the default.

    Raises:
        InputError: for sizes that do not fit the modalities, or more than 2^28 weights.

    Example:
        >>> TensorFusion([4, 19, 79], hidden=0, projected=0).features
        8000
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        width: int = 64,
        dropout: float = 0.1,
        hidden: int | None = None,
        projected: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        targets = projected_sizes(sizes) if projected is None else projected
        self.project = None if targets == 0 else Projections(sizes, targets)
        final = list(sizes) if self.project is None else self.project.targets
        product = math.prod(size + 1 for size in final)
        outputs = width if hidden is None else hidden
        check_weights(product, outputs, "Set a smaller 'projected'.")
        self.features = outputs or product
        self.weight: nn.Parameter | None = None
        self.bias: nn.Parameter | None = None
        if outputs:
            self.weight = nn.Parameter(torch.randn(outputs, product) * math.sqrt(2.0 / product))
            self.bias = nn.Parameter(torch.zeros(outputs))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch features"]:
        """Return the fused vector."""
        if self.project is not None:
            representations = self.project(representations, presence)
        if self.weight is None or self.bias is None:
            return tensor_product(representations)
        linear = linear_of_outer([with_one(z) for z in representations], self.weight) + self.bias
        return self.dropout(torch.relu(linear))
