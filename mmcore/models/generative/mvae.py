"""Multimodal variational autoencoder with a product of experts, and a classifier on its posterior mean.

    q(z | X) ~ N(0, I) prod_{m in X} N(mu_m(x_m), s_m^2(x_m));   y^ = g(mean of q(z | all present))
    L = task(y^, y) + bound(all present) + sum_m bound({m}),
    bound(X) = sum_{m in X} reconstruction mse(d_m(z), x_m) + divergence KL(q(z | X) || N(0, I)),   z ~ q(z | X)

bound is minus the evidence lower bound up to a constant where divergence = 1 and reconstruction = n_m / (2 sigma_m^2),
with n_m elements of noise variance sigma_m^2; the defaults are in that relation for a hundred elements and unit
variance, and smaller, for the task comes first.
Reference: Wu and Goodman 2018, Multimodal generative models for scalable weakly-supervised learning (NeurIPS), section
2.2; joint and unimodal bounds and the classifier on the mean as in Liang et al. 2021, MultiBench.
Departs from MultiBench's examples on purpose: there the weight of the divergence is 0, so that the posterior is none.
z is sampled in training mode only, with the generator that dropout uses; the added losses are in the trace in training
mode only. Outputs come from the mean in both modes.
Missing modality: its expert is left out of the product and its bound out of the mean over rows; without any modality
the posterior is the prior and all such rows get the same output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.models.assembly import build_head
from mmcore.models.encoders import EncoderChoice, build_encoders
from mmcore.models.generative.decoders import build_decoder, decoding_target, reconstruction_error
from mmcore.models.generative.experts import divergence_from_normal, product_of_experts
from mmcore.models.generative.sizes import factor_size
from mmcore.models.representations import represented
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def _mean_over(values: Float[Tensor, " batch"], rows: Bool[Tensor, " batch"] | None) -> Float[Tensor, ""]:
    if rows is None:
        return values.mean()
    return torch.where(rows, values, values * 0).sum() / rows.sum().clamp(min=1)


class VariationalModel(nn.Module):
    """One Gaussian expert a modality, their product as posterior, decoders, and a perceptron on the posterior mean.

    Args:
        modalities: what it sees, in order.
        outputs: numbers it emits.
        task: of the label.
        width: of encoders, hidden layers and decoders.
        dropout: in encoders and head.
        encoders: modality -> encoder, the rest by kind.
        latent: dimensions of z; None for half the width.
        reconstruction: weight of each mean squared error.
        divergence: weight of each divergence (nats).

    Raises:
        InputError: for an unknown encoder, or a number out of range.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 64,
        dropout: float = 0.1,
        encoders: Mapping[str, EncoderChoice] | None = None,
        latent: int | None = None,
        reconstruction: float = 0.1,
        divergence: float = 2e-3,
    ) -> None:
        super().__init__()
        size = factor_size("latent", latent, width, reconstruction=reconstruction, divergence=divergence)
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.reconstruction, self.divergence = reconstruction, divergence
        self.inputs = StandardisedInputs(modalities)
        self.encoders = build_encoders(modalities, encoders, width=width, dropout=dropout)
        sizes = [int(encoder.features) for encoder in self.encoders]  # type: ignore[arg-type]
        self.means = nn.ModuleList([nn.Linear(each, size) for each in sizes])
        self.log_variances = nn.ModuleList([nn.Linear(each, size) for each in sizes])
        self.decoders = nn.ModuleList([build_decoder(m, size, width=width) for m in modalities])
        self.head = build_head(size, outputs, width=width, depth=1, dropout=dropout)
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the encodings, and in training mode the added losses."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already; `fused` is the posterior mean."""
        encoded = represented(self.encoders, prepared)
        # At least single precision: variances are exponentials.
        wide = torch.promote_types(encoded[0].dtype, torch.float32)
        means = [head(part).to(wide) for head, part in zip(self.means, encoded)]
        log_variances = [head(part).to(wide) for head, part in zip(self.log_variances, encoded)]
        mean, log_variance = product_of_experts(means, log_variances, [each.present for each in prepared])
        added = {}
        if self.training:
            bounds = self._bound(mean, log_variance, prepared, range(len(prepared)), None)
            for position, each in enumerate(prepared):
                alone = product_of_experts([means[position]], [log_variances[position]], [each.present])
                bounds = [
                    total + own for total, own in zip(bounds, self._bound(*alone, prepared, [position], each.present))
                ]
            added = {"reconstruction": bounds[0], "divergence": bounds[1]}
        return Trace(self.scale(self.head(mean)), encoded, mean, prepared, added)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs

    def _bound(
        self,
        mean: Float[Tensor, "batch d"],
        log_variance: Float[Tensor, "batch d"],
        prepared: list[Prepared],
        decoded: Sequence[int],
        rows: Bool[Tensor, " batch"] | None,
    ) -> list[Float[Tensor, ""]]:
        """Both parts of the bound, weighted, as means over `rows`; `decoded` are the modalities reconstructed."""
        latent = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        error = mean.new_zeros(())
        for position in decoded:
            target = decoding_target(self.specs[position], prepared[position])
            error = error + reconstruction_error(self.decoders[position](latent, target.values), target)
        divergence = _mean_over(divergence_from_normal(mean, log_variance), rows)
        return [self.reconstruction * error, self.divergence * divergence]
