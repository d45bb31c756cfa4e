"""Fusions of the reference toolkit, each `fusion([z_1, .., z_M]) -> (B, width)`.

References: tensor fusion, Zadeh et al. 2017 (EMNLP); low-rank, Liu et al. 2018 (ACL); multiplicative interactions,
Jayakumar et al. 2020 (ICLR); all as in Liang et al. 2021, MultiBench.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Concatenation(nn.Module):
    """[z_1, .., z_M]."""

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return the concatenation."""
        return torch.cat([modality.flatten(1) for modality in modalities], 1)


def _with_one(modality: Tensor) -> Tensor:
    """Return [1, z]."""
    return torch.cat([modality.new_ones(len(modality), 1), modality], 1)


class TensorFusion(nn.Module):
    """The outer product of all [1, z_m], made modality after modality and flattened."""

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return (B, product of all d_m + 1)."""
        fused = _with_one(modalities[0])
        for modality in modalities[1:]:
            fused = torch.einsum("...i,...j->...ij", fused, _with_one(modality)).flatten(1)
        return fused


class LowRankTensorFusion(nn.Module):
    """sum_i w_i prod_m ([1, z_m] W_m^i) + b.

    The factors stand in a plain list, which is the reference's defect: they have gradients, yet `parameters()` and the
    state dict leave them out, so no optimiser moves them. `factors` is what a count adds as hidden.
    """

    def __init__(self, widths: Sequence[int], outputs: int, rank: int) -> None:
        super().__init__()
        self.factors = [nn.Parameter(torch.empty(rank, width + 1, outputs)) for width in widths]
        self.weights = nn.Parameter(torch.empty(1, rank))
        self.bias = nn.Parameter(torch.zeros(1, outputs))
        for tensor in (*self.factors, self.weights):
            nn.init.xavier_normal_(tensor)

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return (B, outputs)."""
        fused: Tensor | float = 1.0
        for modality, factor in zip(modalities, self.factors):
            fused = fused * torch.matmul(_with_one(modality.flatten(1)), factor)  # (rank, B, outputs)
        return torch.matmul(self.weights, fused.permute(1, 0, 2)).squeeze(1) + self.bias


class MatrixInteraction(nn.Module):
    """z_1 W z_2 + z_1 U + z_2 V + b, W of shape (d_1, d_2, outputs)."""

    def __init__(self, first: int, second: int, outputs: int) -> None:
        super().__init__()
        self.w = nn.Parameter(nn.init.xavier_normal_(torch.empty(first, second, outputs)))
        self.u = nn.Parameter(nn.init.xavier_normal_(torch.empty(first, outputs)))
        self.v = nn.Parameter(nn.init.xavier_normal_(torch.empty(second, outputs)))
        self.b = nn.Parameter(torch.randn(outputs))

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return (B, outputs)."""
        first, second = (modality.flatten(1) for modality in modalities)
        matrix = torch.einsum("bn,nmo->bmo", first, self.w) + self.v  # (B, d_2, outputs)
        return torch.matmul(second.unsqueeze(1), matrix).squeeze(1) + first @ self.u + self.b


class VectorInteraction(nn.Module):
    """(z_1 W + v) * z_2 + z_1 U + b."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.w = nn.Parameter(nn.init.xavier_normal_(torch.empty(first, second)))
        self.u = nn.Parameter(nn.init.xavier_normal_(torch.empty(first, second)))
        self.v, self.b = nn.Parameter(torch.randn(second)), nn.Parameter(torch.randn(second))

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return (B, d_2)."""
        first, second = modalities
        return (first @ self.w + self.v) * second + first @ self.u + self.b


class ScalarInteraction(nn.Module):
    """(z_1 . w + v) z_2 + (z_1 . u + b)."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.w, self.u = nn.Parameter(torch.randn(first)), nn.Parameter(torch.randn(first))
        self.v, self.b = nn.Parameter(torch.randn(1)), nn.Parameter(torch.randn(1))

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return (B, d_2)."""
        first, second = modalities
        return (first @ self.w + self.v).unsqueeze(1) * second + (first @ self.u + self.b).unsqueeze(1)


class NonLocalGate(nn.Module):
    """q + softmax(q k) v: q is z_1 as (positions, channels), k and v are linear in z_2 with `states` states."""

    def __init__(self, positions: int, channels: int, states: int, second: int) -> None:
        super().__init__()
        self.shape = (positions, channels, states)
        self.key, self.value = nn.Linear(second, channels * states), nn.Linear(second, channels * states)

    def forward(self, modalities: Sequence[Tensor]) -> Tensor:
        """Return (B, positions * channels)."""
        positions, channels, states = self.shape
        query = modalities[0].reshape(-1, positions, channels)
        key = self.key(modalities[1]).reshape(-1, channels, states)
        value = self.value(modalities[1]).reshape(-1, states, channels)
        return (query + torch.softmax(query @ key, 2) @ value).flatten(1)
