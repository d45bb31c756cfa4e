"""The reference toolkit's MulT: every modality attends to every modality, itself included (n^2 towers).

    h_a = memory_a([tower_ab(X_a, X_b) for all b]);  head(h) = W_o (h + W_2 drop(relu(W_1 h)))

Reference: Tsai et al. 2019 (ACL), as in Liang et al. 2021, MultiBench: equal lengths only, causal masks on, dropout of
crossmodal attention chosen by the source.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.reference_models.attention import Stack


class MulT(nn.Module):
    """`model([x_1, .., x_n]) -> (B, outputs)`, or (B, T, outputs) with `all_steps`; each x_m is (B, T, d_m)."""

    def __init__(
        self,
        widths: Sequence[int],
        *,
        width: int = 9,
        heads: int = 3,
        layers: int = 3,
        crossmodal: Sequence[float] = (),
        attention: float = 0.1,
        relu: float = 0.1,
        residual: float = 0.1,
        output: float = 0.0,
        embedding: float = 0.25,
        outputs: int = 1,
        all_steps: bool = False,
    ) -> None:
        super().__init__()
        n = len(widths)
        crossmodal = tuple(crossmodal) or (0.0,) * n
        rates = {"relu": relu, "residual": residual, "embedding": embedding}
        self.all_steps, self.dropout = all_steps, output
        self.projections = nn.ModuleList([nn.Conv1d(d, width, 1, bias=False) for d in widths])
        self.towers = nn.ModuleList(
            nn.ModuleList([Stack(width, heads, layers, attention=rate, **rates) for rate in crossmodal]) for _ in widths
        )
        depth = max(layers, 3)
        self.memories = nn.ModuleList([Stack(n * width, heads, depth, attention=attention, **rates) for _ in widths])
        self.first, self.second = (nn.Linear(n * n * width, n * n * width) for _ in range(2))
        self.out = nn.Linear(n * n * width, outputs)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return predictions."""
        projected = torch.stack([conv(x.transpose(1, 2)) for conv, x in zip(self.projections, inputs)])
        sequences = projected.permute(0, 3, 1, 2)  # (n, T, B, width)
        gathered = []
        for target, towers, memory in zip(sequences, self.towers, self.memories):
            crossed = torch.cat([tower(target, source) for tower, source in zip(towers, sequences)], 2)
            states = memory(crossed)
            gathered.append(states if self.all_steps else states[-1])
        h = torch.cat(gathered, -1)
        hidden = functional.dropout(torch.relu(self.first(h)), self.dropout, self.training)
        predicted = self.out(self.second(hidden) + h)
        return predicted.transpose(0, 1) if self.all_steps else predicted


class GroupedMulT(nn.Module):
    """MulT over equal groups of many modalities, in the order given: features are concatenated inside each group."""

    def __init__(self, widths: Sequence[int], *, groups: int = 3) -> None:
        super().__init__()
        self.size = len(widths) // groups
        starts = range(0, len(widths), self.size)
        self.model = MulT([sum(widths[start : start + self.size]) for start in starts])

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return predictions."""
        starts = range(0, len(inputs), self.size)
        return self.model([torch.cat(list(inputs[start : start + self.size]), 2) for start in starts])
