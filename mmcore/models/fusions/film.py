"""Feature-wise linear modulation (FiLM): one modality's features are scaled and shifted by what the others say.

    FiLM(x | c) = (1 + dgamma(c)) * x + beta(c),   [dgamma, beta](c) = W_2 relu(W_1 c + b_1) + b_2,   c = the others

Reference: Perez et al. 2018, FiLM: visual reasoning with a general conditioning layer (AAAI), section 3 (gamma has the
baseline 1). Departs from its network in the generator, which has a hidden layer here (there the recurrent encoder of
the question), and in the conditioned features, one vector a row (there maps of four blocks). `normalise` puts a layer
norm without parameters before the modulation, as batch norm there. W_2 starts at a tenth of the usual size, b_2 at
zero, so that the modulation starts near the identity.
Missing modality: an absent one among the others is zeros in c; with none of the others there, gamma = 1 and beta = 0
exactly; where the conditioned one is absent, beta(c) is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.fusions.projection import presence_matrix
from mmcore.models.standardisation import blank_absent


class FeaturewiseModulation(nn.Module):
    """(B, d): the representation of the conditioned modality, modulated.

    Args:
        sizes: of the representations.
        width: hidden units of the generator.
        dropout: in the generator.
        conditioned: index of the modality whose features are modulated, in the model's order; negative from the end.
        normalise: whether these features pass a layer norm (zero mean, unit variance over each row's features) first.

    Raises:
        InputError: for an index that is not there.

    Example:
        >>> FeaturewiseModulation([4, 6, 2], conditioned=1).features
        6
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        width: int = 64,
        dropout: float = 0.1,
        conditioned: int = 0,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        if not -len(sizes) <= conditioned < len(sizes):
            raise InputError("conditioned", conditioned, f"0 to {len(sizes) - 1}", "Give a modality's index.")
        self.conditioned, self.normalise = conditioned % len(sizes), normalise
        self.features = sizes[self.conditioned]
        last = nn.Linear(width, 2 * self.features)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()
        conditions = sum(sizes) - self.features
        self.generator = nn.Sequential(nn.Linear(conditions, width), nn.ReLU(), nn.Dropout(dropout), last)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch features"]:
        """Return the modulated representation."""
        values = representations[self.conditioned]
        others = [m for m in range(len(representations)) if m != self.conditioned]
        conditions = [representations[m] for m in others]
        if self.normalise:
            # The norm of zeros is zeros, so an absent row stays as it is.
            values = functional.layer_norm(values, (self.features,))
        told = presence_matrix(conditions, [presence[m] for m in others]).any(1)
        change, shift = blank_absent(self.generator(torch.cat(conditions, 1)), told).chunk(2, 1)
        return values + change * values + shift
