"""One linear map a modality, and the presence of all modalities as one matrix; what many fusions begin with.

t_m = P_m z_m + c_m where modality m is present, 0 where it is absent
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.standardisation import blank_absent


class Projections(nn.Module):
    """A linear map of each modality's representation; absent rows are zeros afterwards too.

    Args:
        sizes: of the representations.
        to: the size after projection, of all modalities or of each.
        bias: whether the maps have a bias.

    Example:
        >>> maps = Projections([2, 3], 4)
        >>> [part.shape[1] for part in maps([torch.ones(1, 2), torch.ones(1, 3)], [None, None])]
        [4, 4]
    """

    def __init__(self, sizes: Sequence[int], to: int | Sequence[int], *, bias: bool = True) -> None:
        super().__init__()
        self.targets = [to] * len(sizes) if isinstance(to, int) else [int(size) for size in to]
        if len(self.targets) != len(sizes) or min(self.targets) < 1:
            allowed = f"one size of 1 or more, or {len(sizes)} of them"
            raise InputError("projected", to, allowed, "Give one size a modality.")
        self.maps = nn.ModuleList([nn.Linear(size, target, bias=bias) for size, target in zip(sizes, self.targets)])

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> list[Float[Tensor, "batch to"]]:
        """Return the projected representations."""
        return [blank_absent(one(z), present) for one, z, present in zip(self.maps, representations, presence)]


def presence_matrix(
    representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
) -> Bool[Tensor, "batch modalities"]:
    """Return who is present, (B, M); all are where `presence` says None.

    Example:
        >>> presence_matrix([torch.ones(2, 1), torch.ones(2, 5)], [None, torch.tensor([True, False])]).tolist()
        [[True, True], [True, False]]
    """
    columns = [
        torch.ones(len(z), dtype=torch.bool, device=z.device) if present is None else present
        for z, present in zip(representations, presence)
    ]
    return torch.stack(columns, 1)
