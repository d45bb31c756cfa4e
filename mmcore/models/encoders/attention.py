"""A transformer layer: fused attention and a perceptron on a residual stream that is normed before each.

    q = LN(queries), m = LN(values);   a = queries + O softmax(Q q (K m)' / sqrt(d / heads)) V m
    y = a + W_2 gelu(W_1 LN(a))

References: Vaswani et al. 2017, Attention is all you need (NeurIPS); Xiong et al. 2020, On layer normalization in the
transformer architecture (ICML), for the norm before. `torch.nn.TransformerEncoderLayer` is not used because its fast
path in evaluation hides its operations from torch's FLOP counter and cannot attend from fewer queries than values, and
`TransformerEncoder` starts all layers from the same weights.
Departs from the paper: what is dropped is the output of each branch, not single attention weights, so that torch's
fused kernel serves in training too. Where nothing may be attended to, the first value is, so that no row becomes NaN;
whoever pools drops it.
"""

from __future__ import annotations

import math

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.standardisation import within_lengths

MOST_HEADS = 4


def heads_for(width: int, heads: int | None) -> int:
    """Return `heads`; for None the largest divisor of `width` among 1, 2 and 4.

    Raises:
        InputError: where `heads` does not divide `width`.

    Example:
        >>> heads_for(64, None), heads_for(6, None), heads_for(10, 5)
        (4, 2, 5)
    """
    if heads is None:
        return math.gcd(width, MOST_HEADS)
    if heads < 1 or width % heads:
        raise InputError("heads", heads, f"a divisor of the width {width}", "Change heads or width.")
    return heads


def usable_steps(lengths: Int[Tensor, " batch"] | None, time: int) -> Bool[Tensor, "batch time"] | None:
    """Return which steps may be attended to: each row's own, and the first where it has none (None: all).

    Example:
        >>> import torch
        >>> usable_steps(torch.tensor([2, 0]), 3)
        tensor([[ True,  True, False],
                [ True, False, False]])
    """
    return None if lengths is None else within_lengths(lengths.clamp(min=1), time)


class AttentionLayer(nn.Module):
    """Map `values (B, T, width)` to `(B, T, width)`, or `queries (B, Q, width)` attending to them to `(B, Q, width)`.

    Args:
        width: of values and queries.
        heads: of the attention; divides the width.
        hidden: of the perceptron.
        dropout: of both branches, and of the perceptron's hidden layer.
        first_norm: whether the attention sees normed values.

    Example:
        >>> import torch
        >>> layer, values = AttentionLayer(8, heads=2, hidden=16), torch.zeros(2, 5, 8)
        >>> layer(values).shape, layer(values, queries=values[:, :1]).shape
        (torch.Size([2, 5, 8]), torch.Size([2, 1, 8]))
    """

    def __init__(self, width: int, *, heads: int, hidden: int, dropout: float = 0.1, first_norm: bool = True) -> None:
        super().__init__()
        self.heads = heads_for(width, heads)
        self.norm = nn.LayerNorm(width) if first_norm else nn.Identity()
        self.query, self.keys_values = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.output, self.dropout = nn.Linear(width, width), nn.Dropout(dropout)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )
        for linear in (self.query, self.keys_values, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self,
        values: Float[Tensor, "batch time width"],
        usable: Bool[Tensor, "batch time"] | None = None,
        queries: Float[Tensor, "batch queries width"] | None = None,
    ) -> Float[Tensor, "batch queries width"]:
        """Return the new stream of the queries (None: the values); `usable` says which values count (None: all)."""
        memory = self.norm(values)
        normed = memory if queries is None else self.norm(queries)
        query = self._by_head(self.query(normed))
        key, value = (self._by_head(part) for part in self.keys_values(memory).chunk(2, 2))
        mask = None if usable is None else usable[:, None, None]
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        stream = values if queries is None else queries
        stream = stream + self.dropout(self.output(attended.transpose(1, 2).flatten(2)))
        return stream + self.perceptron(stream)

    def _by_head(self, values: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch heads time size"]:
        return values.unflatten(2, (self.heads, -1)).transpose(1, 2)
