"""The surrogate of a fusion search: a recurrent network that guesses an architecture's score from its layers.

    u_l = sigmoid(A layer_l + a),   v_l = LSTM(u_l, v_{l-1}),   score = sigmoid(c v_L + b);   least mean squared error

Reference: Perez-Rua et al. 2019, MFAS (CVPR), section 3.2, with the sizes of its code: 100 units, weights of the linear
layers uniform in [-0.1, 0.1], their biases 1.8, Adam at 1e-3, 50 passes, one batch for each length.
Departs from it: a layer has one number a modality and one of its activation, so any number of modalities fits. Scores
lie in [0, 1]. An architecture that is scored twice keeps its higher score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.models.fusions.searched import Architecture
from mmcore.models.randomness import seeded

UNITS = 100
PASSES = 50
_AT_ONCE = 4096


class Surrogate(nn.Module):
    """Map layers `(B, L, numbers)` to scores `(B,)`; it goes on learning with every call of `learn`.

    Example:
        >>> guess = Surrogate(3, seed=0)
        >>> guess.learn({((0, 0, 0),): 0.2, ((1, 1, 0),): 0.8})
        >>> guess.scores([((0, 0, 0),), ((1, 1, 0), (0, 0, 0))]).shape
        (2,)
    """

    def __init__(self, numbers: int, *, seed: int) -> None:
        super().__init__()
        with seeded(seed):
            self.embed = nn.Linear(numbers, UNITS)
            self.recur = nn.LSTM(UNITS, UNITS, batch_first=True)
            self.score = nn.Linear(UNITS, 1)
            for linear in (self.embed, self.score):
                nn.init.uniform_(linear.weight, -0.1, 0.1)
                nn.init.constant_(linear.bias, 1.8)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)

    def forward(self, layers: Float[Tensor, "batch length numbers"]) -> Float[Tensor, " batch"]:
        """Return the guessed scores."""
        states, _ = self.recur(torch.sigmoid(self.embed(layers)))
        return torch.sigmoid(self.score(states[:, -1]))[:, 0]

    def learn(self, known: Mapping[Architecture, float], passes: int = PASSES) -> None:
        """Go `passes` times over all known scores, one update for each length of architecture."""
        batches = []
        for length in sorted({len(architecture) for architecture in known}):
            chosen = [architecture for architecture in known if len(architecture) == length]
            batches.append((_numbers(chosen), torch.tensor([known[each] for each in chosen], dtype=torch.float32)))
        for _ in range(passes):
            for layers, scores in batches:
                loss = (self(layers) - scores).square().mean()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()

    def scores(self, architectures: Sequence[Architecture]) -> Float[np.ndarray, " n"]:
        """Return the guessed score of each architecture, (n,) float64 in [0, 1]."""
        found = np.zeros(len(architectures))
        lengths = np.array([len(architecture) for architecture in architectures])
        for length in np.unique(lengths):
            where = np.flatnonzero(lengths == length)
            with torch.no_grad():
                parts = [self(part) for part in _numbers([architectures[int(i)] for i in where]).split(_AT_ONCE)]
            found[where] = torch.cat(parts).double().numpy()
        return found


def _numbers(architectures: Sequence[Architecture]) -> Float[Tensor, "batch length numbers"]:
    return torch.tensor(architectures, dtype=torch.float32)
