"""MulT on a GPU: bfloat16, fused attention, compiled; milliseconds a training step and model FLOP utilisation.

    utilisation = FLOPs of the model's forward and backward in a step / (seconds of the step * peak FLOP/s)

FLOPs are those that `torch.utils.flop_counter` sees in the plain model, so that recomputation is no merit (Chowdhery et
al. 2022, PaLM, appendix B). The peak is measured: the best rate of a large bfloat16 matrix product on the device.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmcore.data import DatasetSpec
from mmcore.data.spec import LabelSpec, ModalitySpec
from mmcore.models import build_model

BATCH, STEPS, WIDTH, CHANNELS = 256, 500, 512, (35, 74, 300)
SIDE, WARM, TIMED = 8192, 5, 20


def _seconds(run: Callable[[], object], times: int) -> float:
    """Return the seconds of a call, by the clock, after `WARM` calls."""
    for _ in range(WARM):
        run()
    torch.accelerator.synchronize()
    started = time.perf_counter()
    for _ in range(times):
        run()
    torch.accelerator.synchronize()
    return (time.perf_counter() - started) / times


def peak_rate(device: torch.device, side: int = SIDE) -> float:
    """Return the FLOP/s of a bfloat16 product of two square matrices."""
    first, second = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2.0 * side**3 / _seconds(lambda: first @ second, TIMED)


def mult(batch: int, steps: int, width: int, device: torch.device, **arguments: object) -> tuple[nn.Module, dict]:
    """Return MulT and a batch of inputs on a device."""
    modalities = tuple(ModalitySpec(f"m{i}", "timeseries", (steps, c), "float32") for i, c in enumerate(CHANNELS))
    spec = DatasetSpec("benchmark", "1", (LabelSpec("y", "regression"),), modalities, batch)
    model = build_model("mult", spec, seed=0, width=width, **arguments).to(device).train()
    inputs = {f"m{i}": torch.randn(batch, steps, c, device=device) for i, c in enumerate(CHANNELS)}
    return model, inputs


def step_of(model: nn.Module, inputs: dict[str, Tensor]) -> Callable[[], None]:
    """Return a training step in bfloat16 autocast, without an optimiser."""
    device = next(iter(inputs.values())).device

    def step() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16):
            loss = model(inputs).float().square().mean()
        loss.backward()

    return step


def flops_of(step: Callable[[], None]) -> int:
    """Return the FLOPs of matrix products, convolutions and attention in a step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def report(*, quick: bool = False) -> Table | str:
    """Return the table, or why there is none."""
    if not torch.accelerator.is_available():
        return "no GPU here: nothing was measured"
    device = torch.accelerator.current_accelerator()
    batch, steps = (32, 128) if quick else (BATCH, STEPS)
    model, inputs = mult(batch, steps, WIDTH, device, heads=8, layers=4, dropout=0.0)
    flops, peak = flops_of(step_of(model, inputs)), peak_rate(device)
    table = Table(box=None, padding=(0, 1), title=f"MulT, batch {batch}, T {steps}, d {WIDTH}, bfloat16, {device}")
    for title in ("", "ms a step", "TFLOP/s", "utilisation", "peak GB"):
        table.add_column(title, no_wrap=True)
    for name, chosen in (("eager", model), ("compiled", torch.compile(model))):
        torch.accelerator.reset_peak_memory_stats()
        taken = _seconds(step_of(chosen, inputs), TIMED)
        held = torch.accelerator.max_memory_allocated() / 1e9
        rate = flops / taken
        table.add_row(name, f"{1000 * taken:.1f}", f"{rate / 1e12:.1f}", f"{rate / peak:.1%}", f"{held:.1f}")
    table.add_row(f"peak of a {SIDE} x {SIDE} product", "", f"{peak / 1e12:.1f}", "100%", "")
    return table
