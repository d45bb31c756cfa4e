"""Where and how precisely training runs: one Fabric for each (device, precision), made once and reused."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from mmcore.errors import InputError, unknown_name

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = ("32-true", "64-true", "bf16-mixed")
_DEVICES = ("auto", "cpu", "cuda", "mps")


def _check(device: str, precision: str) -> tuple[str, int | None]:
    """Return the accelerator's name and index after checking that it exists."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    kind, _, index = device.partition(":")
    if kind not in _DEVICES or (index and (kind != "cuda" or not index.isdigit())):
        raise unknown_name("device", device, [*_DEVICES, "cuda:<index>"])
    available = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[kind] or (index and int(index) >= torch.cuda.device_count()):
        found = ", ".join(name for name, there in available.items() if there)
        raise InputError("device", f"'{device}', which this machine does not have", found, "Use 'auto'.")
    return kind, int(index) if index else None


@functools.lru_cache
def fabric_for(device: str = "auto", precision: str = "32-true", devices: int = 1) -> Fabric:
    """Return the Fabric for a device (`auto cpu cuda cuda:<index> mps`), a precision of `PRECISIONS` and processes.

    Raises:
        InputError: for an unknown name, or a device that is not there.

    Example:
        >>> fabric_for("cpu").device
        device(type='cpu')
    """
    kind, index = _check(device, precision)
    if devices < 1 or (devices > 1 and index is not None):
        allowed = "1 or more, and 1 where a device has an index"
        raise InputError("devices", f"{devices} on '{device}'", allowed, "Name the kind of device only.")
    from lightning_fabric import Fabric

    if devices > 1:
        return Fabric(accelerator=kind, devices=devices, strategy="ddp_spawn", precision=precision)  # type: ignore[arg-type]

    return Fabric(accelerator=kind, devices=1 if index is None else [index], precision=precision)  # type: ignore[arg-type]


@contextlib.contextmanager
def deterministic_algorithms(wanted: bool) -> Iterator[None]:
    """Run the block with torch's deterministic algorithms only, where `wanted`; the former choice is restored.

    Example:
        >>> with deterministic_algorithms(True):
        ...     torch.are_deterministic_algorithms_enabled()
        True
    """
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run the block with `count` torch threads, then restore the former number.

    Small models are fastest with one thread a process and one process a core. The last bits of a result may depend on
    the number of threads.

    Example:
        >>> with torch_threads(1):
        ...     torch.get_num_threads()
        1
    """
    if count < 1:
        raise InputError("count", count, "1 or more", "Give a positive number of threads.")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
