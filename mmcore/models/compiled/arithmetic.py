"""Arithmetic of compiled kernels, written so that LLVM makes vector instructions of it.

    e^x = 2^n 2^r,   n = round(x log2 e),   2^r for |r| <= 1/2 by its series to r^6

Reference: the series is Taylor's of 2^r; its remainder, (ln 2 / 2)^7 / 7! = 1.2e-7, is that of rounding in float32.
Random bits: a 32-bit counter, spread by Weyl's multiplication, is mixed with two 32-bit keys by two rounds of
multiplication and shift (the constants are those of Ettinger's `lowbias32`); the keys come from SplitMix64 (Steele, Lea
and Flood 2014, Fast splittable pseudorandom number generators, OOPSLA). Counters need no memory: the way back draws the
same bits again.
numba calls the C library for `exp`, one number at a time; that is what all this avoids.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Sums may be taken in another order and products contracted; infinities and NaN keep their meaning: a loss that is not
# finite must be seen. Comparisons below are written so that NaN falls into the branch that keeps it.
FAST = {"nsz", "contract", "reassoc", "arcp"}
inlined = njit(fastmath=FAST, inline="always", error_model="numpy")

_ONE, _HALF, _LOWEST = np.float32(1.0), np.float32(0.5), np.float32(-126.0)
_LOG2_E = np.float32(1.4426950408889634)
_C1, _C2, _C3 = np.float32(0.6931471805599453), np.float32(0.2402265069591007), np.float32(0.05550410866482158)
_ZERO, _TWO, _LARGEST = np.float32(0.0), np.float32(2.0), np.float32(87.0)
_NEAR, _SATURATED = np.float32(0.625), np.float32(20.0)
_T0, _T1, _T2 = np.float32(-3.33332819422e-1), np.float32(1.33314422036e-1), np.float32(-5.37397155531e-2)
_T3, _T4 = np.float32(2.06390887954e-2), np.float32(-5.70498872745e-3)
_C4, _C5, _C6 = np.float32(0.009618129107628477), np.float32(0.0013333558146428443), np.float32(0.00015403530393381608)


@intrinsic
def _float_of_bits(context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def floats_at(context: Any, address: Any) -> Any:
    """Return an address as a pointer to numbers of float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.FloatType().as_pointer())

    return types.CPointer(types.float32)(types.int64), generate


@inlined
def exponential(x):  # type: ignore[no-untyped-def]
    """Return e^x of a float32 below 88; 0 below -87.3, where float32 has no normal number; NaN of NaN."""
    y = x * _LOG2_E
    limited = _LOWEST if y < _LOWEST else y
    whole = np.floor(limited + _HALF)
    r = limited - whole
    power = _ONE + r * (_C1 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    bits = (np.int32(whole if whole == whole else _ZERO) + np.int32(127)) << np.int32(23)
    scaled = power * _float_of_bits(bits)  # type: ignore[call-arg]
    return _ZERO if y <= _LOWEST else scaled


@inlined
def sigmoid(x):  # type: ignore[no-untyped-def]
    """Return 1 / (1 + e^-x) of a float32."""
    return _ONE / (_ONE + exponential(_LARGEST if -x > _LARGEST else -x))


@inlined
def hyperbolic_tangent(x):  # type: ignore[no-untyped-def]
    """Return tanh x of a float32: near 0 by Moshier's polynomial (Cephes, `tanhf`), else by e^2|x|."""
    size = abs(x)
    square = x * x
    near = x + x * square * (_T0 + square * (_T1 + square * (_T2 + square * (_T3 + square * _T4))))
    far = _ONE - _TWO / (exponential(_TWO * (_SATURATED if size > _SATURATED else size)) + _ONE)
    return near if size < _NEAR else (far if x > _ZERO else -far)


@inlined
def mixed(counter, first, second):  # type: ignore[no-untyped-def]
    """Return 32 random bits of a counter and two keys, all of 32 bits."""
    x = np.uint32(np.uint32(counter * np.uint32(0x9E3779B9)) + first)
    x = np.uint32((x ^ np.uint32(x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ np.uint32(x >> np.uint32(15)) ^ second) * np.uint32(0x846CA68B))
    return np.uint32(x ^ np.uint32(x >> np.uint32(16)))


@inlined
def key(seed, index):  # type: ignore[no-untyped-def]
    """Return 64 bits of a seed and an index, both of 64 bits, whose halves are two keys."""
    z = np.uint64(seed + (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    z = np.uint64((z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9))
    z = np.uint64((z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB))
    return np.uint64(z ^ (z >> np.uint64(31)))
