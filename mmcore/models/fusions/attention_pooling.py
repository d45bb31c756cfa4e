"""Attention pooling: a weighted mean over one token a modality, the weights from the tokens themselves.

    t_m = P_m z_m + c_m,   a_hm = softmax over present m of w_h . tanh(V t_m),   z = [sum_m a_hm t_m^(h)]_h

with t^(h) the h-th part of the token. Reference: Ilse, Tomczak, Welling 2018, Attention-based deep multiple instance
learning (ICML), equations 7 and 8, on modalities as in Hori et al. 2017, Attention-based multimodal fusion for video
description (ICCV). Departs from both in the heads: with a single one and a linear head, the sign of an output is that
of a sum over modalities, since all share one denominator, and XOR is out of reach.
Missing modality: it is left out of softmax and sum; a row without any gives zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.fusions.projection import Projections, presence_matrix


def check_heads(width: int, heads: int) -> None:
    """Refuse a number of heads that does not divide the width.

    Raises:
        InputError: for such a number, or one below 1.
    """
    if heads < 1 or width % heads:
        raise InputError("heads", f"{heads} for width {width}", "a divisor of the width", "Change heads or width.")


class AttentionPooling(nn.Module):
    """(B, width).

    Args:
        sizes: of the representations.
        width: of the tokens and of the fused vector.
        dropout: after the fusion.
        heads: separate weightings, each of its part of the token.

    Raises:
        InputError: for heads that do not divide the width.

    Example:
        >>> pool = AttentionPooling([2, 3], width=4)
        >>> pool([torch.ones(1, 2), torch.ones(1, 3)], [None, None]).shape
        torch.Size([1, 4])
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1, heads: int = 4) -> None:
        super().__init__()
        check_heads(width, heads)
        self.features, self.heads = width, heads
        self.project = Projections(sizes, width)
        # Softmax ignores what all tokens share, so the last map has no bias: it would never get a gradient.
        self.score = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, heads, bias=False))
        self.dropout = nn.Dropout(dropout)

    def weights(
        self, tokens: Float[Tensor, "batch modalities width"], present: Bool[Tensor, "batch modalities"]
    ) -> Float[Tensor, "batch modalities heads"]:
        """Return the attention weights: one over present modalities together, zero for absent ones."""
        mask = present[..., None]
        scores = self.score(tokens)
        return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(1) * mask

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the weighted means."""
        tokens = torch.stack(self.project(representations, presence), 1)
        weights = self.weights(tokens, presence_matrix(representations, presence))
        parts = tokens.unflatten(2, (self.heads, -1))  # (B, M, heads, width / heads)
        return self.dropout((weights[..., None] * parts).sum(1).flatten(1))
