"""Training state on disk: everything that an interrupted fit needs to end with the weights it would have had.

One safetensors file holds the current weights, the best weights, the optimizer's moments, and under one metadata key
the epoch, the history and the key of the fit. Random streams need no state: they are named after the epoch.
The key is a hash of the options, the configuration, the rows, their labels, the initial weights and the statistics of
the training inputs; it is part of the file's name, so that a checkpoint of another fit is never even opened.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.storage import read_tensors, write_tensors
from mmcore.training.targets import Part


@dataclass
class TrainingState:
    """How far a fit is: epochs in `history`, the best one so far with its weights, and whether it is over."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    finished: bool = False

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    @property
    def best(self) -> dict[str, float]:
        """The history's entry of the best epoch."""
        return self.history[self.best_epoch - 1]


def fit_key(described: dict[str, Any], parts: tuple[Part, ...], model: nn.Module) -> str:
    """Return the hash that two fits share exactly when they must end with the same weights on the same machine."""
    digest = hashlib.sha256(json.dumps([torch.__version__, described], sort_keys=True).encode())
    for part in parts:
        for array in (part.rows, part.labels):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def checkpoint_path(directory: str | Path, key: str) -> Path:
    """Return where the state of the fit called `key` lies."""
    return Path(directory) / f"training-{key[:20]}.safetensors"


def write_state(path: Path, key: str, state: TrainingState, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write the state, atomically."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in state.best_weights.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    progress = {"history": state.history, "best_epoch": state.best_epoch, "finished": state.finished}
    write_tensors(path, tensors, {"key": key, "progress": progress})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def read_state(path: Path, key: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> TrainingState:
    """Return the stored state and set the model and the optimizer to it; a fresh state where nothing is stored.

    Raises:
        InputError: when the file is damaged, or belongs to a fit with other data or parameters.
    """
    if not path.exists():
        return TrainingState()
    tensors, described = read_tensors(path)
    if described.get("key") != key:
        received = f"{path.name} of fit {str(described.get('key'))[:12]}"
        raise InputError("checkpoint_dir", received, f"one of fit {key[:12]}", "Delete the file; the data changed.")
    model.load_state_dict(_under("model.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer.", tensors).items():
        index, _, moment = name.partition(".")
        moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    progress = described["progress"]
    device = next(model.parameters()).device
    best = {name: tensor.to(device) for name, tensor in _under("best.", tensors).items()}
    return TrainingState(progress["history"], progress["best_epoch"], best, progress["finished"])
