"""The reference's contract: an encoder a modality, a fusion, a head; and its models by name, as in the example scripts.

Reference: Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks): widths, ranks and depths of its examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from benchmarks.reference_models import encoders, fusions
from benchmarks.reference_models.mctn import MCTN
from benchmarks.reference_models.mult import GroupedMulT, MulT

AFFECT = (35, 74, 300)
AFFECT_SMALL = (5, 20, 300)


class Composed(nn.Module):
    """`head(fusion([encoder_m(*x_m)]))`; each x_m is a tuple of what its encoder takes."""

    def __init__(self, parts: Sequence[nn.Module], fusion: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoders, self.fusion, self.head = nn.ModuleList(parts), fusion, head

    def forward(self, inputs: Sequence[tuple[Tensor, ...]]) -> Tensor:
        """Return predictions."""
        return self.head(self.fusion([encoder(*x) for encoder, x in zip(self.encoders, inputs)]))


def avmnist(fusion: nn.Module, head: nn.Module) -> Composed:
    """Return two LeNets (28 x 28 -> 48, 112 x 112 -> 192) under a fusion."""
    return Composed([encoders.LeNet(6, 3), encoders.LeNet(6, 5)], fusion, head)


def mimic(fusion: nn.Module, head: nn.Module) -> Composed:
    """Return a perceptron of 5 numbers and a GRU over 24 hours of 12 (10 and 720 wide) under a fusion."""
    return Composed([encoders.perceptron(5, 10, 10), encoders.AllSteps(12, 30)], fusion, head)


def affect(hidden: Sequence[int], outputs: Sequence[int | None], fusion: nn.Module, head: nn.Module) -> Composed:
    """Return packed GRUs over vision, audio and text under a fusion."""
    parts = [encoders.PackedGRU(d, h, o) for d, h, o in zip(AFFECT, hidden, outputs)]
    return Composed(parts, fusion, head)


def affect_mult(widths: Sequence[int]) -> MulT:
    """Return MulT as the affect examples set it: attention to text alone drops weights."""
    return MulT(widths, width=40, heads=8, layers=4, crossmodal=(0.0, 0.0, 0.1), output=0.1, embedding=0.2)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "LF AV-MNIST": lambda: avmnist(fusions.Concatenation(), encoders.perceptron(240, 100, 10)),
    "LRTF AV-MNIST": lambda: avmnist(
        fusions.LowRankTensorFusion((48, 192), 120, 40), encoders.perceptron(120, 100, 10)
    ),
    "MI-matrix AV-MNIST": lambda: avmnist(fusions.MatrixInteraction(48, 192, 240), encoders.perceptron(240, 100, 10)),
    "LF MIMIC": lambda: mimic(fusions.Concatenation(), encoders.perceptron(730, 40, 2)),
    "LRTF MIMIC": lambda: mimic(fusions.LowRankTensorFusion((10, 720), 100, 40), encoders.perceptron(100, 40, 2)),
    "MI-matrix MIMIC": lambda: mimic(fusions.MatrixInteraction(10, 720, 100), encoders.perceptron(100, 40, 2)),
    "LF MOSI": lambda: affect(
        (70, 200, 600), (None, None, None), fusions.Concatenation(), encoders.perceptron(870, 870, 1)
    ),
    "TF MOSI": lambda: affect((64, 128, 512), (4, 19, 79), fusions.TensorFusion(), encoders.perceptron(8000, 512, 1)),
    "LRTF MOSI": lambda: affect(
        (64, 128, 512),
        (32, 32, 128),
        fusions.LowRankTensorFusion((32, 32, 128), 128, 32),
        encoders.perceptron(128, 512, 1),
    ),
    "MulT affect": lambda: affect_mult(AFFECT),
    "MulT affect 5/20/300": lambda: affect_mult(AFFECT_SMALL),
    "MulT defaults": lambda: MulT(AFFECT),
    "MulT stocks": lambda: GroupedMulT((1,) * 18),
    "MulT Push": lambda: MulT((64,) * 4, width=64, heads=4, outputs=2, all_steps=True),
    "MCTN": MCTN,
    "TF": fusions.TensorFusion,
    "LRTF": lambda: fusions.LowRankTensorFusion((32, 32, 128), 128, 32),
    "MI-matrix": lambda: fusions.MatrixInteraction(64, 64, 64),
    "MI-vector": lambda: fusions.VectorInteraction(64, 64),
    "MI-scalar": lambda: fusions.ScalarInteraction(64),
    "NL-gate": lambda: fusions.NonLocalGate(24, 30, 10, 10),
    "concatenation": fusions.Concatenation,
}


def hidden_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the factors that low-rank fusions of the model keep where `parameters()` does not see them."""
    return [f for part in model.modules() if isinstance(part, fusions.LowRankTensorFusion) for f in part.factors]
