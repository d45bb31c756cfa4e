"""Several multilayer perceptrons trained as one: the networks of all folds and restarts share each tensor operation.

    h_0 = x,   h_l = ReLU(h_{l-1} W_l + b_l),   f(x) = h_{L-1} W_L + b_L        for each network e of a stack

Reference: Adam of Kingma and Ba (2015), algorithm 1; the shape (hidden width 32, three hidden layers) is that of the
BATCH estimator of Liang et al. (2023). Departures on purpose: networks are stacked along a leading axis, because
fifteen small networks one after another spend their time in the overhead of each call; and Adam is written out, because
the first step of `torch.optim` imports the compiler of torch (80 MB and more than a second) for these few lines.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import torch
from torch import Tensor


@dataclasses.dataclass
class Perceptrons:
    """A stack of E perceptrons; `weights[l]` is (E, in, out), `biases[l]` is (E, 1, out)."""

    weights: list[Tensor]
    biases: list[Tensor]

    @property
    def parameters(self) -> list[Tensor]:
        """All tensors that are trained."""
        return [*self.weights, *self.biases]

    def __call__(self, x: Tensor) -> Tensor:
        """Return f(x) (E, n, out) of rows `x` (E, n, in)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            x = torch.relu(torch.baddbmm(bias, x, weight))
        return torch.baddbmm(self.biases[-1], x, self.weights[-1])


def build(widths: Sequence[int], n_networks: int, generator: torch.Generator, like: Tensor) -> Perceptrons:
    """Return perceptrons of these layer widths, drawn uniformly from +-1/sqrt(in) as torch draws its linear layers.

    Args:
        widths: input, hidden and output widths.
        n_networks: networks in the stack, E.
        generator: on the CPU, so that every device starts from the same numbers.
        like: a tensor whose dtype and device the parameters take.

    Example:
        >>> build([2, 8, 3], 4, torch.Generator().manual_seed(0), torch.zeros(1))(torch.zeros(4, 5, 2)).shape
        torch.Size([4, 5, 3])
    """
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    for n_in, n_out in itertools.pairwise(widths):
        for kept, shape in ((weights, (n_networks, n_in, n_out)), (biases, (n_networks, 1, n_out))):
            drawn = (2.0 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1.0) / n_in**0.5
            kept.append(drawn.to(like).requires_grad_())
    return Perceptrons(weights, biases)


class Adam:
    """Adam over a list of tensors; a stack of networks moves as each would alone, for every update is elementwise.

    Example:
        >>> point = torch.tensor([3.0], requires_grad=True)
        >>> optimiser = Adam([point], 0.1)
        >>> for _ in range(200):
        ...     optimiser.step((point**2).sum())
        >>> bool(point.abs() < 1e-2)
        True
    """

    def __init__(self, parameters: Sequence[Tensor], learning_rate: float) -> None:
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self.mean = [torch.zeros_like(tensor) for tensor in self.parameters]
        self.square = [torch.zeros_like(tensor) for tensor in self.parameters]
        self.steps = 0

    def step(self, loss: Tensor) -> None:
        """Move the parameters one step down `loss`, a scalar."""
        gradients = torch.autograd.grad(loss, self.parameters)
        self.steps += 1
        rate = self.learning_rate * (1 - 0.999**self.steps) ** 0.5 / (1 - 0.9**self.steps)
        with torch.no_grad():
            for tensor, gradient, mean, square in zip(self.parameters, gradients, self.mean, self.square):
                mean.lerp_(gradient, 0.1)
                square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                tensor.addcdiv_(mean, square.sqrt().add_(1e-8), value=-rate)
