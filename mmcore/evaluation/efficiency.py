"""What a model costs: parameters, operations, tensor memory and time; and which models no other one dominates.

    Pareto front = {i : no j is as cheap and as good as i, and cheaper or better}

Counts (parameters, operations, peak bytes of tensors) are the same on every run and may stand in cached results; times
may not. Peak memory is of tensors that are alive at once, beyond the model, its inputs and what was alive before: every
storage that an operation returns counts from then until it is freed. Workspace inside a kernel and the allocator's
slack are not seen, and neither is the interpreter: MultiBench reports the process's resident memory instead (Liang et
al. 2021, section on complexity), which holds Python, the data and everything before, and misses a GPU. Its count of
parameters includes frozen ones, as `n_parameters` here; `n_trainable` leaves them out.

Times are medians over repetitions after warm-up, a batch's time divided by its samples, on the threads that torch has;
compare them only when measured side by side on an idle machine. A training step is forward, loss, backward and an AdamW
step at learning rate 0, on a copy: the model given is not changed, nor the global generators. Loss terms beside the
task's own are not in it.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from mmcore.data import Dataset


@dataclass(frozen=True)
class Cost:
    """A model's cost; `flops` and seconds are per sample, bytes for a batch of `batch_size`; steps None without loss.

    `flops` takes ragged modalities at the longest length of the batch. Neither the model's own bytes nor the state of
    the optimiser (AdamW: two numbers a trainable parameter) are in `forward_bytes` and `step_bytes`.
    """

    n_parameters: int
    n_trainable: int
    flops: int
    forward_bytes: int
    step_bytes: int | None
    forward_seconds: float
    step_seconds: float | None
    batch_size: int
    repeats: int
    threads: int
    device: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(vars(self))


def peak_tensor_bytes(call: Callable[[], Any]) -> int:
    """Return the largest number of bytes of new tensors that are alive at once while `call` runs.

    Example:
        >>> import torch
        >>> x = torch.zeros(1000)  # 4000 bytes, alive before
        >>> peak_tensor_bytes(lambda: ((x + 1) * 2).sum())  # x + 1 and its double
        8000
    """
    import weakref

    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter
    from torch.utils.weak import WeakIdKeyDictionary

    class Watch(TorchDispatchMode):
        """Counts each storage that an operation returns, from there until it is freed."""

        def __init__(self) -> None:
            super().__init__()
            self.alive, self.peak, self.known = 0, 0, WeakIdKeyDictionary()

        def freed(self, size: int) -> None:
            self.alive -= size

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            for value in tree_iter((args, kwargs)):
                if isinstance(value, torch.Tensor):
                    self.known.setdefault(value.untyped_storage(), 0)  # came from outside, or was counted before
            result = func(*args, **(kwargs or {}))
            for value in tree_iter(result):
                if isinstance(value, torch.Tensor) and value.untyped_storage() not in self.known:
                    storage = value.untyped_storage()
                    self.known[storage] = storage.nbytes()
                    self.alive += storage.nbytes()
                    weakref.finalize(storage, self.freed, storage.nbytes())
            self.peak = max(self.peak, self.alive)
            return result

    watch = Watch()
    with watch:
        result = call()
    del result
    return watch.peak


def measure(
    model: nn.Module, inputs: Mapping[str, Tensor], *, presence: Mapping[str, Tensor] | None = None,
    lengths: Mapping[str, Tensor] | None = None, loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    targets: Tensor | None = None, repeats: int = 9, warmup: int = 2,
) -> Cost:  # fmt: skip
    """Return the cost of a model on one batch.

    Args:
        model: of `build_model`; evaluated without gradients, trained as a copy.
        inputs: modality -> (B, ...) tensors on the model's device.
        presence, lengths: as the model takes them.
        loss, targets: `loss(outputs, targets) -> scalar` for the training step; None for no step.
        repeats, warmup: timed and untimed passes.

    Raises:
        InputError: for an empty batch, no repetition, or a loss without targets (or the reverse).

    Example:
        >>> import torch
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> cost = measure(build_model("unimodal:a", ds.spec), {"a": torch.zeros(4, 3)}, repeats=1)
        >>> cost.batch_size, cost.step_seconds is None, cost.forward_seconds > 0
        (4, True, True)
    """
    import torch

    from mmcore.models.cost import count_flops

    batch = _batch_size(inputs)
    if repeats < 1 or warmup < 0:
        raise InputError("repeats, warmup", f"{repeats}, {warmup}", "1 and 0 or more", "Use 9 and 2.")
    if (loss is None) != (targets is None):
        raise InputError("loss, targets", "one of them", "both or neither", "Pass what the loss compares with.")
    device = next(model.parameters()).device
    was_training = model.training
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        model.eval()

        def forward() -> Tensor:
            with torch.no_grad():
                result: Tensor = model(dict(inputs), presence, lengths)
            return result

        try:
            forward_seconds = _median_seconds(forward, repeats, warmup, device) / batch
            forward_bytes = peak_tensor_bytes(forward)
        finally:
            model.train(was_training)
        step_seconds = step_bytes = None
        if loss is not None and targets is not None:
            step = _training_step(model, inputs, presence, lengths, loss, targets)
            step_seconds = _median_seconds(step, repeats, warmup, device) / batch
            step_bytes = peak_tensor_bytes(step)
    parameters = list(model.parameters())
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    steps = max((int(each.max()) for each in (lengths or {}).values()), default=100)
    return Cost(
        sum(p.numel() for p in parameters), trainable, count_flops(model, ragged_length=steps), forward_bytes,
        step_bytes, forward_seconds, step_seconds, batch, repeats, torch.get_num_threads(), str(device),
    )  # fmt: skip


def _batch_size(inputs: Mapping[str, Tensor]) -> int:
    """Return the number of rows that all tensors of a batch have."""
    sizes = {len(value) for value in inputs.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError("inputs", f"batches of {sorted(sizes)} rows", "one batch of one row or more", "Pass tensors.")
    return sizes.pop()


def measure_on(
    model: nn.Module, ds: Dataset, rows: np.ndarray, *, objective: str = "auto", label: str | None = None,
    repeats: int = 9, warmup: int = 2,
) -> Cost:  # fmt: skip
    """Return the cost of a model on one batch of a dataset's rows, the training step with the label's objective.

    Args:
        model: of `build_model` for this dataset.
        ds: the dataset.
        rows: (B,) labelled rows that make the batch.
        objective: as `fit` takes it.
        label: the label column (None: the first).
        repeats, warmup: as in `measure`.

    Raises:
        InputError: for rows without a label, or as `measure`.

    Example:
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> cost = measure_on(build_model("unimodal:a", ds.spec), ds, np.arange(4), repeats=1)
        >>> cost.step_bytes > cost.forward_bytes > 0
        True
    """
    import torch

    from mmcore.evaluation.protocol import labelled_rows
    from mmcore.objectives import find_objective
    from mmcore.training.inputs import InputRows

    if not np.isin(rows, labelled_rows(ds, label)).all() or not len(rows):
        raise InputError("rows", "none, or a row without a label", "labelled rows", "Pass rows of the train part.")
    task = ds.spec.label(label).task
    device = next(model.parameters()).device
    names: tuple[str, ...] = model.modalities  # type: ignore[assignment]
    batch = InputRows(ds, names, np.asarray(rows, dtype=np.int64), device)
    inputs, presence, lengths = batch.take(
        torch.arange(len(rows), device=device), batch.presence_tensors(batch.presence)
    )
    codes = ds.labels(label)[rows]
    targets = torch.as_tensor(codes, device=device) if task == "classification" else torch.as_tensor(
        codes.reshape(len(rows), -1), dtype=torch.float32, device=device)  # fmt: skip
    return measure(model, inputs, presence=presence, lengths=lengths, loss=find_objective(objective, task).loss,
                   targets=targets, repeats=repeats, warmup=warmup)  # fmt: skip


def _training_step(
    model: nn.Module, inputs: Mapping[str, Tensor], presence: Mapping[str, Tensor] | None,
    lengths: Mapping[str, Tensor] | None, loss: Callable[[Tensor, Tensor], Tensor], targets: Tensor,
) -> Callable[[], None]:  # fmt: skip
    import torch

    trained = copy.deepcopy(model).train()
    optimiser = torch.optim.AdamW([p for p in trained.parameters() if p.requires_grad], lr=0.0)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(trained(dict(inputs), presence, lengths), targets).backward()
        optimiser.step()

    return step


def _median_seconds(call: Callable[[], Any], repeats: int, warmup: int, device: torch.device) -> float:
    import torch

    def finished() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(warmup):
        call()
    times = []
    for _ in range(repeats):
        finished()
        start = time.perf_counter()
        call()
        finished()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def pareto_front(costs: Sequence[float], scores: Sequence[float], *, higher_is_better: bool = True) -> np.ndarray:
    """Return which of n models no other one dominates, (n,) bool; equal models stay together.

    Args:
        costs: (n,) e.g. parameters, operations or seconds; lower is better.
        scores: (n,) a metric.
        higher_is_better: direction of the scores.

    Raises:
        InputError: for lengths that differ, no model, or numbers that are not finite.

    Example:
        >>> pareto_front([1, 2, 3], [0.5, 0.4, 0.6]).tolist()
        [True, False, True]
    """
    x, y = np.asarray(costs, dtype=float), np.asarray(scores, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or not (np.isfinite(x) & np.isfinite(y)).all():
        raise InputError("costs, scores", f"shapes {x.shape} and {y.shape}", "two finite (n,), n > 0",
                         "Leave out models without a cost or a score.")  # fmt: skip
    good = y if higher_is_better else -y
    as_good = (x[None, :] <= x[:, None]) & (good[None, :] >= good[:, None])
    better = (x[None, :] < x[:, None]) | (good[None, :] > good[:, None])
    return np.asarray(~(as_good & better).any(axis=1))
