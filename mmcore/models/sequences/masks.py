"""Which steps of a source a step of a target may look at.

    seen(i, j) = (j < n_s) and, where causal, (j <= i + |n_s - n_t|)

with n_t, n_s the valid steps of target and source in that row. Reference: Tsai et al. 2019 (ACL), official code: there
the lengths are those of the padded arrays, and causal is on by default; here they are each row's own, so that padding
changes nothing. With 4 target and 6 source steps the first target step sees 3 source steps.
An empty source would leave nothing to attend to: its first step, which is zero, is let through, and what was gathered
from it is to be thrown away (`seen_at_all`).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mmcore.models.sequences.steps import Steps
from mmcore.models.standardisation import within_lengths


def attention_mask(target: Steps, source: Steps, *, causal: bool) -> Bool[Tensor, "#batch 1 #targets sources"] | None:
    """Return which sources each target sees, True where it does; None where all see all.

    Example:
        >>> target, source = Steps(torch.zeros(1, 4, 1), None), Steps(torch.zeros(1, 6, 1), None)
        >>> attention_mask(target, source, causal=True)[0, 0].sum(1).tolist()
        [3, 4, 5, 6]
    """
    time = source.values.shape[1]
    valid = None if source.lengths is None else within_lengths(source.lengths.clamp(min=1), time)[:, None, None]
    if not causal:
        return valid
    targets = torch.arange(target.values.shape[1], device=source.values.device)
    sources = torch.arange(time, device=source.values.device)
    ahead = (_lengths(source) - _lengths(target)).abs()  # (1,) or (B,)
    past = (sources <= (targets[:, None] + ahead[:, None, None]))[:, None]  # (1 or B, 1, targets, sources)
    return past if valid is None else past & valid


def _lengths(steps: Steps) -> Int[Tensor, " #batch"]:
    if steps.lengths is not None:
        return steps.lengths
    return torch.tensor([steps.values.shape[1]], device=steps.values.device)


def seen_at_all(source: Steps) -> Bool[Tensor, " batch"] | None:
    """Return in which rows the source has any step; None where all have."""
    return None if source.lengths is None else source.lengths > 0
