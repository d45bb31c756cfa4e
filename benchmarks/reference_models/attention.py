"""The transformer stack of the reference MulT, time first: weights returned, positions and mask made in every forward.

    y = x + drop(attention(LN0(x), LN0(s), LN0(s)));  x <- y + drop(W2 drop(relu(W1 LN1(y))));  LN after the last

Reference: Tsai et al. 2019, Multimodal Transformer (ACL), as in Liang et al. 2021, MultiBench. As there, a time step
whose first channel is exactly zero has no position, keys and values are embedded apart from each other, and position i
sees sources up to i + |T_s - T_t|.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def positions(first_channel: Tensor, width: int) -> Tensor:
    """Return sines and cosines (B, T, width) of positions 1 .. T; zeros where the first channel is zero."""
    steps, half = first_channel.shape[1], width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float) * -(math.log(10000) / (half - 1)))
    angles = torch.arange(steps + 1, dtype=torch.float).unsqueeze(1) * frequencies
    table = torch.cat([angles.sin(), angles.cos()], 1)
    table = functional.pad(table, (0, width - 2 * half))
    table[0] = 0.0
    places = torch.arange(1, steps + 1).expand_as(first_channel) * (first_channel != 0)
    return table.index_select(0, places.reshape(-1)).reshape(*places.shape, width).detach()


def future_mask(targets: int, sources: int) -> Tensor:
    """Return (targets, sources): minus infinity where source j > i + |targets - sources|."""
    return torch.triu(torch.full((targets, sources), -math.inf), 1 + abs(sources - targets))


class Attention(nn.Module):
    """Attention of several heads; returns (T, B, d) and the weights averaged over heads (B, T, S)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.width, self.heads, self.dropout = width, heads, dropout
        self.projection = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * width, width)))
        self.bias = nn.Parameter(torch.zeros(3 * width))
        self.output = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def _project(self, tensor: Tensor, start: int, parts: int) -> tuple[Tensor, ...]:
        rows = slice(start * self.width, (start + parts) * self.width)
        return functional.linear(tensor, self.projection[rows], self.bias[rows]).chunk(parts, -1)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what each target gathers, and the weights."""
        targets, batch, width = query.shape
        if query is key:
            q, k, v = self._project(query, 0, 3)
        else:
            (q,), (k,), (v,) = (self._project(x, i, 1) for i, x in enumerate((query, key, value)))
        size = width // self.heads
        q = q * size**-0.5
        q, k, v = (x.contiguous().view(len(x), batch * self.heads, size).transpose(0, 1) for x in (q, k, v))
        weights = torch.bmm(q, k.transpose(1, 2))
        if mask is not None:
            weights = weights + mask.unsqueeze(0)
        weights = functional.softmax(weights.float(), -1).type_as(weights)
        weights = functional.dropout(weights, self.dropout, self.training)
        gathered = torch.bmm(weights, v).transpose(0, 1).contiguous().view(targets, batch, width)
        averaged = weights.view(batch, self.heads, targets, -1).sum(1) / self.heads
        return self.output(gathered), averaged


class Layer(nn.Module):
    """A pre-norm layer; its first norm serves targets and sources."""

    def __init__(self, width: int, heads: int, attention: float, relu: float, residual: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, attention)
        self.relu, self.residual = relu, residual
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, x: Tensor, key: Tensor | None = None, value: Tensor | None = None) -> Tensor:
        """Return (T, B, d)."""
        normed = self.norms[0](x)
        mask = future_mask(len(x), len(x) if key is None else len(key))
        if key is None or value is None:
            gathered, _ = self.attention(normed, normed, normed, mask)
        else:
            gathered, _ = self.attention(normed, self.norms[0](key), self.norms[0](value), mask)
        x = x + functional.dropout(gathered, self.residual, self.training)
        hidden = functional.dropout(torch.relu(self.wide(self.norms[1](x))), self.relu, self.training)
        return x + functional.dropout(self.narrow(hidden), self.residual, self.training)


class Stack(nn.Module):
    """Embedding, layers, final norm; sources are embedded once as keys and once as values."""

    def __init__(
        self, width: int, heads: int, layers: int, *, attention: float, relu: float, residual: float, embedding: float
    ) -> None:
        super().__init__()
        self.width, self.embedding = width, embedding
        self.layers = nn.ModuleList([Layer(width, heads, attention, relu, residual) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def _embed(self, x: Tensor) -> Tensor:
        places = positions(x.transpose(0, 1)[:, :, 0], self.width).transpose(0, 1)
        return functional.dropout(math.sqrt(self.width) * x + places, self.embedding, self.training)

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        """Return (T, B, d)."""
        x = self._embed(x)
        if source is not None:
            key, value = self._embed(source), self._embed(source)
        for layer in self.layers:
            x = layer(x) if source is None else layer(x, key, value)
        return self.norm(x)
