"""Long short-term hybrid memories: LSTMs, one a modality, whose gates also see what all modalities made together.

    [i, f, g, o] = W x_(t+1) + U h_t + V z_t + b
    c_(t+1) = s(f) * c_t + s(i) * tanh(g);   h_(t+1) = s(o) * tanh(c_(t+1))

with s the logistic function, for each modality on its own but for the shared z_t. Reference: Zadeh et al. 2018,
Multi-attention recurrent network (AAAI); the thesis Foundations of Multisensory Artificial Intelligence, equations 8.7
to 8.12 (8.11 prints the gates of the step before, a slip: nothing else would give an LSTM at z = 0).
Departs from torch's LSTM only in V and in one bias instead of two; gates come in torch's order, i f g o.
All cells have one size, so that M of them are one batched product a step; W x is computed for all steps at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

State = tuple[Float[Tensor, "modalities batch hidden"], Float[Tensor, "modalities batch hidden"]]


class HybridMemories(nn.Module):
    """M LSTHM cells side by side.

    Args:
        channels: inputs of each modality.
        hidden: size of each cell.
        cross: numbers in z; 0 for plain LSTMs.

    Example:
        >>> cells = HybridMemories([3, 2], hidden=4, cross=5)
        >>> projected = cells.project([torch.zeros(7, 10, 3), torch.zeros(7, 10, 2)])
        >>> h, c = cells.step(projected[0], cells.start(7), torch.zeros(7, 5))
        >>> projected.shape, h.shape
        (torch.Size([10, 2, 7, 16]), torch.Size([2, 7, 4]))
    """

    def __init__(self, channels: Sequence[int], hidden: int, cross: int) -> None:
        super().__init__()
        self.hidden, bound = hidden, hidden**-0.5
        self.input_weights = nn.ParameterList([torch.empty(4 * hidden, size) for size in channels])
        self.bias = nn.Parameter(torch.empty(len(channels), 4 * hidden))
        self.hidden_weight = nn.Parameter(torch.empty(len(channels), 4 * hidden, hidden))
        self.cross_weight = nn.Parameter(torch.empty(len(channels), 4 * hidden, cross)) if cross else None
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def start(self, batch: int) -> State:
        """Return zero states."""
        zeros = self.bias.new_zeros(len(self.bias), batch, self.hidden)
        return zeros, zeros

    def project(
        self, values: Sequence[Float[Tensor, "batch time channels"]]
    ) -> Float[Tensor, "time modalities batch gates"]:
        """Return W x + b of every step."""
        parts = [
            nn.functional.linear(x, weight, bias)
            for x, weight, bias in zip(values, self.input_weights, self.bias.unbind(0))
        ]
        return torch.stack(parts).permute(2, 0, 1, 3).contiguous()

    def step(
        self,
        projected: Float[Tensor, "modalities batch gates"],
        state: State,
        cross: Float[Tensor, "batch cross"] | None,
        active: Bool[Tensor, "modalities batch 1"] | None = None,
    ) -> State:
        """Return the state after one step; where `active` is False it stays as it was."""
        h, c = state
        gates = torch.baddbmm(projected, h, self.hidden_weight.transpose(1, 2))
        if self.cross_weight is not None and cross is not None:
            modalities, batch = gates.shape[:2]
            added = nn.functional.linear(cross, self.cross_weight.flatten(0, 1))  # (B, M * gates)
            gates = gates + added.view(batch, modalities, -1).transpose(0, 1)
        i, f, g, o = gates.chunk(4, -1)
        memory = f.sigmoid() * c + i.sigmoid() * g.tanh()
        output = o.sigmoid() * memory.tanh()
        if active is None:
            return output, memory
        return torch.where(active, output, h), torch.where(active, memory, c)
