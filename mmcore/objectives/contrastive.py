"""Noise-contrastive estimation across modalities with a memory of every training row.

    L = sum_{i != j} - mean_b [ log h(b, b) + K mean_{n ~ uniform} log(1 - h(b, n)) ]                       (nats)
    h(b, n) = P / (P + K/N),   P = exp(v_ib . m_jn / temperature) / Z_ij,   v_i = g_i(z_i) / ||g_i(z_i)||
    m_jb <- normalised(momentum m_jb + (1 - momentum) v_jb)  after the batch;  Z_ij = N mean exp(.) on the first batch

`form="softmax"` is the classification of the true row among itself and the K others instead (InfoNCE).
Reference: Wu, Xiong, Yu, Lin 2018, Unsupervised feature learning via non-parametric instance discrimination (CVPR),
equations 2-8; Tian, Krishnan, Isola 2020, Contrastive multiview coding (ECCV); Gutmann and Hyvarinen 2010 for NCE.
Assumes that rows are different samples: two rows of the same scene push each other away.
Departs on purpose: any number of modalities; the K others are drawn uniformly over all N rows once a batch and shared
by its rows, which leaves every expectation as it is; scores stay logarithms, which cannot overflow; Z is estimated from
the uniform draws alone, which makes it an unbiased estimate of the sum over the memory.
Draws come from a stream named after the number of batches seen, which is a buffer: a resumed fit draws the same.
Missing modality: a direction i -> j counts in rows where both are present; a memory changes only by rows that have the
modality (of others it keeps the random direction that it began with).
Under several processes all read the memory of the first, which remembers the rows that came to it; rows change places
with every epoch.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError, unknown_name
from mmcore.objectives.needs import (
    at_least_single,
    nothing,
    present_in,
    representation_sizes,
)
from mmcore.seeds import stream

if TYPE_CHECKING:
    from mmcore.models.trace import Trace

FORMS = ("nce", "softmax")


def noise_contrastive(
    positive: Float[Tensor, " batch"], negative: Float[Tensor, "batch k"], *, n_rows: int
) -> Float[Tensor, ""]:
    """Return the loss of log probabilities `positive` of the true rows against `negative` of uniformly drawn ones.

    Its expectation is least where exp of the scores are the true conditional probabilities, normalised or not.

    Args:
        positive: (B,) log P of the true row.
        negative: (B, K) log P of rows drawn uniformly from all.
        n_rows: how many rows there are, N.

    Example:
        >>> k_over_n = torch.log(torch.tensor(2 / 10))  # every h = 1/2
        >>> round(noise_contrastive(k_over_n.repeat(1), k_over_n.repeat(1, 2), n_rows=10).item() / math.log(2), 4)
        3.0
    """
    log_noise = math.log(negative.shape[1] / n_rows)
    rejected = functional.logsigmoid(log_noise - negative).sum(1)
    return -(functional.logsigmoid(positive - log_noise) + rejected).mean()


class ContrastiveMemory(nn.Module):
    """Noise-contrastive estimation between all ordered pairs of modalities.

    Args:
        model: with one representation a modality, two modalities or more.
        n_rows: of the training part: rows of the memory.
        form: `nce` or `softmax`.
        negatives: K.
        dimension: of the unit vectors.
        temperature: see the module.
        momentum: see the module, in [0, 1).
        seed: of the drawn rows; None takes one from the generator that the initial weights come from.

    Raises:
        InputError: for numbers out of range, or a model without representations or with one modality.
    """

    memory: Tensor
    log_normaliser: Tensor
    batches: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        n_rows: int,
        form: str = "nce",
        negatives: int = 1024,
        dimension: int = 64,
        temperature: float = 0.07,
        momentum: float = 0.5,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise unknown_name("form", str(form), FORMS)
        for name, value in (("n_rows", n_rows), ("negatives", negatives), ("dimension", dimension)):
            if value < 1:
                raise InputError(name, value, "a positive whole number", "Raise it.")
        if not temperature > 0:
            raise InputError("temperature", temperature, "a positive number", "Use 0.07.")
        if not 0 <= momentum < 1:
            raise InputError("momentum", momentum, "in [0, 1)", "Use 0.5.")
        sizes = representation_sizes(model, "contrastive", fewest=2)
        self.form, self.negatives, self.n_rows = form, negatives, n_rows
        self.temperature, self.momentum = temperature, momentum
        self.seed = int(torch.randint(2**31 - 1, ())) if seed is None else seed
        self.maps = nn.ModuleList([nn.Linear(size, dimension) for size in sizes])
        directions = torch.randn(len(sizes), n_rows, dimension)
        self.register_buffer("memory", functional.normalize(directions, dim=2))
        # NaN until the first batch.
        self.register_buffer("log_normaliser", torch.full((len(sizes), len(sizes)), math.nan))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    # Compiled, the memory itself would be kept for the backward pass, and remembering the batch would change it.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, trace: Trace, targets: Tensor, rows: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Return the loss; in training mode, then remember the batch."""
        with torch.autocast(rows.device.type, enabled=False):
            units = [
                functional.normalize(each(at_least_single(part).to(each.weight.dtype)), dim=1)  # type: ignore[arg-type]
                for each, part in zip(self.maps, trace.representations)
            ]
            draws = stream(self.seed, "negatives", int(self.batches)).integers(self.n_rows, size=self.negatives)
            drawn = torch.from_numpy(draws).to(rows.device)
            loss = nothing(*units)
            for first, second in itertools.permutations(range(len(units)), 2):
                both = present_in(trace, first, second)
                if bool(both.any()):
                    loss = loss + self._direction(first, second, units[first][both], rows[both], drawn)
        if self.training:
            self._remember(trace, units, rows)
        return loss

    def _direction(self, first: int, second: int, anchors: Tensor, rows: Tensor, drawn: Tensor) -> Tensor:
        """The loss of finding the rows of `anchors`, which are of modality `first`, in the memory of `second`."""
        bank = self.memory[second]
        positive = (anchors * bank[rows]).sum(1) / self.temperature  # (B,)
        negative = anchors @ bank[drawn].T / self.temperature  # (B, K)
        if self.form == "softmax":
            return (torch.logsumexp(torch.cat([positive[:, None], negative], 1), 1) - positive).mean()
        normaliser = self.log_normaliser[first, second].clone()
        if bool(normaliser.isnan()):
            seen = negative.detach()
            normaliser = torch.logsumexp(seen.flatten(), 0) + math.log(self.n_rows / seen.numel())
            if self.training:
                self.log_normaliser[first, second] = normaliser
        return noise_contrastive(positive - normaliser, negative - normaliser, n_rows=self.n_rows)

    @torch.no_grad()
    def _remember(self, trace: Trace, units: list[Tensor], rows: Tensor) -> None:
        self.batches += 1
        for position, unit in enumerate(units):
            present = present_in(trace, position)
            where = rows[present]
            mixed = self.momentum * self.memory[position, where] + (1 - self.momentum) * unit.detach()[present]
            self.memory[position, where] = functional.normalize(mixed, dim=1)
