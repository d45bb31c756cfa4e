"""Recurrent encoders of sequences: GRU and LSTM, stacked, in one direction or both.

    GRU:   r, z = sigmoid(..),  n = tanh(W x_t + b + r (U h_{t-1} + c)),  h_t = (1 - z) n + z h_{t-1}
    LSTM:  i, f, o = sigmoid(..),  c_t = f c_{t-1} + i tanh(..),  h_t = o tanh(c_t)

References: Cho et al. 2014, Learning phrase representations using RNN encoder-decoder (EMNLP); Hochreiter, Schmidhuber
1997, Long short-term memory (Neural Computation 9:8); both as `torch.nn` has them.
Sequences run packed, each over its own steps alone, so neither direction ever sees padding. A sequence without steps
gives zeros. In both directions each has half of the width, so that the number of features is the width.
Departs from MultiBench's: there the unpacked path reads the last padded step, and the two-layer one only works where
the input is as wide as the state.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.errors import InputError, unknown_name
from mmcore.models.encoders.packed import run_packed
from mmcore.models.encoders.pooling import check_pooling, pool_steps

NETWORKS = {"gru": nn.GRU, "lstm": nn.LSTM}


class Recurrent(nn.Module):
    """Map `(B, T, channels)` with lengths `(B,)` (None: all T) to `(B, width)`.

    Args:
        channels: of a step.
        kind: `gru` or `lstm`.
        width: features; of both directions together.
        layers: stacked, with dropout between them.
        bidirectional: whether a second network reads from the end.
        pooling: `last` (the state after the last step, of each direction), `mean` or `max` over the steps.
        dropout: between layers and of the features.

    Raises:
        InputError: for an unknown kind or pooling, or an odd width in both directions.

    Example:
        >>> import torch
        >>> Recurrent(3, width=8, bidirectional=True)(torch.zeros(2, 10, 3), torch.tensor([10, 0])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        kind: str = "gru",
        width: int = 64,
        layers: int = 1,
        bidirectional: bool = False,
        pooling: str = "last",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if kind not in NETWORKS:
            raise unknown_name("kind", str(kind), NETWORKS)
        if bidirectional and width % 2:
            raise InputError("width", width, "an even number", "Each direction has half of it; choose an even width.")
        self.features = self.step_features = width
        self.pooling = check_pooling(pooling)
        self.network = NETWORKS[kind](
            channels,
            width // 2 if bidirectional else width,
            num_layers=layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation."""
        steps, last = run_packed(self.network, values, lengths)
        return self.dropout(last if self.pooling == "last" else pool_steps(steps, lengths, self.pooling))

    def steps(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Int[Tensor, " batch"] | None]:
        """Return the state after each step, zeros beyond each sequence's end, and the lengths."""
        return self.dropout(run_packed(self.network, values, lengths)[0]), lengths


def _for_shape(
    kind: str,
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    layers: int = 1,
    bidirectional: bool = False,
    pooling: str = "last",
) -> Recurrent:
    """Return the network of sequences (T, channels); raises as `Recurrent`."""
    return Recurrent(
        int(shape[-1] or 1),
        kind=kind,
        width=width,
        layers=layers,
        bidirectional=bidirectional,
        pooling=pooling,
        dropout=dropout,
    )


# With `kind` given by position, the options of a builder, which the user may name, are all but `kind`.
gru_for_shape = functools.partial(_for_shape, "gru")
lstm_for_shape = functools.partial(_for_shape, "lstm")
