"""Deep sets: one perceptron over every element, pooled over the set, another one over the pool.

    z = rho([pool_1 {phi(x_i)}, pool_2 {phi(x_i)}, ..]),   pools among sum, mean, max and size = log(1 + n)

Reference: Zaheer et al. 2017, Deep sets (NeurIPS), theorem 2: with the sum, any function of a set is of this form.
Departs from it in the default pools, mean, max and size: mean and size together determine the sum, and stay of one
scale however large the set is. An empty set pools to zeros. The deep averaging network of MultiBench is the sum with a
rho of linear layers that have no activation in between, which are one linear layer; rho here has one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.encoders.pooling import check_pooling, pool_steps
from mmcore.models.standardisation import within_lengths

SET_POOLINGS = ("sum", "mean", "max", "size")


def pool_set(
    elements: Float[Tensor, "batch elements features"], lengths: Int[Tensor, " batch"] | None, pooling: str
) -> Float[Tensor, "batch pooled"]:
    """Return the sum, mean or maximum over each set's own elements, or `(B, 1)` logarithms of one more than its size.

    Raises:
        InputError: for an unknown pooling.

    Example:
        >>> pool_set(torch.ones(2, 3, 1), torch.tensor([2, 0]), "sum").tolist()
        [[2.0], [0.0]]
    """
    if pooling == "size":
        sizes = (
            elements.new_full((len(elements),), elements.shape[1]) if lengths is None else lengths.to(elements.dtype)
        )
        return torch.log1p(sizes)[:, None]
    if pooling != "sum":
        return pool_steps(elements, lengths, pooling)
    if lengths is not None:
        elements = elements.masked_fill(~within_lengths(lengths, elements.shape[1])[..., None], 0.0)
    return elements.sum(1)


class DeepSets(nn.Module):
    """Map sets `(B, n, channels)` of sizes `(B,)` (None: all n) to `(B, width)`, whatever the order of the elements.

    Args:
        channels: of an element.
        width: features, and of phi.
        depth: layers of phi.
        pooling: any of `sum`, `mean`, `max` and `size`, side by side.
        dropout: of the features.

    Raises:
        InputError: for an unknown pooling, or no pooling of elements at all.

    Example:
        >>> DeepSets(3, width=8)(torch.zeros(2, 10, 3), torch.tensor([10, 0])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        depth: int = 2,
        pooling: Sequence[str] = ("mean", "max", "size"),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = width
        self.pooling = tuple(check_pooling(each, SET_POOLINGS) for each in pooling)
        pooled = sum(1 if each == "size" else width for each in self.pooling)
        if pooled < width:
            raise InputError("pooling", list(pooling), "at least one of sum, mean, max", "Add one of them.")
        layers: list[nn.Module] = []
        for index in range(depth):
            layers += [nn.Linear(width if index else channels, width), nn.ReLU()]
        self.element = nn.Sequential(*layers)
        self.project = nn.Sequential(nn.Linear(pooled, width), nn.ReLU(), nn.Dropout(dropout))

    def forward(
        self, values: Float[Tensor, "batch elements channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation; `lengths` are the sizes of the sets."""
        elements = self.element(values)
        return self.project(torch.cat([pool_set(elements, lengths, each) for each in self.pooling], 1))


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    depth: int = 2,
    pooling: Sequence[str] = ("mean", "max", "size"),
) -> DeepSets:
    """Return the encoder of sets (n, channels); raises as `DeepSets`."""
    return DeepSets(int(shape[-1] or 1), width=width, depth=depth, pooling=pooling, dropout=dropout)
