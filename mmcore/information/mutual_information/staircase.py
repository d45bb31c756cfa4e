"""Figure 4.3: InfoNCE, CLUB and NCE-CLUB on Gaussian pairs whose mutual information climbs while networks learn.

    I = 2, 4, 6, 8, 10 nats over D = 20, 50, 100, 200 pairs; fresh batches of 64; each value is of a batch before it is
    learned from

Reference: thesis section 4.3.1, figure 4.3; Liang et al. (2023), FactorCL, NeurIPS, settings of the released code: one
hidden layer of 512 with a Softplus at the end, Adam at 5e-3, 4,000 steps a level, the same network over all levels,
curves smoothed by an exponential moving average of span 200. CLUB is that of its authors (log variance within +-1, one
hidden layer), learned on the same batches.

What to expect (`gaussian`): InfoNCE stays below log 64 = 4.16 nats; NCE-CLUB of the exact critic is D rho^2/(1 - rho^2)
and not I, so that where the figure shows it "tight" the critic is under-fitted and may lie below I. Departure on
purpose: joint pairs are left out of the negatives; times 63/64 gives the released code's value. All in nats, as there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.information.mutual_information.club import GaussianConditional, club_difference
from mmcore.information.mutual_information.critics import build_critic, seeded_module
from mmcore.information.mutual_information.gaussian import correlated_gaussians, correlation, jeffreys_divergence
from mmcore.information.mutual_information.infonce import infonce_bound, infonce_loss
from mmcore.seeds import stream, stream_seed

Float = NDArray[np.float64]
ESTIMATORS = ("infonce", "club", "nce_club")


@dataclasses.dataclass(frozen=True, eq=False)
class Staircase:
    """The curves of one number of pairs, a value a step, in nats.

    Attributes:
        pairs: D, the dimension of x and of y.
        information: true I at each step.
        exact: NCE-CLUB of the exact critic (and CLUB of the exact conditional) at each step.
        infonce, club, nce_club: of the batch of that step, before it was learned from.
        steps: of a level; batch_size; seed.
    """

    pairs: int
    information: Float
    exact: Float
    infonce: Float
    club: Float
    nce_club: Float
    steps: int
    batch_size: int
    seed: int
    unit: str = "nats"

    def smoothed(self, span: int = 200) -> dict[str, Float]:
        """Return the three curves after an exponential moving average, by name."""
        import pandas as pd

        return {name: pd.Series(getattr(self, name)).ewm(span=span).mean().to_numpy() for name in ESTIMATORS}

    def levels(self) -> list[dict[str, float]]:
        """Return for each level the truth and the mean of each curve over the second half of its steps, in nats."""
        rows = []
        for start in range(0, len(self.information), self.steps):
            late = slice(start + self.steps // 2, start + self.steps)
            means = {name: float(getattr(self, name)[late].mean()) for name in ESTIMATORS}
            truth = {"information": float(self.information[start]), "exact": float(self.exact[start])}
            rows.append({"pairs": float(self.pairs), **truth, **means})
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the curves as plain JSON values."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}


def gaussian_staircase(
    pairs: Sequence[int] = (20, 50, 100, 200),
    information: Sequence[float] = (2.0, 4.0, 6.0, 8.0, 10.0),
    *,
    steps: int = 4000,
    batch_size: int = 64,
    learning_rate: float = 5e-3,
    critic: str = "concatenated",
    critic_options: dict[str, int | bool] | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> list[Staircase]:
    """Return the curves of figure 4.3, one `Staircase` for each number of pairs.

    Args:
        pairs: dimensions D.
        information: levels of I, in nats, climbed in this order by the same networks.
        steps: of Adam at each level; 4,000 in the thesis.
        batch_size: rows of a fresh batch.
        learning_rate: of Adam, for critic and q alike.
        critic: a key of `critics.CRITICS`.
        critic_options: of the critic; by default those of the thesis for "concatenated", which takes 10 to 20 ms of one
            core a step.
        device: where torch computes; the batches are drawn on the CPU and are the same.
        seed: of weights and batches; each number of pairs has streams of its own.

    Raises:
        InputError: for a number out of range, or an unknown critic.

    Example:
        >>> curves = gaussian_staircase((2,), (0.5,), steps=20)[0]
        >>> len(curves.infonce), curves.levels()[0]["exact"] > curves.levels()[0]["information"]
        (20, True)
    """
    for name, value, least in (("steps", steps, 2), ("batch_size", batch_size, 2), ("len(pairs)", len(pairs), 1)):
        if value < least:
            raise InputError(name, value, f"at least {least}", "Give a larger number.")
    if critic_options is None:
        critic_options = {"width": 512, "depth": 1, "softplus": True} if critic == "concatenated" else {}
    return [
        _climb(size, information, steps, batch_size, learning_rate, critic, critic_options, device, seed)
        for size in pairs
    ]


def _climb(
    pairs: int,
    information: Sequence[float],
    steps: int,
    batch_size: int,
    learning_rate: float,
    critic: str,
    options: dict[str, int | bool],
    device: str,
    seed: int,
) -> Staircase:
    f = build_critic(critic, pairs, pairs, seed=stream_seed(seed, "staircase", pairs), **options).to(device)
    q = seeded_module(
        lambda: GaussianConditional(pairs, pairs, width=512, depth=1, limit=1.0),
        stream_seed(seed, "staircase q", pairs),
    ).to(device)
    optimisers = [torch.optim.Adam(module.parameters(), lr=learning_rate) for module in (f, q)]
    generator = stream(seed, "staircase", "batches", pairs)
    truth = np.repeat(np.asarray(information, dtype=np.float64), steps)
    curves = {name: np.empty(len(truth)) for name in ESTIMATORS}
    for step, level in enumerate(truth):
        drawn = correlated_gaussians(batch_size, pairs, correlation(level, pairs), seed=generator)
        x, y = (torch.from_numpy(side.astype(np.float32)).to(device) for side in drawn)
        values = _learn(f, q, x, y, optimisers)
        for name in ESTIMATORS:
            curves[name][step] = values[name]
    exact = np.array([jeffreys_divergence(correlation(level, pairs), pairs) for level in truth])
    return Staircase(
        pairs=pairs,
        information=truth,
        exact=exact,
        infonce=curves["infonce"],
        club=curves["club"],
        nce_club=curves["nce_club"],
        steps=steps,
        batch_size=batch_size,
        seed=seed,
    )


def _learn(
    f: nn.Module, q: GaussianConditional, x: Tensor, y: Tensor, optimisers: Sequence[torch.optim.Optimizer]
) -> dict[str, float]:
    """Return the three values of a batch in nats, then take one step of Adam on it."""
    scores = f(x, y)
    with torch.no_grad():
        values = {
            "infonce": float(infonce_bound(scores)),
            "club": float(club_difference(q(x, y))),
            "nce_club": float(club_difference(scores)),
        }
    for optimiser, loss in zip(optimisers, (infonce_loss(scores), q.loss(x, y))):
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return values
