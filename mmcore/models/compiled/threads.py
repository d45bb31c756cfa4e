"""Several threads for one compiled loop, which holds no lock while it runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch


def in_parts(loop: Callable[..., None], arguments: tuple[Any, ...], parts: int, most_threads: int) -> None:
    """Run `loop(*arguments, first, last)` over all parts [0, parts), cut between as many threads as torch would use.

    Args:
        loop: writes what belongs to its parts and nothing else, so that the cuts change no result.
        arguments, parts: its own; how many there are.
        most_threads: more than these the work is not worth.

    Raises:
        Exception: what a part raised, once all have ended.

    Example:
        >>> done = []
        >>> in_parts(lambda name, first, last: done.append((name, first, last)), ("a",), 8, 1)
        >>> done
        [('a', 0, 8)]
    """
    threads = max(1, min(torch.get_num_threads(), parts, most_threads))
    spans = list(pairwise(parts * cut // threads for cut in range(threads + 1)))
    if threads == 1:
        loop(*arguments, *spans[0])
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(loop, *arguments, *span) for span in spans[1:]]
        loop(*arguments, *spans[0])
        for other in others:
            other.result()
