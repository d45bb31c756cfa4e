"""From one vector a step to one vector a sequence, in which the amount and content of padding do not matter.

    last: h_T;   mean: (1/T) sum_t h_t;   max: max_t h_t;   T is the sequence's own length

A sequence without steps pools to zeros.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmcore.errors import unknown_name
from mmcore.models.standardisation import within_lengths

POOLINGS = ("last", "mean", "max")


def check_pooling(pooling: str, allowed: tuple[str, ...] = POOLINGS) -> str:
    """Return `pooling`.

    Raises:
        InputError: where it is not one of `allowed`.

    Example:
        >>> check_pooling("mean")
        'mean'
    """
    if pooling not in allowed:
        raise unknown_name("pooling", str(pooling), allowed)
    return pooling


def pool_steps(
    steps: Float[Tensor, "batch time features"], lengths: Int[Tensor, " batch"] | None, pooling: str
) -> Float[Tensor, "batch features"]:
    """Return the last step, the mean or the maximum over each sequence's own steps (lengths None: all).

    Raises:
        InputError: for an unknown pooling.

    Example:
        >>> steps = torch.tensor([[[1.0], [3.0], [9.0]], [[5.0], [9.0], [9.0]]])
        >>> [pool_steps(steps, torch.tensor([2, 0]), each).flatten().tolist() for each in POOLINGS]
        [[3.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    """
    check_pooling(pooling)
    if steps.shape[1] == 0:
        return steps.sum(1)
    if lengths is None:
        if pooling == "last":
            return steps[:, -1]
        return steps.mean(1) if pooling == "mean" else steps.amax(1)
    if pooling == "mean":
        inside = within_lengths(lengths, steps.shape[1])[..., None]
        return steps.masked_fill(~inside, 0.0).sum(1) / lengths.clamp(min=1)[:, None]
    if pooling == "max":
        inside = within_lengths(lengths, steps.shape[1])[..., None]
        pooled = steps.masked_fill(~inside, -torch.inf).amax(1)
    else:
        pooled = steps[torch.arange(len(steps), device=steps.device), (lengths - 1).clamp(min=0)]
    return pooled.masked_fill((lengths == 0)[:, None], 0.0)
