"""The multistage fusion process: highlight some of what the modalities say, fuse it, again and again, then summarise.

    a[k] = softmax(HIGHLIGHT-LSTM(a[k-1]));   c_highlight[0] = M(h),  h_highlight[0] = 0,  a[0] = 0
    s[k] = FUSE-LSTM(h * a[k]);               c_fuse[0] learned,      h_fuse[0] = 0                      k = 1 .. K
    z = S([s[1], .., s[K]])

Reference: Liang, Liu, Zadeh, Morency 2018, Multimodal language analysis with recurrent multistage fusion (EMNLP); the
thesis Foundations of Multisensory Artificial Intelligence, section 8.3. No code of the authors is public.
Our choices where they say nothing: M is one linear map; the initial FUSE memory is the first row of a random orthogonal
matrix and is learned; S is a perceptron with one hidden layer on all stages. Attention sums to one over all H
coordinates, so what is highlighted shrinks by about H; `rescale` multiplies it by H again (off, as in the paper: there
an exclusive-or of two modalities takes about four times as many steps to learn).
`IndependentAttentions` is the alternative of Zadeh et al. 2018 (MARN, AAAI): K attentions at once, none of which knows
of another, reduced for each modality and mixed by a perceptron.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import InputError


def check_stages(stages: int) -> int:
    """Return the number of stages.

    Raises:
        InputError: below 1.
    """
    if stages < 1:
        raise InputError("stages", stages, "1 or more", "Choose 3, as in the paper.")
    return stages


def _summary(size: int, cross: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, cross), nn.ReLU(), nn.Dropout(dropout), nn.Linear(cross, cross))


def _from_rest(cell: nn.LSTMCell, memory: Tensor) -> tuple[Tensor, Tensor]:
    """What the cell gives for an input and a hidden state of zero, without the products that would be zero."""
    i, f, g, o = (cell.bias_ih + cell.bias_hh).chunk(4)
    memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
    return o.sigmoid() * memory.tanh(), memory


class MultistageFusion(nn.Module):
    """Map the concatenated states of all modalities to (z, attention).

    Args:
        size: numbers in the concatenated states, H.
        cross: numbers in z.
        stages: K. With one stage the recurrent weights of both LSTMs have nothing to recur on and stay as they are.
        fused: size of the FUSE LSTM.
        highlight: whether to attend; without, every stage fuses all of h.
        rescale: whether to multiply what is highlighted by H.
        dropout: in S.

    Example:
        >>> z, attention = MultistageFusion(6, 4, stages=3, fused=5)(torch.randn(2, 6))
        >>> z.shape, attention.shape
        (torch.Size([2, 4]), torch.Size([2, 3, 6]))
    """

    def __init__(
        self,
        size: int,
        cross: int,
        *,
        stages: int = 3,
        fused: int = 64,
        highlight: bool = True,
        rescale: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stages, self.gain = check_stages(stages), float(size) if rescale else 1.0
        self.memory = nn.Linear(size, size) if highlight else None
        self.highlight = nn.LSTMCell(size, size) if highlight else None
        self.fuse = nn.LSTMCell(size, fused)
        self.fuse_memory = nn.Parameter(nn.init.orthogonal_(torch.empty(fused, fused))[0].clone())
        self.summarise = _summary(stages * fused, cross, dropout)

    def forward(
        self, h: Float[Tensor, "batch size"]
    ) -> tuple[Float[Tensor, "batch cross"], Float[Tensor, "batch stages size"] | None]:
        """Return z and the attention of each stage (None without highlighting)."""
        batch = len(h)
        s, s_memory = h.new_zeros(batch, self.fuse.hidden_size), self.fuse_memory.to(h.dtype).expand(batch, -1)
        attention = output = torch.zeros_like(h)
        memory = h if self.memory is None else self.memory(h)
        attentions, fusions = [], []
        for stage in range(self.stages):
            highlighted = h
            if self.highlight is not None:
                if stage == 0 and self.stages > 1:
                    output, memory = _from_rest(self.highlight, memory)
                else:
                    output, memory = self.highlight(attention, (output, memory.to(output.dtype)))
                attention = output.softmax(-1)
                attentions.append(attention)
                highlighted = h * attention * self.gain
            s, s_memory = self.fuse(highlighted, (s, s_memory))
            fusions.append(s)
        z = self.summarise(torch.cat(fusions, 1))
        return z, torch.stack(attentions, 1) if attentions else None


class IndependentAttentions(nn.Module):
    """Map the concatenated states of all modalities to (z, attention), all attentions at once.

    Args:
        sizes: numbers in the state of each modality; they sum to H.
        cross: numbers in z.
        stages: number of attentions, K.
        fused: numbers that each modality is reduced to.
        dropout: in the perceptron that mixes them.

    Example:
        >>> z, attention = IndependentAttentions([4, 2], 3, stages=2, fused=5)(torch.randn(7, 6))
        >>> z.shape, attention.shape
        (torch.Size([7, 3]), torch.Size([7, 2, 6]))
    """

    def __init__(
        self, sizes: Sequence[int], cross: int, *, stages: int = 3, fused: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.sizes, self.stages = list(sizes), check_stages(stages)
        self.attention = nn.Linear(sum(sizes), stages * sum(sizes))
        self.reduce = nn.ModuleList([nn.Linear(stages * size, fused) for size in sizes])
        self.summarise = _summary(len(sizes) * fused, cross, dropout)

    def forward(
        self, h: Float[Tensor, "batch size"]
    ) -> tuple[Float[Tensor, "batch cross"], Float[Tensor, "batch stages size"]]:
        """Return z and the attentions."""
        attention = self.attention(h).unflatten(-1, (self.stages, -1)).softmax(-1)
        parts = (h[:, None] * attention).split(self.sizes, -1)  # (B, K, H_m) each
        reduced = [reduce(part.flatten(1)) for reduce, part in zip(self.reduce, parts)]
        return self.summarise(torch.cat(reduced, 1)), attention
