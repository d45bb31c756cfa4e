"""Late-fusion transformer: one token a modality and a class token, a few standard encoder layers.

    z = LN(Encoder([cls, P_1 z_1 + c_1, .., P_M z_M + c_M]))_cls

Reference: Rheude, Eils, Wild 2025, the simple baseline of arXiv:2512.22991; layers of Vaswani et al. 2017, Attention is
all you need (NeurIPS), in the pre-norm form of Xiong et al. 2020 (ICML), which trains without warm-up.
There are no positions: c_m, the bias of each modality's map, says which modality a token is. Layers are initialised one
by one (torch's `nn.TransformerEncoder` copies the first).
Missing modality: its token is masked as a key and a value, so nothing attends to it; a row without any is the class
token alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.fusions.attention_pooling import check_heads
from mmcore.models.fusions.projection import Projections, presence_matrix


class LateTransformer(nn.Module):
    """(B, width).

    Args:
        sizes: of the representations.
        width: of the tokens.
        dropout: in the layers.
        heads: of the attention; they divide the width.
        layers: of the encoder.
        expansion: hidden units of each layer's perceptron, as a multiple of the width.

    Raises:
        InputError: for heads that do not divide the width, or a number below 1.

    Example:
        >>> fusion = LateTransformer([2, 3], width=8)
        >>> fusion([torch.ones(1, 2), torch.ones(1, 3)], [None, None]).shape
        torch.Size([1, 8])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        width: int = 64,
        dropout: float = 0.1,
        heads: int = 4,
        layers: int = 2,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        check_heads(width, heads)
        for name, value in (("layers", layers), ("expansion", expansion)):
            if value < 1:
                raise InputError(name, value, "1 or more", "Correct the value.")
        self.features = width
        self.project = Projections(sizes, width)
        self.class_token = nn.Parameter(torch.randn(width) * 0.02)
        self.layers = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, heads, expansion * width, dropout, "gelu", batch_first=True, norm_first=True
                )
                for _ in range(layers)
            ]
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the class token after the layers."""
        tokens = self.project(representations, presence)
        hidden = torch.stack([self.class_token.expand_as(tokens[0]), *tokens], 1)  # (B, 1 + M, width)
        absent = None
        if any(present is not None for present in presence):
            absent = nn.functional.pad(~presence_matrix(representations, presence), (1, 0), value=False)
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=absent)
        return self.norm(hidden[:, 0])
