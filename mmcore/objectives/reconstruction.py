"""Reconstruction: the fused vector is to keep what every input was.

    L = sum_m mean_i [ mean over own elements of (x_im - g_m(z_i))^2 ]      (standardised inputs, no unit)

with z the fused vector and g_m a decoder for the layout of modality m.
Reference: Lee et al. 2019, Making sense of vision and touch (ICRA) and Tsai et al. 2019, Learning factorized multimodal
representations (ICLR), as in Liang et al. 2023, MultiZoo, section 'reconstruction objectives'.
An element that is predicted by its training mean costs 1, whatever its unit.
Missing modality: it is reconstructed from the others' fused vector, but counts only in rows that have it; padding and
empty sequences count nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.generative.decoders import build_decoder, decoding_target, reconstruction_error
from mmcore.objectives.needs import fused_size

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec
    from mmcore.models.trace import Trace


class Reconstruction(nn.Module):
    """The mean squared errors of decoders from the fused vector to each standardised input, summed.

    Args:
        model: with a fused vector.
        n_rows: of the training part; not used.
        width: of the decoders' hidden layers.

    Raises:
        InputError: for a model without a fused vector.
    """

    def __init__(self, model: nn.Module, *, n_rows: int = 0, width: int = 64) -> None:
        super().__init__()
        if width < 1:
            raise InputError("width", width, "a positive whole number", "Use 64.")
        fused = fused_size(model, "reconstruction")
        self.specs: tuple[ModalitySpec, ...] = model.specs  # type: ignore[assignment]
        self.decoders = nn.ModuleList([build_decoder(modality, fused, width=width) for modality in self.specs])

    def forward(self, trace: Trace, targets: Tensor, rows: Tensor) -> Float[Tensor, ""]:
        """Return the loss."""
        if trace.fused is None:
            raise TypeError("the model made no fused vector, although it did when the term was built")
        loss = trace.fused.new_zeros(())
        for modality, decoder, prepared in zip(self.specs, self.decoders, trace.prepared):
            target = decoding_target(modality, prepared)
            loss = loss + reconstruction_error(decoder(trace.fused, target.values), target)
        return loss
