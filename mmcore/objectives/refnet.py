"""RefNet: the fused vector and the modalities are to point the same way; two forms that share a name.

    representations   L = sum_m mean_i [1 - cos(z_i, g_m(z_im))]            g_m linear, into the space of z
    inputs            L = sum_m mean_i [1 - cos(R(z_i)_m, x_im)]            R a refiner from z to all inputs

with z the fused vector, z_m the representations and x_m the standardised inputs, flattened.
Reference: Sankaran, Yang, Lim 2021, Multimodal fusion refiner networks (the second form, as in MultiZoo's code, weight
0.1); Liang et al. 2023, MultiZoo, section 'feature-level alignment' (the first, as in its formula).
Departs from the code on purpose: inputs are standardised; those of varying length (and sets, which have no order) are
compared by their mean over steps, because a refiner has a fixed number of outputs.
Missing modality: it is left out of its mean over rows; an input that is zero everywhere has cosine 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import unknown_name
from mmcore.models.encoders import flat_size, layout_of
from mmcore.models.standardisation import Prepared, within_lengths
from mmcore.objectives.needs import (
    at_least_single,
    fused_size,
    nothing,
    present_in,
    representation_sizes,
)

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec
    from mmcore.models.trace import Trace

TARGETS = ("representations", "inputs")


def input_vector(modality: ModalitySpec, prepared: Prepared) -> Float[Tensor, "batch size"]:
    """Return one vector a row: the input flattened, or its mean over steps or elements where these have no fixed place.

    Example:
        >>> import torch
        >>> from mmcore.data.spec import ModalitySpec
        >>> steps = Prepared(torch.tensor([[[1.0], [3.0], [0.0]]]), None, torch.tensor([2]))
        >>> input_vector(ModalitySpec("a", "timeseries", (None, 1), "float32", ragged=True), steps).tolist()
        [[2.0]]
    """
    values, lengths = prepared.values, prepared.lengths
    if lengths is not None:
        inside = within_lengths(lengths, values.shape[1])[..., None]
        return (values.flatten(2) * inside).sum(1) / lengths.clamp(min=1)[:, None]
    return values.mean(1) if layout_of(modality) == "set" else values.flatten(1)


def _vector_size(modality: ModalitySpec) -> int:
    if modality.ragged or layout_of(modality) == "set":
        size = 1
        for each in modality.shape[1:]:
            size *= int(each or 1)
        return size
    return flat_size(modality)


class RefNet(nn.Module):
    """One minus the cosine between what the fused vector and what each modality say, summed over modalities.

    Args:
        model: with a fused vector, and for `representations` one representation a modality.
        n_rows: of the training part; not used.
        target: `representations` or `inputs`.

    Raises:
        InputError: for an unknown target, or a model without what it needs.
    """

    def __init__(self, model: nn.Module, *, n_rows: int = 0, target: str = "representations") -> None:
        super().__init__()
        if target not in TARGETS:
            raise unknown_name("target", str(target), TARGETS)
        fused = fused_size(model, "refnet")
        self.target = target
        self.specs: tuple[ModalitySpec, ...] = model.specs  # type: ignore[assignment]
        if target == "representations":
            sizes = representation_sizes(model, "refnet")
            self.maps = nn.ModuleList([nn.Linear(size, fused) for size in sizes])
        else:
            self.sizes = [_vector_size(modality) for modality in self.specs]
            self.refiner = nn.Sequential(nn.Linear(fused, fused), nn.ReLU(), nn.Linear(fused, sum(self.sizes)))

    def forward(self, trace: Trace, targets: Tensor, rows: Tensor) -> Float[Tensor, ""]:
        """Return the loss, in [0, 2 M]."""
        if trace.fused is None:
            raise TypeError("the model made no fused vector, although it did when the term was built")
        if self.target == "representations":
            pairs = [(trace.fused, map_to(part)) for map_to, part in zip(self.maps, trace.representations)]
        else:
            refined = self.refiner(trace.fused).split(self.sizes, 1)
            vectors = [input_vector(modality, prepared) for modality, prepared in zip(self.specs, trace.prepared)]
            pairs = list(zip(refined, vectors))
        loss = nothing(*(side for pair in pairs for side in pair))
        for position, (first, second) in enumerate(pairs):
            present = present_in(trace, position)
            if bool(present.any()):
                left, right = at_least_single(first[present]), at_least_single(second[present])
                loss = loss + (1 - functional.cosine_similarity(left, right)).mean()
        return loss
