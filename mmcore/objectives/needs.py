"""What a term asks of a model, and which rows of a batch it may look at.

A model is asked by showing it one sample of zeros in evaluation mode: whatever it puts into its trace it will put there
in training too, so this holds for every model without a declaration that could be wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.cost import zero_inputs
from mmcore.models.standardisation import OutputScale

if TYPE_CHECKING:
    from mmcore.models.trace import Trace


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run the block with the model in evaluation mode; each submodule gets the mode back that it had.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.Dropout().eval())
        >>> with evaluating(model):
        ...     print(model[0].training)
        False
        >>> model[0].training, model[1].training
        (True, False)
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def probe(model: nn.Module) -> Trace:
    """Return the model's trace of one sample of zeros, without gradients and without touching its statistics."""
    inputs, lengths = zero_inputs(model)
    with evaluating(model), torch.no_grad():
        return model.trace(inputs, None, lengths)  # type: ignore[operator]


def _name(model: nn.Module) -> str:
    return str(getattr(model, "configuration", {}).get("name", type(model).__name__))


def representation_sizes(model: nn.Module, term: str, *, fewest: int = 1) -> list[int]:
    """Return the width of each modality's representation.

    Raises:
        InputError: where the model has no representation for each modality, or fewer modalities than `fewest`.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> representation_sizes(build_model("late_fusion", ds.spec, width=8), "cca", fewest=2)
        [8, 8]
    """
    names: tuple[str, ...] = model.modalities  # type: ignore[assignment]
    if len(names) < fewest:
        raise InputError(
            "terms", f"{term} with {len(names)} modality", f"{fewest} or more modalities", "Leave the term out."
        )
    found = probe(model).representations
    if len(found) != len(names):
        received = f"{term} with '{_name(model)}', which has {len(found)} representations for {len(names)} modalities"
        raise InputError("terms", received, "a model with one representation a modality", "Leave the term out.")
    return [each.shape[1] for each in found]


def fused_size(model: nn.Module, term: str) -> int:
    """Return the width of the fused vector.

    Raises:
        InputError: where the model has none.
    """
    found = probe(model).fused
    if found is None:
        received = f"{term} with '{_name(model)}', which has no fused vector"
        raise InputError("terms", received, "a model with a fused vector", "Leave the term out.")
    return found.shape[1]


def present_in(trace: Trace, *modalities: int) -> Bool[Tensor, " batch"]:
    """Return the rows in which every one of these modalities (positions) is present."""
    both = torch.ones(len(trace.outputs), dtype=torch.bool, device=trace.outputs.device)
    for position in modalities:
        present = trace.prepared[position].present
        both = both if present is None else both & present
    return both


def nothing(*tensors: Tensor) -> Float[Tensor, ""]:
    """Return an exact zero that depends on all of `tensors`, for batches in which no row counts.

    Every parameter keeps a gradient (of zero), which distributed training needs.

    Example:
        >>> w = torch.ones(2, requires_grad=True)
        >>> nothing(w).backward()
        >>> w.grad.tolist()
        [0.0, 0.0]
    """
    return torch.stack([(tensor * 0).sum() for tensor in tensors]).sum()


def at_least_single(values: Tensor) -> Tensor:
    """Return `values` in single precision at least: what autocast made bfloat16 is too coarse to compare."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def task_of(model: nn.Module, targets: Tensor) -> str:
    """Return the task that `targets` belong to: codes are classes, numbers are labels of a regression or flags.

    Example:
        >>> task_of(nn.Identity(), torch.tensor([0, 2]))
        'classification'
    """
    if not targets.is_floating_point():
        return "classification"
    return "regression" if is_regression(model) else "multilabel"


def is_regression(model: nn.Module) -> bool:
    """Return whether the model's outputs are in a label's unit."""
    return isinstance(getattr(model, "scale", None), OutputScale)


def without_unit(model: nn.Module, values: Tensor) -> Tensor:
    """Return a regression's values in standard deviations of the training label."""
    scale: OutputScale = model.scale  # type: ignore[assignment]
    return (values - scale.shift) / scale.scale
