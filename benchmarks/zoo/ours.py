"""Our training step of a row: the model by its name, with the reference's widths, ranks, depths and dropout."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from benchmarks.zoo.measurement import Step
from benchmarks.zoo.reference import step_of
from benchmarks.zoo.rows import SEED, Data, Row
from mmcore.data import DatasetSpec
from mmcore.data.spec import LabelSpec, ModalitySpec
from mmcore.models import available_models, build_model
from mmcore.models.registry import model_entry


class NotThereError(Exception):
    """No counterpart of ours exists, and why."""


@dataclasses.dataclass(frozen=True)
class Ours:
    """A model of ours: its name, its own arguments, and an encoder with options for each modality where it has them."""

    model: str
    arguments: Mapping[str, Any]
    encoders: tuple[Mapping[str, Any], ...] = ()


def _lenets() -> tuple[Mapping[str, Any], ...]:
    return ({"name": "lenet", "project": False},) * 2


def _grus(*widths: int) -> tuple[Mapping[str, Any], ...]:
    return tuple({"name": "gru", "width": width} for width in widths)


AVMNIST = {"width": 100, "head_depth": 1}
MULT = {"width": 40, "heads": 8, "layers": 4}
LAST_STATE = "ours reads a GRU's last state, the reference all 24: another model"

OURS: dict[str, Ours | str] = {
    "LF AV-MNIST": Ours("late_fusion", AVMNIST, _lenets()),
    "LF MIMIC": LAST_STATE,
    "LRTF MIMIC": LAST_STATE,
    "MI-matrix MIMIC": LAST_STATE,
    "LF MOSI": Ours("late_fusion", {"width": 870, "head_depth": 1}, _grus(70, 200, 600)),
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


def _model_step(row: Row, data: Data, choice: Ours) -> Step:
    names = [f"m{index}" for index in range(len(row.shapes))]
    arguments: dict[str, Any] = {"dropout": 0.0, **choice.arguments}
    if choice.encoders:
        arguments["encoders"] = dict(zip(names, choice.encoders))
    model = build_model(choice.model, _spec(row), seed=SEED, **arguments).train()
    # Images come channels last.
    shown = [x.permute(0, 2, 3, 1).contiguous() if x.dim() == 4 else x for x in data.modalities]
    inputs = dict(zip(names, shown))
    lengths = dict.fromkeys(names, data.lengths) if row.packed else None
    return step_of(row, data, lambda: model(inputs, None, lengths), tuple(model.parameters()))


def _fusion_step(row: Row, data: Data, choice: Ours) -> Step:
    module, _, attribute = model_entry(choice.model).builder.partition(":")
    builder = getattr(importlib.import_module(module), attribute)
    fusion: nn.Module = builder([shape[0] for shape in row.shapes], dropout=0.0, **choice.arguments).train()
    representations, present = list(data.modalities), [None] * len(data.modalities)
    leaves = (*fusion.parameters(), *data.modalities)
    return step_of(row, data, lambda: fusion(representations, present), leaves)


def our_step(row: Row, data: Data) -> Step:
    """Return the step.

    Raises:
        NotThereError: where we have no counterpart.
    """
    choice = OURS.get(row.name, "no counterpart")
    if isinstance(choice, str):
        raise NotThereError(choice)
    if choice.model not in available_models():
        raise NotThereError(f"no '{choice.model}' yet")
    return (_fusion_step if row.loss == "fusion" else _model_step)(row, data, choice)
