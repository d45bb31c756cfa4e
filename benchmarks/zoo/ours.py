"""Our training step of a row: the model by its name, with the reference's widths, ranks, depths and dropout."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from benchmarks.zoo.measurement import Step
from benchmarks.zoo.reference import step_of
from benchmarks.zoo.rows import SEED, Data, Row
from mmcore.data import DatasetSpec
from mmcore.data.spec import LabelSpec, ModalitySpec
from mmcore.models import available_models, build_model
from mmcore.models.assembly import FusedModel
from mmcore.models.fusions.projection import Projections
from mmcore.models.registry import model_entry
from mmcore.objectives.cca import canonical_correlations


class NotThereError(Exception):
    """No counterpart of ours exists, and why."""


@dataclasses.dataclass(frozen=True)
class Ours:
    """A model of ours.

    Attributes:
        model: its name.
        arguments: its own, or where there is a head those of the whole model.
        encoders: name and options, by modality.
        fusion: arguments of the fusion where they differ from the model's, as in a head of another width.
        projected: sizes that representations are mapped to first, as the reference's GRUs do.
    """

    model: str
    arguments: Mapping[str, Any]
    encoders: tuple[Mapping[str, Any], ...] = ()
    fusion: Mapping[str, Any] | None = None
    projected: tuple[int, ...] = ()


class Projected(nn.Module):
    """A fusion after a linear map of each representation."""

    def __init__(self, sizes: Sequence[int], to: tuple[int, ...], fusion: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.project, self.fusion = Projections(sizes, to), fusion(to)
        self.features = self.fusion.features

    def forward(self, representations: list[Tensor], presence: list[Tensor | None]) -> Tensor:
        """Return the fused vector."""
        return self.fusion(self.project(representations, presence), presence)


def _lenets() -> tuple[Mapping[str, Any], ...]:
    return ({"name": "lenet", "project": False},) * 2


def _grus(*widths: int) -> tuple[Mapping[str, Any], ...]:
    return tuple({"name": "gru", "width": width} for width in widths)


def _mult(width: int, heads: int, layers: int, embedding: float, **others: Any) -> Ours:
    """Return MulT with the reference's rates: 0.1 of self-attention's weights, in perceptrons, of what layers add."""
    return Ours(
        "mult",
        {"width": width, "heads": heads, "layers": layers, "dropout": 0.1, "embedding_dropout": embedding, **others},
    )


AVMNIST = {"width": 100, "head_depth": 1}
AFFECT_MULT = _mult(40, 8, 4, 0.2, output_dropout=0.1, crossmodal_dropout={"m2": 0.1}, causal=True)
HEAD = {"width": 512, "head_depth": 1}
LAST_STATE = "ours reads a GRU's last state, the reference all 24: another model"

OURS: dict[str, Ours | str] = {
    "LF AV-MNIST": Ours("late_fusion", AVMNIST, _lenets()),
    "LRTF AV-MNIST": Ours("low_rank_tensor_fusion", AVMNIST, _lenets(), {"width": 120, "rank": 40}),
    "MI-matrix AV-MNIST": Ours("multiplicative_matrix", AVMNIST, _lenets(), {"width": 240}),
    "LF MIMIC": LAST_STATE,
    "LRTF MIMIC": LAST_STATE,
    "MI-matrix MIMIC": LAST_STATE,
    "LF MOSI": Ours("late_fusion", {"width": 870, "head_depth": 1}, _grus(70, 200, 600)),
    # Ours has the layer on top of the product in the fusion, and so no other hidden layer.
    "TF MOSI": Ours("tensor_fusion", {"width": 512, "projected": (4, 19, 79)}, _grus(64, 128, 512)),
    "LRTF MOSI": Ours("low_rank_tensor_fusion", HEAD, _grus(64, 128, 512), {"width": 128, "rank": 32}, (32, 32, 128)),
    "MulT affect": AFFECT_MULT,
    "MulT affect 5/20/300": AFFECT_MULT,
    "MulT defaults": _mult(9, 3, 3, 0.25, causal=True),
    "MulT stocks": "ours takes 18 modalities as they are; the reference joins them to 3",
    "MulT Push": "ours predicts once a sample, the reference at every step",
    "MCTN": "ours is another model: no teacher forcing, attention that is normalised",
    "TF": Ours("tensor_fusion", {"hidden": 0, "projected": 0}),
    "LRTF": Ours("low_rank_tensor_fusion", {"width": 128, "rank": 32}),
    "MI-matrix": Ours("multiplicative_matrix", {"width": 64}),
    "MI-vector": Ours("multiplicative_vector", {}),
    "MI-scalar": Ours("multiplicative_scalar", {}),
    "NL-gate": "ours gates vectors by vectors, without states",
    "concatenation": Ours("late_fusion", {}),
}


def _spec(row: Row) -> DatasetSpec:
    """Return a specification of the row's shapes; sequences are ragged where their lengths are given."""
    modalities = []
    for index, shape in enumerate(row.shapes):
        kind = {1: "tabular", 2: "timeseries", 3: "image"}[len(shape)]
        shown = (None, *shape[1:]) if row.packed else (*shape[1:], 1) if kind == "image" else shape
        modalities.append(ModalitySpec(f"m{index}", kind, shown, "float32", ragged=row.packed))
    classes = tuple(map(str, range(row.outputs))) if row.loss == "classes" else None
    label = LabelSpec("y", "classification" if classes else "regression", classes)
    return DatasetSpec("benchmark", "1", (label,), tuple(modalities), row.batch)


def _builder(choice: Ours) -> Callable[..., nn.Module]:
    module, _, attribute = model_entry(choice.model).builder.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _fusion(choice: Ours) -> Callable[..., nn.Module]:
    """Return the builder of a fusion that ignores the width of the model around it."""
    build = functools.partial(_builder(choice), dropout=0.0, **(choice.fusion or {}))

    def fusion(sizes: Sequence[int], *, width: int, dropout: float) -> nn.Module:
        return Projected(sizes, choice.projected, build) if choice.projected else build(sizes)

    return fusion


def _model_step(row: Row, data: Data, choice: Ours) -> Step:
    names = [f"m{index}" for index in range(len(row.shapes))]
    arguments: dict[str, Any] = {"dropout": 0.0, **choice.arguments}
    if choice.encoders:
        arguments["encoders"] = dict(zip(names, choice.encoders))
    spec = _spec(row)
    if choice.fusion is None:
        model = build_model(choice.model, spec, seed=SEED, **arguments).train()
    else:
        task = spec.label(None).task
        model = FusedModel(spec.modalities, row.outputs, fusion=_fusion(choice), task=task, **arguments).train()
    # Images come channels last.
    shown = [x.permute(0, 2, 3, 1).contiguous() if x.dim() == 4 else x for x in data.modalities]
    inputs = dict(zip(names, shown))
    lengths = dict.fromkeys(names, data.lengths) if row.packed else None
    return step_of(row, data, lambda: model(inputs, None, lengths), tuple(model.parameters()))


def _fusion_step(row: Row, data: Data, choice: Ours) -> Step:
    fusion = _builder(choice)([shape[0] for shape in row.shapes], dropout=0.0, **choice.arguments).train()
    representations, present = list(data.modalities), [None] * len(data.modalities)
    leaves = (*fusion.parameters(), *data.modalities)
    return step_of(row, data, lambda: fusion(representations, present), leaves)


def our_step(row: Row, data: Data) -> Step:
    """Return the step.

    Raises:
        NotThereError: where we have no counterpart.
    """
    if row.loss == "correlation":
        top = row.shapes[0][0]
        return Step(lambda: -canonical_correlations(*data.modalities)[:top].sum(), data.modalities)
    choice = OURS[row.name]
    if isinstance(choice, str):
        raise NotThereError(choice)
    if choice.model not in available_models():
        raise NotThereError(f"no '{choice.model}' yet")
    return (_fusion_step if row.loss == "fusion" else _model_step)(row, data, choice)
