"""The compiled loops, from the disk or compiled, which is said; `python -m` this module compiles all of them.

`make setup` does it before anybody waits for a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from mmcore import compiling
from mmcore.models.compiled import LANES, arithmetic, attention, dropout, low_rank, products, recurrence, tiles


@cache
def attention_loops() -> tuple[Any, Any, Any]:
    """Return `attention.define`'s functions, for float32.

    Example:
        >>> [len(loop.signatures) for loop in attention_loops()]
        [1, 1, 1]
    """
    it = attention.blocks((1, 1, 1, 1), (1, 1, 1, 1))
    rows = np.empty((2, 2, 2, 2), np.float32)[:, ::2, :, ::2]  # of any layout
    rule = attention.Rule(np.ones((1, 1), np.uint8), np.ones((1, 0, 1, LANES), np.uint8), 0, np.uint64(0))
    scale, first, last = np.float32(1.0), 0, 1
    samples = (
        (rows, rows, rows, scale, rule, it, rows, first, last),
        (rows, scale, rule, it, rows, rows, rows, first, last),
        (rule, it.k, first, last),
    )
    loops = attention.define(compiling.sources((arithmetic, attention)))
    compiling.compile_for(zip(loops, samples), "loops of attention", 10)
    return loops


def _compiled(module: Any, samples: Mapping[str, Sequence[Any]], what: str, seconds: int, *used: Any) -> dict[str, Any]:
    """Return the module's functions by name, compiled for their samples; `used` are further modules it is made of."""
    loops: dict[str, Any] = module.define(compiling.sources((arithmetic, *used, module)))
    compiling.compile_for([(loop, samples[name]) for name, loop in loops.items()], f"loops of {what}", seconds)
    return loops


@cache
def dropout_loops() -> dict[str, Any]:
    """Return `dropout.define`'s functions, by name.

    Example:
        >>> sorted(dropout_loops())
        ['add_dropped', 'drop', 'drop_rectified', 'rectified_back']
    """
    x, level, scale, seed = np.empty(2, np.float32), 0, np.float32(1.0), np.uint64(0)
    samples = {
        "drop": (x, level, scale, seed, x, 0, 1),
        "drop_rectified": (x, level, scale, seed, x, 0, 1),
        "rectified_back": (x, x, scale, x, 0, 1),
        "add_dropped": (x, x, level, scale, seed, x, 0, 1),
    }
    return _compiled(dropout, samples, "dropout", 4)


@cache
def product_loops() -> dict[str, Any]:
    """Return `products.define`'s functions, by name.

    Example:
        >>> sorted(product_loops())
        ['outer', 'outer_back']
    """
    two, three = np.empty((1, 1), np.float32), np.empty((1, 1, 1), np.float32)
    samples = {"outer": (two, two, three, 0, 1), "outer_back": (two, two, three, two, two, 0, 1)}
    return _compiled(products, samples, "products", 3, tiles)


@cache
def low_rank_loops() -> dict[str, Any]:
    """Return `low_rank.define`'s functions, by name.

    Example:
        >>> sorted(low_rank_loops())
        ['back', 'forth', 'sums']
    """
    one, two, four = (np.empty((1,) * axes, np.float32) for axes in (1, 2, 4))
    addresses = np.empty((1, 4), np.int64)
    samples = {
        "forth": (addresses, one, one, four, two, 0, 1),
        "back": (addresses, addresses, one, four, two, one, four, 0, 1),
        "sums": (addresses, two, one, four, one, one),
    }
    return _compiled(low_rank, samples, "low-rank fusion", 6, tiles)


@cache
def recurrence_loops() -> dict[str, Any]:
    """Return `recurrence.define`'s functions, by name.

    Example:
        >>> sorted(recurrence_loops())
        ['gru_back', 'gru_forth', 'gru_step', 'gru_step_back', 'pack']
    """
    x, one, three = (np.empty((1,) * axes, np.float32) for axes in (2, 1, 3))
    steps = np.empty(1, np.int64)
    samples = {
        "gru_step": (x, one, x, x, x, 0, 1, 0),
        "gru_step_back": (x, x, x, x, x, x, 0, 1, 0),
        "pack": (np.empty((2, 2), np.float32)[:, ::2], three),  # of any layout
        "gru_forth": (x, one, x, x, three, one, steps, steps, 0, 1),
        "gru_back": (x, x, x, x, x, x, three, steps, steps, 0, 1),
    }
    return _compiled(recurrence, samples, "recurrence", 8, tiles)


if __name__ == "__main__":
    attention_loops()
    dropout_loops()
    low_rank_loops()
    product_loops()
    recurrence_loops()
