"""The one place where torch's global generator is seeded: forked, restored afterwards, one thread at a time.

Layers initialise themselves and drop units with torch's global generator, which belongs to the whole process. Here it
is saved, seeded from a named stream and put back, under a lock: fits that run in several threads wait for each
other and stay reproducible. Run fits side by side in processes, not in threads.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

_GENERATOR_IN_USE = threading.RLock()


def reseed(seed: int, device: torch.device | None = None) -> None:
    """Seed the global generator of the CPU, and of `device` where that is another one.

    `torch.manual_seed` would also queue a seed for every accelerator, with a stack trace each time.
    """
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type != "cpu":
        getattr(torch, device.type).manual_seed(seed)


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Run the block with the global generator seeded by `seed`; its former state is restored on leaving.

    Example:
        >>> before = torch.default_generator.get_state()
        >>> with seeded(3):
        ...     first = torch.rand(2)
        >>> with seeded(3):
        ...     second = torch.rand(2)
        >>> bool((first == second).all()), bool((torch.default_generator.get_state() == before).all())
        (True, True)
    """
    accelerated = device is not None and device.type != "cpu"
    devices = [device.index or 0] if accelerated and device is not None else []
    kind = device.type if accelerated and device is not None else "cuda"
    with _GENERATOR_IN_USE, torch.random.fork_rng(devices=devices, device_type=kind):
        reseed(seed, device)
        yield
