"""The table of models, and the one function that builds any of them for a dataset's specification.

A builder is named by its path `module:attribute` and imported when it is first used, so that listing names costs
no torch import. Every builder takes `(modalities, outputs, **arguments)`: the `ModalitySpec`s it may look at and the
number of outputs.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream_seed

if TYPE_CHECKING:
    from torch import nn

    from mmcore.data import DatasetSpec
    from mmcore.data.spec import ModalitySpec


@dataclass(frozen=True)
class ModelEntry:
    """One row of the table: the model's name, the path of its builder, its reference and its tags."""

    name: str
    builder: str
    reference: str
    tags: tuple[str, ...]


MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        "unimodal",
        "mmcore.models.fusions.unimodal:Unimodal",
        "Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3",
        ("baseline", "one_modality"),
    ),
    ModelEntry(
        "early_fusion",
        "mmcore.models.fusions.early:EarlyFusion",
        "Baltrusaitis, Ahuja, Morency 2019, Multimodal Machine Learning (TPAMI 41:2), section 6.1",
        ("fusion", "any_interaction"),
    ),
    ModelEntry(
        "late_fusion",
        "mmcore.models.fusions.late:LateFusion",
        "Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3, 'late fusion (concatenation)'",
        ("fusion", "baseline", "additive"),
    ),
)


def available_models() -> tuple[str, ...]:
    """Return the names that `build_model` knows, in the order of the table.

    Example:
        >>> available_models()
        ('unimodal', 'early_fusion', 'late_fusion')
    """
    return tuple(entry.name for entry in MODELS)


def model_entry(name: str) -> ModelEntry:
    """Return the row of the table called `name`.

    Raises:
        InputError: for an unknown name, with the nearest known one.

    Example:
        >>> model_entry("late_fusion").tags
        ('fusion', 'baseline', 'additive')
    """
    for entry in MODELS:
        if entry.name == name:
            return entry
    raise unknown_name("model", name, available_models())


def _chosen(spec: DatasetSpec, modalities: Sequence[str] | None) -> tuple[ModalitySpec, ...]:
    if modalities is None:
        return spec.modalities
    if not modalities or len(set(modalities)) < len(modalities):
        raise InputError("modalities", list(modalities), "each name at most once, at least one", "Correct the list.")
    return tuple(spec.modality(name) for name in modalities)


def _check_arguments(name: str, builder: Any, arguments: dict[str, Any]) -> None:
    accepted = [key for key in inspect.signature(builder).parameters if key not in ("modalities", "outputs", "task")]
    for key in arguments:
        if key not in accepted:
            raise unknown_name(f"argument of {name}", key, [*accepted, "modalities", "modality", "label", "seed"])


def build_model(
    name: str,
    spec: DatasetSpec,
    *,
    modalities: Sequence[str] | None = None,
    modality: str | None = None,
    label: str | None = None,
    seed: int = 0,
    **arguments: Any,
) -> nn.Module:
    """Return an untrained `torch.nn.Module`: `model(inputs, presence, lengths) -> (B, outputs)`.

    Args:
        name: a name of the table; `"unimodal:audio"` is short for `"unimodal"` with `modality="audio"`.
        spec: the dataset's specification (`ds.spec`).
        modalities: the modalities that the model sees (None: all). `modality` is the same for exactly one.
        label: the label column that it predicts (None: the first).
        seed: of the initial weights; torch's global generator is left as it was.
        **arguments: the builder's own, such as `width`, `depth`, `dropout`.

    Raises:
        InputError: for an unknown model, modality, label or argument.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> build_model("late_fusion", ds.spec, width=8).outputs
        2
    """
    from mmcore.models.randomness import seeded

    base, _, suffix = name.partition(":")
    if base == "unimodal" and suffix:
        modality = suffix
    elif suffix:
        raise unknown_name("model", name, available_models())
    entry = model_entry(base)
    if modality is not None:
        modalities = (modality,)
    elif base == "unimodal" and modalities is None:
        options = ", ".join(m.name for m in spec.modalities)
        raise InputError("modality", "nothing", options, "Name the one modality, as in 'unimodal:<modality>'.")
    module, _, attribute = entry.builder.partition(":")
    builder = getattr(importlib.import_module(module), attribute)
    _check_arguments(base, builder, arguments)
    chosen, target = _chosen(spec, modalities), spec.label(label)
    with seeded(stream_seed(seed, "initialisation", base)):
        model = builder(chosen, target.n_outputs, task=target.task, **arguments)
    model.configuration = {
        "name": base,
        "modalities": [m.name for m in chosen],
        "label": target.column,
        "seed": seed,
        "arguments": arguments,
    }
    return model
