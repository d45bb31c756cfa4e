"""Models on disk: one safetensors file, its description under a single metadata key.

Several metadata keys would be written in an order that varies between processes; one key that holds sorted JSON keeps
the file byte-identical. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmcore.atomic import atomic_file
from mmcore.errors import InputError
from mmcore.models.registry import build_model

if TYPE_CHECKING:
    from mmcore.data import DatasetSpec

METADATA_KEY = "interplay"


def write_tensors(path: str | Path, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
    """Write tensors and a JSON description as one safetensors file, atomically; equal content gives equal bytes."""
    from safetensors.torch import save_file

    text = json.dumps(description, sort_keys=True, allow_nan=False)
    with atomic_file(path) as aside:
        save_file({k: t.detach().cpu().contiguous() for k, t in tensors.items()}, aside, metadata={METADATA_KEY: text})


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors (copies of their own) and the description of a file by `write_tensors`.

    Raises:
        InputError: when there is no such file, or it is not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise InputError("path", str(path), "an existing safetensors file", "Check the path.")
    remedy = "Delete the file or name another one."
    try:
        with safe_open(path, "pt") as stored:
            text = (stored.metadata() or {}).get(METADATA_KEY)
            tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError("path", f"{path} ({error})", "a complete safetensors file", remedy) from error
    if text is None:
        raise InputError("path", f"{path} without our metadata", "a file written by this project", remedy)
    return tensors, json.loads(text)


def _described_data(spec: DatasetSpec, modalities: list[str], label: str) -> dict[str, Any]:
    by_name = {m.name: m for m in spec.modalities}
    target = spec.label(label)
    return {
        "modalities": {name: list(by_name[name].shape) if name in by_name else None for name in modalities},
        "label": {"column": target.column, "task": target.task, "classes": list(target.classes or ())},
    }


def save_model(model: nn.Module, path: str | Path, spec: DatasetSpec, **description: Any) -> None:
    """Write a built model with its weights, statistics and configuration, atomically.

    Args:
        model: from `build_model`.
        path: of the safetensors file.
        spec: the specification that the model was built for; its shapes and classes are stored for `load_model`.
        **description: anything JSON-able to keep beside it (seed, fold, best epoch).
    """
    configuration: dict[str, Any] = model.configuration  # type: ignore[assignment]
    data = _described_data(spec, configuration["modalities"], configuration["label"])
    write_tensors(path, model.state_dict(), {"configuration": configuration, "data": data, "description": description})


def load_model(path: str | Path, spec: DatasetSpec) -> nn.Module:
    """Return the model stored in `path`, in evaluation mode, for data specified by `spec`.

    Raises:
        InputError: when the file is missing, damaged, or of a model for other shapes, labels or classes.

    Example:
        >>> import tempfile, numpy as np
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((4, 2))}, labels=[0, 1, 0, 1], name="tiny")
        >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
        >>> save_model(build_model("unimodal:a", ds.spec), path, ds.spec)
        >>> load_model(path, ds.spec).modalities
        ('a',)
    """
    tensors, stored = read_tensors(path)
    if "configuration" not in stored:
        raise InputError("path", str(path), "a model by save_model", "Name a model, not a training checkpoint.")
    configuration = stored["configuration"]
    found = _described_data(spec, configuration["modalities"], configuration["label"])
    if found != stored["data"]:
        raise InputError("spec", json.dumps(found), json.dumps(stored["data"]), "Load a model of this dataset.")
    model = build_model(
        configuration["name"],
        spec,
        modalities=configuration["modalities"],
        label=configuration["label"],
        seed=configuration["seed"],
        **configuration["arguments"],
    )
    if any(tensor.dtype == torch.float64 for tensor in tensors.values()):
        model.double()
    model.load_state_dict(tensors)
    return model.eval()
