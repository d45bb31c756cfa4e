"""Several threads for one compiled loop, which holds no lock while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
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
        Exception: the first that a part raised, once all have ended.

    Example:
        >>> done = []
        >>> in_parts(lambda name, first, last: done.append((name, first, last)), ("a",), 8, 1)
        >>> done
        [('a', 0, 8)]
    """
    threads = max(1, min(torch.get_num_threads(), parts, most_threads))
    spans, failed = list(pairwise(parts * cut // threads for cut in range(threads + 1))), []

    def run(span: tuple[int, int]) -> None:
        try:
            loop(*arguments, *span)
        except Exception as error:  # whatever it is, the caller gets it
            failed.append(error)

    others = [threading.Thread(target=run, args=(span,)) for span in spans[1:]]
    for thread in others:
        thread.start()
    run(spans[0])
    for thread in others:
        thread.join()
    if failed:
        raise failed[0]
