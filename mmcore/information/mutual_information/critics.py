"""Critics f(x, y): networks that score every x of a batch against every y.

    separable:     f = g(x) . h(y)           two perceptrons, B of each to compute
    concatenated:  f = w . relu(.. relu(Wx x + Wy y + b))      one perceptron of all B^2 pairs
    bilinear:      f = x' W y                 right for Gaussians of equal margins up to terms in x or y alone

References: van den Oord et al. (2018), arXiv 1807.03748; Poole et al. (2019), ICML, section 3 (separable against joint
critics); Liang et al. (2023), FactorCL, NeurIPS. The released code of FactorCL concatenates and ends in a Softplus,
whose scores cannot fall below zero; here that is an option, off by default. The concatenated critic needs memory B^2 x
width: it goes through the rows of x in chunks, whose activations are computed anew in the backward pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream_seed

_CHUNK_NUMBERS = 2**23

Module = TypeVar("Module", bound=nn.Module)


def perceptron(size: int, outputs: int, *, width: int, depth: int) -> nn.Sequential:
    """Return `depth` hidden layers of `width` with ReLU, then a linear layer.

    Example:
        >>> perceptron(3, 2, width=8, depth=1)(torch.zeros(4, 3)).shape
        torch.Size([4, 2])
    """
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Linear(size if index == 0 else width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width if depth else size, outputs))


class SeparableCritic(nn.Module):
    """f(x, y) = g(x) . h(y), with g and h perceptrons onto `outputs` numbers."""

    def __init__(self, size_x: int, size_y: int, *, width: int = 256, depth: int = 1, outputs: int = 64) -> None:
        super().__init__()
        self.of_x = perceptron(size_x, outputs, width=width, depth=depth)
        self.of_y = perceptron(size_y, outputs, width=width, depth=depth)

    def forward(
        self, x: Float[Tensor, "rows size_x"], y: Float[Tensor, "others size_y"]
    ) -> Float[Tensor, "rows others"]:
        """Return the scores of every x against every y."""
        return self.of_x(x) @ self.of_y(y).T


class ConcatenatedCritic(nn.Module):
    """f(x, y) = perceptron([x, y]); its first layer is applied to x and y apart and added."""

    def __init__(self, size_x: int, size_y: int, *, width: int = 256, depth: int = 1, softplus: bool = False) -> None:
        super().__init__()
        self.of_x = nn.Linear(size_x, width)
        self.of_y = nn.Linear(size_y, width, bias=False)
        self.rest = nn.Sequential(nn.ReLU(), perceptron(width, 1, width=width, depth=depth - 1))
        self.last: nn.Module = nn.Softplus() if softplus else nn.Identity()
        self.width = width

    def forward(
        self, x: Float[Tensor, "rows size_x"], y: Float[Tensor, "others size_y"]
    ) -> Float[Tensor, "rows others"]:
        """Return the scores of every x against every y."""
        left, right = self.of_x(x), self.of_y(y)
        rows = max(1, _CHUNK_NUMBERS // (len(y) * self.width))
        if len(x) <= rows:
            return self._pairs(left, right)
        parts = left.split(rows)
        if torch.is_grad_enabled():
            return torch.cat([checkpoint(self._pairs, part, right, use_reentrant=False) for part in parts])
        return torch.cat([self._pairs(part, right) for part in parts])

    def _pairs(self, left: Tensor, right: Tensor) -> Tensor:
        return self.last(self.rest(left[:, None] + right[None])).squeeze(-1)  # (rows, others, width) -> (rows, others)


class BilinearCritic(nn.Module):
    """f(x, y) = x' W y."""

    def __init__(self, size_x: int, size_y: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size_x, size_y) / (size_x * size_y) ** 0.5)

    def forward(
        self, x: Float[Tensor, "rows size_x"], y: Float[Tensor, "others size_y"]
    ) -> Float[Tensor, "rows others"]:
        """Return the scores of every x against every y."""
        return x @ self.weight @ y.T


@dataclasses.dataclass(frozen=True)
class Critic:
    """A critic by name: `build(size_x, size_y, **options)` returns the module."""

    name: str
    build: Callable[..., nn.Module]
    options: tuple[str, ...]
    reference: str


CRITICS: dict[str, Critic] = {
    row.name: row
    for row in (
        Critic("separable", SeparableCritic, ("width", "depth", "outputs"), "van den Oord et al. 2018"),
        Critic("concatenated", ConcatenatedCritic, ("width", "depth", "softplus"), "Poole et al. 2019, joint critic"),
        Critic("bilinear", BilinearCritic, (), "van den Oord et al. 2018, equation 3"),
    )
}


def build_critic(name: str, size_x: int, size_y: int, *, seed: int, **options: int | bool) -> nn.Module:
    """Return the critic `name` with weights drawn from `seed`; torch's global generator is left as it was.

    Raises:
        InputError: for an unknown critic or option, or a size below one.

    Example:
        >>> build_critic("separable", 3, 2, seed=0)(torch.zeros(5, 3), torch.zeros(4, 2)).shape
        torch.Size([5, 4])
    """
    if name not in CRITICS:
        raise unknown_name("critic", str(name), CRITICS)
    for option, value in options.items():
        if option not in CRITICS[name].options:
            raise unknown_name("critic option", option, CRITICS[name].options)
        if option != "softplus" and (not isinstance(value, int) or value < 1):
            raise InputError(option, value, "an integer from 1", "Leave it out for the default.")
    if size_x < 1 or size_y < 1:
        raise InputError("size_x, size_y", f"{size_x}, {size_y}", "at least one feature each", "Pass some features.")
    return seeded_module(lambda: CRITICS[name].build(size_x, size_y, **options), seed)


def seeded_module(build: Callable[[], Module], seed: int) -> Module:
    """Return what `build` returns, its weights drawn from `seed`; torch's global generator is left as it was.

    Example:
        >>> first, again = (seeded_module(lambda: nn.Linear(1, 1), 4).weight.item() for _ in range(2))
        >>> first == again
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "mutual information", "weights"))
        return build()
