"""The representation of each modality by its own encoder, which fusions and generative models start from.

    h_m = e_m(x_m), zero in the rows that lack modality m

so that what an absent row holds (NaN, for one) reaches neither a fusion nor a gradient.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from mmcore.models.standardisation import Prepared, blank_absent


def represented(encoders: Iterable[nn.Module], prepared: Iterable[Prepared]) -> list[Tensor]:
    """Return one (B, d_m) a modality, zeros in absent rows.

    Example:
        >>> import torch
        >>> each = Prepared(torch.ones(2, 3), torch.tensor([True, False]), None)
        >>> represented([lambda values, lengths: values.sum(1, keepdim=True)], [each])[0].tolist()
        [[3.0], [0.0]]
    """
    return [blank_absent(encoder(each.values, each.lengths), each.present) for encoder, each in zip(encoders, prepared)]
