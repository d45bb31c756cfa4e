"""`interplay models`: every method with its tags, its cost on a dataset, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmcore.errors import InputError

if TYPE_CHECKING:
    from mmcore.data.spec import DatasetSpec, ModalitySpec

COLUMNS = ("name", "parameters", "operations", "tags", "reference")
WIDTH = 64


def method_rows(root: Path, dataset: str | None) -> list[list[str]]:
    """Return the rows of the table; parameters and floating-point operations of one sample on `dataset`.

    Args:
        root: the project's root.
        dataset: a prepared dataset; None counts on two sequences of 50 steps of 20 numbers and two classes.

    Raises:
        InputError: where the dataset has not been prepared.
    """
    from mmcore.training.methods import available_methods

    spec = reference_spec() if dataset is None else _prepared(root, dataset)
    return [
        [method.name, *_cost(method.model, method.arguments, spec), ", ".join(method.tags), method.reference]
        for method in available_methods()
    ]


def reference_spec() -> DatasetSpec:
    """Return the data that costs are counted on where no dataset is named."""
    from mmcore.data.spec import DatasetSpec, LabelSpec, ModalitySpec

    def series(name: str) -> ModalitySpec:
        return ModalitySpec(name, "timeseries", (50, 20), "float32")

    label = LabelSpec("label", "classification", ("no", "yes"))
    return DatasetSpec("reference", "1", (label,), (series("a"), series("b")), 1)


def _prepared(root: Path, dataset: str) -> DatasetSpec:
    from mmcore.data import load_dataset
    from tasks.places import Places

    place = Places(dataset, root).prepared
    if not place.is_dir():
        remedy = f"Run 'interplay run --dataset {dataset}' first."
        raise InputError("--dataset", f"{dataset}, which is not prepared", "a prepared dataset", remedy)
    return load_dataset(place).spec


def _cost(model: str, arguments: object, spec: DatasetSpec) -> tuple[str, str]:
    """Parameters and operations in thousands, or why there are none."""
    from mmcore.models import build_model, count_flops, count_parameters

    modality = spec.modalities[0].name if model == "unimodal" else None
    try:
        built = build_model(model, spec, modality=modality, **dict(arguments))  # type: ignore[call-overload]
        return f"{count_parameters(built):,}", f"{count_flops(built):,}"
    except InputError as error:
        return "-", f"not for this data: {error.argument}"
