"""Crossmodal transformers: every modality read by every other one, layer after layer.

    z^0 = e_a;   z^i = layer_i(z^(i-1), s^i) for source b and target a;   s^i = e_b            (low-level features)
                                                                          s^i = z_(a->b)^(i-1) (intermediate-level)

Reference: Tsai et al. 2019, Multimodal Transformer (ACL), sections 3.1, 3.2 and the ablation of its table 5.
With intermediate-level features the two towers of a pair read each other's states; the paper does not say whose states
it means, this is the choice that needs no further parameters. Towers towards one target run side by side; with
low-level features the keys and values of one source are one product for all towers and layers that read it.
Missing modality: an absent source adds nothing to its target's stream (the perceptrons still run); what is computed for
an absent target is to be thrown away by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.models.sequences.attention import ParallelLayer, attend, normalised, project_heads
from mmcore.models.sequences.masks import attention_mask, seen_at_all
from mmcore.models.sequences.steps import Steps

_Heads = tuple[Tensor, Tensor]  # keys and values, (B, heads, sources, channels) each


class CrossmodalTransformers(nn.Module):
    """All towers of the named pairs.

    Args:
        sources: target -> its sources, as positions in the list of modalities.
        width, heads, layers: of each tower.
        rates: dropout of attention weights by source.
        relu_rate, residual_rate: as in `ParallelLayer`.
        causal: whether a target step sees no later source steps, see `masks`.
        intermediate: whether sources are intermediate-level; every pair must then be there both ways.
    """

    def __init__(
        self,
        sources: Mapping[int, Sequence[int]],
        width: int,
        heads: int,
        layers: int,
        *,
        rates: Sequence[float],
        relu_rate: float,
        residual_rate: float,
        causal: bool = False,
        intermediate: bool = False,
    ) -> None:
        super().__init__()
        self.pairs = {target: tuple(each) for target, each in sources.items()}
        self.width, self.heads, self.rates = width, heads, tuple(rates)
        self.causal, self.intermediate = causal, intermediate
        self.layers = nn.ModuleList(
            [
                nn.ModuleDict(
                    {
                        str(target): ParallelLayer(
                            len(each), width, heads, relu_rate=relu_rate, residual_rate=residual_rate
                        )
                        for target, each in self.pairs.items()
                    }
                )
                for _ in range(layers)
            ]
        )
        sizes = {str(target): (len(each), 1, 1, width) for target, each in self.pairs.items()}
        self.gains = nn.ParameterDict({name: nn.Parameter(torch.ones(size)) for name, size in sizes.items()})
        self.offsets = nn.ParameterDict({name: nn.Parameter(torch.zeros(size)) for name, size in sizes.items()})

    def forward(self, embedded: Sequence[Steps]) -> dict[int, Float[Tensor, "batch time features"]]:
        """Return for each target its towers' outputs side by side, (B, T, number of sources * width)."""
        folded = [
            {target: layers[str(target)].projections() for target in self.pairs}  # type: ignore[index]
            for layers in self.layers
        ]
        low = [] if self.intermediate else self._low_level(embedded, folded)
        masks = {
            (target, source): attention_mask(embedded[target], embedded[source], causal=self.causal)
            for target, sources in self.pairs.items()
            for source in sources
        }
        streams = {target: embedded[target].values.expand(len(s), -1, -1, -1) for target, s in self.pairs.items()}
        for index, layers in enumerate(self.layers):
            heads = self._intermediate(streams, folded[index]) if self.intermediate else low[index]
            streams = {
                target: self._layer(
                    layers[str(target)],  # type: ignore[index]
                    streams[target],
                    folded[index][target],
                    [(source, *heads[target, source], masks[target, source]) for source in sources],
                    [seen_at_all(embedded[source]) for source in sources],
                )
                for target, sources in self.pairs.items()
            }
        return {
            target: (normalised(x) * self.gains[str(target)] + self.offsets[str(target)]).permute(1, 2, 0, 3).flatten(2)
            for target, x in streams.items()
        }

    def _layer(
        self,
        layer: ParallelLayer,
        stream: Float[Tensor, "parallel batch time width"],
        projection: tuple[Tensor, Tensor],
        sources: Sequence[tuple[int, Tensor, Tensor, Tensor | None]],
        seen: Sequence[Tensor | None],
    ) -> Float[Tensor, "parallel batch time width"]:
        weight, bias = (each[:, : self.width] for each in projection)
        rates = [self.rates[source] if self.training else 0.0 for source, *_ in sources]
        gathered = [
            attend(project_heads(n, w, b, self.heads)[0], keys, values, mask, rate)
            for n, w, b, (_, keys, values, mask), rate in zip(normalised(stream), weight, bias, sources, rates)
        ]
        return layer.finish(stream, gathered, seen)

    def _keys_values(self, source: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> list[_Heads]:
        """Keys and values of one normalised source for several towers or layers, by one product."""
        parts = project_heads(source, torch.cat(list(weights)), torch.cat(list(biases)), self.heads, 2 * len(weights))
        return list(zip(parts[0::2], parts[1::2]))

    def _low_level(
        self, embedded: Sequence[Steps], folded: Sequence[Mapping[int, tuple[Tensor, Tensor]]]
    ) -> list[dict[tuple[int, int], _Heads]]:
        """Keys and values of every layer by (target, source)."""
        heads: list[dict[tuple[int, int], _Heads]] = [{} for _ in folded]
        for source in sorted({s for sources in self.pairs.values() for s in sources}):
            readers = [(t, sources.index(source)) for t, sources in self.pairs.items() if source in sources]
            parts = [
                (weight[s, self.width :], bias[s, self.width :])
                for layer in folded
                for t, s in readers
                for weight, bias in [layer[t]]
            ]
            found = self._keys_values(normalised(embedded[source].values), *zip(*parts))
            for index in range(len(folded)):
                for (target, _), each in zip(readers, found[index * len(readers) :]):
                    heads[index][target, source] = each
        return heads

    def _intermediate(
        self, streams: Mapping[int, Tensor], folded: Mapping[int, tuple[Tensor, Tensor]]
    ) -> dict[tuple[int, int], _Heads]:
        """Keys and values of one layer by (target, source), from the state of the tower the other way."""
        heads = {}
        for target, sources in self.pairs.items():
            weight, bias = folded[target]
            for slot, source in enumerate(sources):
                state = normalised(streams[source][self.pairs[source].index(target)])
                part = ([weight[slot, self.width :]], [bias[slot, self.width :]])
                heads[target, source] = self._keys_values(state, *part)[0]
        return heads
