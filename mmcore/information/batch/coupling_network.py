"""Two encoders whose product, projected onto the tables, is a coupling; trained to hold as little as possible.

    A_y = exp(f_1(x1, y) f_2(x2, y)^T / sqrt(d)),     q = Sinkhorn(A; a, b),     min over f_1, f_2 of I_q(X1,X2;Y)

Reference: the BATCH estimator of Liang et al. (2023), thesis section 3.2.2. As I(X1;Y) and I(X2;Y) are fixed by the
tables, minimising I_q(X1,X2;Y) is maximising the I_q(X1;X2;Y) of the text. Departures on purpose: the objective is H(Y)
+ sum q log q(y|x1,x2), symmetric in the sources, where the reference implementation anchors on x1; logits are bounded
softly at 10 nats rather than by standardised embeddings (3.2 nats), so that a coupling may nearly vanish where the
optimum does; the two tables of a batch are given the same label masses; the gradient is the implicit one of `sinkhorn`,
whose memory does not grow with the sweeps; where the distinct points of a source fit in a batch, a step sees all of
them with their weights.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from mmcore.information.batch.networks import Adam, Perceptrons, build
from mmcore.information.batch.options import Options
from mmcore.information.batch.sinkhorn import couple, match_labels

_MIN_STEPS = 100
_LOGIT_BOUND = 10.0  # nats: a coupling may vanish to e^-20 of another, and the sweeps still meet its marginals
_TRAINING_SWEEPS = 100
_TRAINING_TOL = 1e-4


@dataclasses.dataclass(frozen=True)
class Encoders:
    """The two stacks of S encoders, the steps they were trained for, and the sweeps that took on average."""

    first: Perceptrons
    second: Perceptrons
    n_labels: int
    steps: int
    mean_sweeps: float
    dtype: torch.dtype

    def logits(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return log A (S, L, n1, n2) of rows x1 (n1, d1) and x2 (n2, d2)."""
        return _logits(self.first, self.second, self.n_labels, x1, x2, self.dtype)


def _embed(encoder: Perceptrons, n_labels: int, x: Tensor, dtype: torch.dtype) -> Tensor:
    found = encoder(x.expand(len(encoder.biases[0]), -1, -1)).to(dtype)
    return found.unflatten(-1, (n_labels, -1)).transpose(1, 2)  # (S, L, n, d)


def _logits(
    first: Perceptrons, second: Perceptrons, n_labels: int, x1: Tensor, x2: Tensor, dtype: torch.dtype
) -> Tensor:
    one, two = _embed(first, n_labels, x1, dtype), _embed(second, n_labels, x2, dtype)
    product = one @ two.transpose(-1, -2) / one.shape[-1] ** 0.5
    return _LOGIT_BOUND * torch.tanh(product / _LOGIT_BOUND)


def negative_conditional_entropy(q: Tensor) -> Tensor:
    """Return sum q log q(y|x1,x2) in nats of couplings q (..., L, n1, n2), with its exact gradient log q(y|x1,x2).

    Example:
        >>> negative_conditional_entropy(torch.full((2, 1, 1), 0.5)).exp()
        tensor(0.5000)
    """
    tiny = torch.finfo(q.dtype).tiny
    with torch.no_grad():  # the terms of the derivative that come through the logarithms cancel
        conditional = (q.clamp_min(tiny) / q.sum(dim=-3, keepdim=True).clamp_min(tiny)).log()
    return (q * conditional).sum(dim=(-3, -2, -1))


def train_encoders(
    x1: Tensor,
    x2: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    log_prior: Tensor,
    n_rows: int,
    options: Options,
    generator: torch.Generator,
) -> Encoders:
    """Return the trained encoders.

    Args:
        x1, x2: distinct rows (K1, d1) and (K2, d2).
        log_a, log_b: log tables (S, L, K1) and (S, L, K2), one of each restart; couplings take their dtype.
        log_prior: log label masses (L,).
        n_rows: rows of the sample; an epoch is as many steps as they make batches.
        generator: of the initial weights and the batches, on the CPU.
    """
    seeds, n_labels, size = log_a.shape[0], log_a.shape[1], options.coupling_batch
    hidden, out = [options.hidden] * options.layers, n_labels * options.embedding
    first = build([x1.shape[1], *hidden, out], seeds, generator, x1)
    second = build([x2.shape[1], *hidden, out], seeds, generator, x2)
    optimiser = Adam([*first.parameters, *second.parameters], options.coupling_rate)
    steps = max(_MIN_STEPS, options.coupling_epochs * -(-n_rows // size)) if options.coupling_epochs else 0
    orders: list[Tensor] = [torch.empty(0, dtype=torch.int64)] * 2
    sweeps = 0
    for _ in range(steps):
        batch = []
        for k, (x, log_table) in enumerate(((x1, log_a), (x2, log_b))):
            if len(x) <= size:
                batch.append((x, log_table))
                continue
            if len(orders[k]) == 0:
                orders[k] = torch.randperm(len(x), generator=generator)
            drawn, orders[k] = orders[k][:size].to(x.device), orders[k][size:]
            batch.append((x[drawn], match_labels(log_table[..., drawn], log_prior)))
        (one, log_one), (two, log_two) = batch
        theta = _logits(first, second, n_labels, one, two, log_a.dtype)
        q, found = couple(theta, log_one, log_two, max_sweeps=_TRAINING_SWEEPS, tol=_TRAINING_TOL)
        optimiser.step(negative_conditional_entropy(q).sum())
        sweeps += found.sweeps
    return Encoders(first, second, n_labels, steps, sweeps / max(1, steps), log_a.dtype)
