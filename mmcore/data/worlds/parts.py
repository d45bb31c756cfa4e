"""Parts of a controlled world: independent small systems, each of which decides one component of the label.

    shared     all its modalities show c                       component = c + e
    unique     its one modality shows u                        component = u + e
    synergy    its modalities show s_1, .., s_n                component = s_1 + .. + s_n + e
    gate       its modalities show bits s_1, .., s_n           component = s_1 s_2 .. s_n + e           (and)
    nuisance   all its modalities show c                       none

Symbols are independent and uniform on 0..k-1, sums are modulo k. e is not 0 with probability `noise`, and then any
other value alike; each modality shows its symbol plus an error of its own, not 0 with probability `blur`. Such a
channel of error e tells C(k, e) = log2 k - h(e) - e log2(k-1) bits of a uniform symbol (Cover and Thomas 2006, 7.2).

Reference: Bertschinger et al. 2014, Quantifying unique information, whose examples RDN, UNQ, XOR and AND these are.
"""

from __future__ import annotations

import dataclasses
import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

KINDS = ("shared", "unique", "synergy", "gate", "nuisance")


@dataclasses.dataclass(frozen=True)
class Part:
    """One independent system of a world.

    Args:
        kind: one of `KINDS`.
        modalities: places of the modalities that show a symbol of it.
        levels: k, symbols of each; 2 for a gate.
        noise: chance that its component of the label is another value, 0 to (k-1)/k.
        blur: chance, in each modality apart, that another symbol is shown, 0 to (k-1)/k.

    Raises:
        InputError: for an unknown kind, or a number out of range.

    Example:
        >>> Part("synergy", (0, 1)).table()[:, :, 1].tolist()       # exclusive or
        [[0.0, 0.25], [0.25, 0.0]]
    """

    kind: str
    modalities: tuple[int, ...]
    levels: int = 2
    noise: float = 0.0
    blur: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("kind", self.kind, KINDS)
        places, count = self.modalities, len(self.modalities)
        most = {"unique": 1, "synergy": 6, "gate": 6}.get(self.kind, 6)
        least = 2 if self.kind in ("synergy", "gate") else 1
        if len(set(places)) != count or min(places, default=-1) < 0 or not least <= count <= most:
            allowed = f"{least} to {most} different places >= 0 for a part of kind '{self.kind}'"
            raise InputError("modalities", places, allowed, "Name the modalities that show this part.")
        if self.levels < 2 or self.levels > 8 or (self.kind == "gate" and self.levels != 2):
            raise InputError("levels", self.levels, "2 to 8, and 2 for a gate", "Pass fewer symbols.")
        for argument in ("noise", "blur"):
            value, largest = getattr(self, argument), (self.levels - 1) / self.levels
            if not 0.0 <= value <= largest:
                raise InputError(argument, value, f"0 to {largest:g}", "Give the chance of another symbol.")

    @property
    def n_values(self) -> int:
        """Number of values of its component of the label; 1 where it has none."""
        return 1 if self.kind == "nuisance" else self.levels

    def table(self) -> Float:
        """Return the joint probabilities (k, .., k, n_values): an axis for each modality, the component last."""
        k, count = self.levels, len(self.modalities)
        p = np.zeros((*(k,) * count, self.n_values))
        if self.kind in ("shared", "unique", "nuisance"):
            for symbol in range(k):
                p[(*(symbol,) * count, symbol % self.n_values)] = 1.0 / k
        else:
            for symbols in product(range(k), repeat=count):
                value = min(symbols) if self.kind == "gate" else sum(symbols) % k
                p[(*symbols, value)] = k**-count
        blurred = symmetric_channel(k, self.blur)
        for axis in range(count):
            p = np.moveaxis(np.tensordot(p, blurred, axes=(axis, 0)), -1, axis)
        return p if self.n_values == 1 else p @ symmetric_channel(k, self.noise)

    def marginal(self, places: tuple[int, ...]) -> Float:
        """Return the table of the modalities at `places` alone: an axis each (of size 1 where it shows nothing)."""
        hidden = tuple(axis for axis, place in enumerate(self.modalities) if place not in places)
        shown = [place for place in self.modalities if place in places]
        p = self.table().sum(axis=hidden).transpose(*np.argsort(shown), len(shown))
        shape = [self.levels if place in shown else 1 for place in sorted(places)]
        order = [sorted(places).index(place) for place in places]
        return np.asarray(p.reshape(*shape, self.n_values).transpose(*order, len(places)))


def symmetric_channel(levels: int, error: float) -> Float:
    """Return the matrix (k, k) that keeps a symbol with probability 1 - error and else takes any other alike.

    Example:
        >>> symmetric_channel(3, 0.2).round(3).tolist()[0]
        [0.8, 0.1, 0.1]
    """
    other = error / (levels - 1)
    return np.full((levels, levels), other) + (1.0 - error - other) * np.eye(levels)


def channel_information(levels: int, error: float) -> float:
    """Return C(k, e), the bits that a symmetric channel tells of a uniform symbol.

    Example:
        >>> channel_information(4, 0.0), channel_information(2, 0.5)
        (2.0, 0.0)
    """
    spread = sum(p * math.log2(p) for p in (error, 1.0 - error) if p > 0.0)
    return math.log2(levels) + spread - error * math.log2(levels - 1)


def error_for(levels: int, bits: float) -> float:
    """Return the error e with C(k, e) = bits, between 0 and (k-1)/k, to rounding.

    Raises:
        InputError: for more bits than the symbol holds, or less than none.

    Example:
        >>> round(error_for(2, 0.5), 4)
        0.11
    """
    if not 0.0 <= bits <= math.log2(levels):
        raise InputError("bits", bits, f"0 to {math.log2(levels):g}", "Pass more levels, or fewer bits.")
    low, high = 0.0, (levels - 1) / levels
    for _ in range(60):  # C falls in e; sixty halvings reach the last digit
        middle = 0.5 * (low + high)
        low, high = (middle, high) if channel_information(levels, middle) > bits else (low, middle)
    return 0.5 * (low + high)


def sample(part: Part, n: int, *, seed: int, names: tuple[object, ...]) -> tuple[dict[int, Codes], Codes]:
    """Return the symbols (n,) that each modality shows, by its place, and the component of the label (n,).

    The first rows do not depend on `n`.

    Args:
        part: to draw from.
        n: rows.
        seed: of the streams.
        names: of the streams, so that parts and splits are independent.

    Example:
        >>> shown, component = sample(Part("synergy", (0, 1)), 5, seed=0, names=("doctest",))
        >>> bool(((shown[0] ^ shown[1]) == component).all())
        True
    """

    def uniform(*purpose: object) -> Float:
        return stream(seed, "controlled", *names, *purpose).random(n)

    def shifted(symbols: Codes, error: float, *purpose: object) -> Codes:
        """Add a uniform shift of 1..k-1 where the draw falls below the error."""
        if error == 0.0:
            return symbols
        draw = uniform(*purpose)
        shift = 1 + np.minimum((draw / error * (part.levels - 1)).astype(np.int64), part.levels - 2)
        return np.where(draw < error, (symbols + shift) % part.levels, symbols)

    together = part.kind in ("shared", "nuisance")
    true = {
        place: (uniform("symbol", 0 if together else place) * part.levels).astype(np.int64) for place in part.modalities
    }
    values = np.stack(list(true.values()))
    if together or part.kind == "gate":
        component = values.min(axis=0)
    else:
        component = values.sum(axis=0) % part.levels
    shown = {place: shifted(symbols, part.blur, "blur", place) for place, symbols in true.items()}
    if part.n_values == 1:
        return shown, np.zeros(n, dtype=np.int64)
    return shown, shifted(component, part.noise, "noise")
