"""Dropout and what surrounds it in a transformer's layer, in one pass over memory each.

    y = keep x / (1 - rate),   y = keep max(x, 0) / (1 - rate),   y = x + keep a / (1 - rate)

Reference: Srivastava et al. 2014, Dropout (JMLR 15). Bits are made where they are used, from the seed and the place of
the unit, so nothing is written down for the way back. All arrays are float32, flat and contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.compiling import kept
from mmcore.models.compiled.arithmetic import FAST, inlined, key, mixed

# Units under one pair of keys.
CHUNK = 4096
_ZERO = np.float32(0.0)


@inlined
def keeps(i, keys, drop):  # type: ignore[no-untyped-def]
    """Return whether unit i of a chunk is kept."""
    return mixed(np.uint32(i), np.uint32(keys), np.uint32(keys >> np.uint64(32))) >= np.uint32(drop)


def define(sources: int) -> dict[str, Any]:
    """Return functions to be compiled, by name; each takes a range of chunks, [first, last).

    A unit is dropped where its 32 bits are below `drop`; `scale` is what kept ones are multiplied by. `sources` is part
    of the key of the cache on disk.
    """

    def drop(x, drop, scale, seed, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `out` with kept units, scaled."""
        _ = sources  # numba keys its cache by what a function closes over
        for chunk in range(first, last):
            keys, part, y = key(seed, np.uint64(chunk)), x[chunk * CHUNK :][:CHUNK], out[chunk * CHUNK :][:CHUNK]
            for i in range(len(part)):
                y[i] = scale * part[i] if keeps(i, keys, drop) else _ZERO

    def drop_rectified(x, drop, scale, seed, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `out` with kept units, rectified and scaled."""
        _ = sources
        for chunk in range(first, last):
            keys, part, y = key(seed, np.uint64(chunk)), x[chunk * CHUNK :][:CHUNK], out[chunk * CHUNK :][:CHUNK]
            for i in range(len(part)):
                rectified = _ZERO if part[i] < _ZERO else part[i]
                y[i] = scale * rectified if keeps(i, keys, drop) else _ZERO

    def rectified_back(g, y, scale, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `out` with the scaled gradient where the result `y` is not 0."""
        _ = sources
        for chunk in range(first, last):
            part, result = g[chunk * CHUNK :][:CHUNK], y[chunk * CHUNK :][:CHUNK]
            x = out[chunk * CHUNK :][:CHUNK]
            for i in range(len(part)):
                x[i] = _ZERO if result[i] <= _ZERO else scale * part[i]

    def add_dropped(x, added, drop, scale, seed, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `out` with x and the kept units of `added`, scaled."""
        _ = sources
        for chunk in range(first, last):
            keys, y = key(seed, np.uint64(chunk)), out[chunk * CHUNK :][:CHUNK]
            part, more = x[chunk * CHUNK :][:CHUNK], added[chunk * CHUNK :][:CHUNK]
            for i in range(len(part)):
                y[i] = part[i] + (scale * more[i] if keeps(i, keys, drop) else _ZERO)

    functions = (drop, drop_rectified, rectified_back, add_dropped)
    return {each.__name__: kept(each, fastmath=FAST, error_model="numpy", nogil=True) for each in functions}
