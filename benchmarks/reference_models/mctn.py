"""The reference's MCTN of two levels: text to vision and back, the joint sequence to audio, a regression from it.

    loss = |y - f(joint)| + mu (|x2' - x2|^2 + |x1' - x1|^2 + |x3' - x3|^2),  mu = 0.01

Reference: Pham et al. 2019, Found in Translation (AAAI), as in Liang et al. 2021, MultiBench: a two-way GRU encoder
whose directions are summed, an additive-attention GRU decoder fed its target half of the time, attention normalised
over time before the last projection and then rectified, a log-softmax on real-valued outputs, everything time first.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.reference_models.encoders import perceptron

SHARE_TAUGHT, WEIGHT, DROPOUT = 0.5, 0.01, 0.15


class Decoder(nn.Module):
    """One step at a time: attention over the encoder's sequence, a GRU, a linear map, a log-softmax."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.score, self.v = nn.Linear(2 * hidden, hidden), nn.Parameter(torch.rand(hidden))
        self.gru = nn.GRU(width + hidden, hidden)
        self.out = nn.Linear(2 * hidden, width)

    def _attend(self, state: Tensor, encoded: Tensor) -> Tensor:
        steps, batch, _ = encoded.shape
        repeated = state.repeat(steps, 1, 1).transpose(0, 1)
        energy = torch.softmax(self.score(torch.cat([repeated, encoded.transpose(0, 1)], 2)), 1)  # (B, T, hidden)
        weights = torch.bmm(self.v.repeat(batch, 1).unsqueeze(1), energy.transpose(1, 2))  # (B, 1, T)
        return torch.bmm(torch.relu(weights), encoded.transpose(0, 1)).transpose(0, 1)  # (1, B, hidden)

    def forward(self, fed: Tensor, state: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output (B, width) and the next state (1, B, hidden)."""
        context = self._attend(state, encoded)
        fed = functional.dropout(fed.unsqueeze(0), DROPOUT, self.training)
        output, state = self.gru(torch.cat([fed, context], 2), state)
        joined = torch.cat([output.squeeze(0), context.squeeze(0)], 1)
        return torch.log_softmax(self.out(joined), 1), state


class Translator(nn.Module):
    """Encoder and decoder; (T, B, width_in) and the target (T, B, width_out) -> joint (T, B, hidden) and decoded."""

    def __init__(self, source: int, target: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.encoder = nn.GRU(source, hidden, bidirectional=True)
        self.decoder = Decoder(target, hidden)

    def forward(self, source: Tensor, target: Tensor, draws: random.Random) -> tuple[Tensor, Tensor]:
        """Return the joint sequence and the translation."""
        outputs, states = self.encoder(source)
        joint = outputs[:, :, : self.hidden] + outputs[:, :, self.hidden :]
        state, fed, steps = states[:1], torch.zeros_like(target[0]), []
        for t in range(len(target)):
            decoded, state = self.decoder(fed, state, joint)
            steps.append(decoded)
            fed = target[t] if draws.random() < SHARE_TAUGHT else decoded
        return joint, torch.stack(steps)


class MCTN(nn.Module):
    """`model([x1, x2, x3], y) -> loss`; x_m is (B, T, width), y is (B, 1)."""

    def __init__(self, width: int = 300, hidden: int = 32) -> None:
        super().__init__()
        self.first, self.second = Translator(width, width, hidden), Translator(hidden, width, hidden)
        self.gru, self.head = nn.GRU(hidden, hidden), perceptron(hidden, 64, 1)
        self.draws = random.Random(0)

    def forward(self, inputs: list[Tensor], y: Tensor) -> Tensor:
        """Return the loss of training."""
        x1, x2, x3 = (x.transpose(0, 1) for x in inputs)
        _, forth = self.first(x1, x2, self.draws)
        joint, back = self.first(forth, x1, self.draws)
        joint, third = self.second(joint, x3, self.draws)
        predicted = functional.dropout(self.head(self.gru(joint)[1][-1]), DROPOUT, self.training)
        translations = ((forth, x2), (back, x1), (third, x3))
        return (predicted - y).abs().mean() + WEIGHT * sum(functional.mse_loss(a, b) for a, b in translations)
