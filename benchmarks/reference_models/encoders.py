"""Encoders of the reference toolkit: LeNet, a two-layer perceptron, and GRUs over packed or whole sequences.

Reference: Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks). Initial values are torch's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class LeNet(nn.Module):
    """A 5 x 5 block and `blocks` 3 x 3 blocks that double the channels; each halves height and width."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(1, channels, 5, padding=2, bias=False)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels)])
        for _ in range(blocks):
            self.convolutions.append(nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False))
            channels *= 2
            self.norms.append(nn.BatchNorm2d(channels))
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, channels * 2 ** blocks) for an image whose side the blocks halve to one."""
        for convolution, norm in zip(self.convolutions, self.norms):
            image = self.pool(torch.relu(norm(convolution(image))))
        return image.flatten(1)


def perceptron(width: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return Linear, ReLU, Linear."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class AllSteps(nn.Module):
    """A GRU whose states of all steps are laid side by side: (B, T, d) -> (B, T * hidden)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, hidden, batch_first=True)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the states."""
        return self.gru(sequence)[0].flatten(1)


class PackedGRU(nn.Module):
    """A GRU over a packed sequence: its last state (B, hidden), through a linear map if `outputs` is given."""

    def __init__(self, width: int, hidden: int, outputs: int | None = None) -> None:
        super().__init__()
        self.gru = nn.GRU(width, hidden, batch_first=True)
        self.linear = nn.Identity() if outputs is None else nn.Linear(hidden, outputs)

    def forward(self, sequence: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector a sequence."""
        packed = pack_padded_sequence(sequence, lengths, batch_first=True, enforce_sorted=False)
        return self.linear(self.gru(packed)[1][-1])
