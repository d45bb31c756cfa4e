"""Seconds of CPU time and peak bytes of a training step: forward, loss, backward; no optimiser.

Time is the process's CPU time on one thread, so that waiting for the machine does not count. Sides are timed in turn,
step after step, so that what slows the machine for a while slows all alike. Gradients are thrown away before each step.
Memory is what the step adds to the live tensors at its worst moment, from the allocator's own record.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile


@dataclasses.dataclass(frozen=True)
class Step:
    """What is timed: what to compute, the tensors whose gradients it leaves, and the gradient handed back.

    `gradient` None is for a loss, one number.
    """

    compute: Callable[[], Tensor]
    leaves: tuple[Tensor, ...]
    gradient: Tensor | None = None

    def reset(self) -> None:
        """Throw the gradients away."""
        for leaf in self.leaves:
            leaf.grad = None

    def run(self) -> None:
        """Go forward and back."""
        self.compute().backward(self.gradient)


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of CPU time of each step."""

    times: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return float(np.median(self.times))

    @property
    def least(self) -> float:
        """The least."""
        return min(self.times)

    def __add__(self, later: Timing) -> Timing:
        """Return the steps of both."""
        return Timing(self.times + later.times)


def seconds(sides: Mapping[str, Step], steps: int, calls: int = 1) -> dict[str, Timing]:
    """Return the time of each side, timed in turn after two steps to warm up (one where few are timed)."""
    for _ in range(1 if steps < 5 else 2):
        for side in sides.values():
            side.reset()
            side.run()
    found: dict[str, list[float]] = {name: [] for name in sides}
    gc.collect()
    gc.disable()
    try:
        for _ in range(steps):
            for name, side in sides.items():
                taken = 0.0
                for _ in range(calls):
                    side.reset()
                    started = time.process_time()
                    side.run()
                    taken += time.process_time() - started
                found[name].append(taken / calls)
    finally:
        gc.enable()
    return {name: Timing(tuple(times)) for name, times in found.items()}


@contextlib.contextmanager
def _without_native_messages() -> Iterator[None]:
    """Keep what native code writes to stderr out of the terminal, unless the block fails: the profiler is talkative."""
    with tempfile.TemporaryFile() as kept:
        before = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(before, kept.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


def peak_bytes(side: Step) -> int:
    """Return the most bytes that tensors of one step, its gradients among them, hold at once."""
    side.reset()
    gc.collect()
    with _without_native_messages(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        side.run()
    events = [e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return int(np.cumsum([0, *(event.nbytes() for event in events)]).max())


def lstm_step() -> Step:
    """Return the yardstick: `nn.LSTM(300, 300)` over 32 sequences of 50 steps, the mean square of its states."""
    model = torch.nn.LSTM(300, 300, batch_first=True)
    x = torch.randn(32, 50, 300, generator=torch.Generator().manual_seed(0))
    return Step(lambda: model(x)[0].square().mean(), tuple(model.parameters()))
