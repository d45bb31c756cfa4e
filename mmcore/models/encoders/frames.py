"""Moving images: an image encoder over each frame, a recurrent network over the frames.

    u_t = e(frame_t),   h_t = LSTM(u_t, h_{t-1}),   z = h_T

Reference: Donahue et al. 2015, Long-term recurrent convolutional networks (CVPR); MultiBench (Liang et al. 2021) has it
with a ResNet-18. Only a sequence's own frames are encoded, so padding costs nothing and stays out of a batch norm's
statistics. A sequence without frames gives zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.data.spec import ModalitySpec
from mmcore.models.encoders import EncoderChoice, build_encoder
from mmcore.models.encoders.recurrent import Recurrent
from mmcore.models.standardisation import within_lengths


class FrameRecurrence(nn.Module):
    """Map `(B, T, height, width, channels)` with lengths `(B,)` (None: all T) to `(B, features)`.

    Args:
        frame: an encoder of images `(n, height, width, channels)`.
        sequence: an encoder of sequences of its features, with steps.

    Example:
        >>> import torch
        >>> encoder = for_shape((None, 8, 8, 3), width=4)
        >>> encoder(torch.zeros(2, 5, 8, 8, 3), torch.tensor([5, 0])).shape
        torch.Size([2, 4])
    """

    def __init__(self, frame: nn.Module, sequence: Recurrent) -> None:
        super().__init__()
        self.frame, self.sequence = frame, sequence
        self.features, self.step_features = sequence.features, sequence.step_features

    def forward(
        self,
        values: Float[Tensor, "batch time height width channels"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch features"]:
        """Return the representation."""
        return self.sequence(self._encoded(values, lengths), lengths)

    def steps(
        self,
        values: Float[Tensor, "batch time height width channels"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time features"], Int[Tensor, " batch"] | None]:
        """Return the state after each frame, zeros beyond each sequence's end, and the lengths."""
        return self.sequence.steps(self._encoded(values, lengths), lengths)

    def _encoded(self, values: Tensor, lengths: Tensor | None) -> Float[Tensor, "batch time frame_features"]:
        """Each frame's features, zeros beyond the end."""
        if lengths is None:
            return self.frame(values.flatten(0, 1)).unflatten(0, values.shape[:2])
        inside = within_lengths(lengths, values.shape[1])
        encoded = self.frame(values[inside])
        states = encoded.new_zeros(*values.shape[:2], encoded.shape[1])
        states[inside] = encoded
        return states


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    frame: EncoderChoice = "convolution",
    kind: str = "lstm",
    layers: int = 1,
    bidirectional: bool = False,
    pooling: str = "last",
) -> FrameRecurrence:
    """Return the encoder of frames (T, H, W, channels).

    `frame` names an encoder of images, or is `{"name": ..., **options}`; `kind` is `lstm` or `gru`.

    Raises:
        InputError: for an unknown frame encoder or one that takes no images, and as `Recurrent`.
    """
    image = ModalitySpec("frame", "image", tuple(shape[1:]), "float32")
    encoder = build_encoder(image, frame, width=width, dropout=dropout)
    features = int(encoder.features)  # type: ignore[arg-type]
    sequence = Recurrent(
        features,
        kind=kind,
        width=width,
        layers=layers,
        bidirectional=bidirectional,
        pooling=pooling,
        dropout=dropout,
    )
    return FrameRecurrence(encoder, sequence)
