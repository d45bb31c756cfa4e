"""Tiny worlds whose decomposition is known by formula; every estimator is tried on them.

Each is a joint table p(x1, x2, y). The sources of the truths: Williams and Beer (2010), Bertschinger et al. (2014); the
noisy ones by the data they share: with a binary symmetric channel of error e after a uniform bit, I = 1 - h(e).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np


def binary_entropy(e: float) -> float:
    return 0.0 if e in (0.0, 1.0) else float(-e * np.log2(e) - (1 - e) * np.log2(1 - e))


@dataclasses.dataclass(frozen=True)
class World:
    name: str
    p: np.ndarray
    redundancy: float
    unique1: float
    unique2: float
    synergy: float

    @property
    def atoms(self) -> dict[str, float]:
        return {k: getattr(self, k) for k in ("redundancy", "unique1", "unique2", "synergy")}


def gate(function: Callable[[int, int], int], n1: int = 2, n2: int = 2) -> np.ndarray:
    """Table of y = function(x1, x2) under independent uniform inputs."""
    values = np.array([[function(i, j) for j in range(n2)] for i in range(n1)])
    p = np.zeros((n1, n2, values.max() + 1))
    for i in range(n1):
        for j in range(n2):
            p[i, j, values[i, j]] += 1.0 / (n1 * n2)
    return p


def through(p: np.ndarray, error: float) -> np.ndarray:
    """Table after the binary label has passed a symmetric channel of that error."""
    return p @ np.array([[1 - error, error], [error, 1 - error]])


def same_source(error: float) -> np.ndarray:
    """X1 = X2 = a bit, the label is that bit with an error."""
    p = np.zeros((2, 2, 2))
    p[0, 0], p[1, 1] = (0.5 * (1 - error), 0.5 * error), (0.5 * error, 0.5 * (1 - error))
    return p


def product(*tables: np.ndarray) -> np.ndarray:
    """Independent worlds side by side: symbols and labels are pairs (first table the slowest)."""
    p = np.ones((1, 1, 1))
    for table in tables:
        shape = tuple(m * n for m, n in zip(p.shape, table.shape))
        p = np.einsum("ijk,abc->iajbkc", p, table).reshape(shape)
    return p


# One input of AND: I(X1;Y) = H(1/4) - 1/2 bit; both: H(1/4); Blackwell-equal channels, so nothing is unique.
_AND = binary_entropy(0.25)
_NOISE = 0.1
_CAPACITY = 1.0 - binary_entropy(_NOISE)

WORLDS = (
    World("AND", gate(lambda i, j: i & j), _AND - 0.5, 0.0, 0.0, 0.5),
    World("OR", gate(lambda i, j: i | j), _AND - 0.5, 0.0, 0.0, 0.5),
    World("XOR", gate(lambda i, j: i ^ j), 0.0, 0.0, 0.0, 1.0),
    World("SUM", gate(lambda i, j: i + j), 0.5, 0.0, 0.0, 1.0),
    World("COPY", gate(lambda i, j: 2 * i + j), 0.0, 1.0, 1.0, 0.0),
    World("UNQ1", gate(lambda i, j: i), 0.0, 1.0, 0.0, 0.0),
    World("UNQ2", gate(lambda i, j: j), 0.0, 0.0, 1.0, 0.0),
    World("RDN", same_source(0.0), 1.0, 0.0, 0.0, 0.0),
    World("MOD3", gate(lambda i, j: (i + j) % 3, 3, 3), 0.0, 0.0, 0.0, float(np.log2(3.0))),
    World("NOISY_RDN", same_source(_NOISE), _CAPACITY, 0.0, 0.0, 0.0),
    World("NOISY_XOR", through(gate(lambda i, j: i ^ j), _NOISE), 0.0, 0.0, 0.0, _CAPACITY),
    World("NOISY_UNQ1", through(gate(lambda i, j: i), _NOISE), 0.0, _CAPACITY, 0.0, 0.0),
    World("INDEPENDENT", np.full((3, 4, 2), 1.0 / 24), 0.0, 0.0, 0.0, 0.0),
    World("RDNXOR", product(same_source(0.0), gate(lambda i, j: i ^ j)), 1.0, 0.0, 0.0, 1.0),
    World(
        "RDNUNQXOR",
        product(same_source(0.0), gate(lambda i, j: 2 * i + j), gate(lambda i, j: i ^ j)),
        1.0,
        1.0,
        1.0,
        1.0,
    ),
)


def channel(error: float) -> np.ndarray:
    return np.array([[1 - error, error], [error, 1 - error]])


def planted(noise: tuple[float, float, float] = (0.05, 0.1, 0.15)) -> World:
    """4 x 4 x 8: X1 = (u, k), X2 = (v, l), label = (u, v, k xor l), each label bit with its own noise."""
    copy = gate(lambda i, j: 2 * i + j) @ np.kron(channel(noise[0]), channel(noise[1]))
    xor = through(gate(lambda i, j: i ^ j), noise[2])
    unique1, unique2, synergy = (1.0 - binary_entropy(e) for e in noise)
    return World("PLANTED", product(copy, xor), 0.0, unique1, unique2, synergy)


def planted_shared(noise: tuple[float, float] = (0.1, 0.15)) -> World:
    """4 x 4 x 4: X1 = (r, k), X2 = (r, l), label = (r, k xor l), each label bit with its own noise."""
    p = product(same_source(noise[0]), through(gate(lambda i, j: i ^ j), noise[1]))
    return World("PLANTED_SHARED", p, 1.0 - binary_entropy(noise[0]), 0.0, 0.0, 1.0 - binary_entropy(noise[1]))


def sample(p: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n rows (x1, x2, y) of symbols drawn from the table."""
    generator = np.random.default_rng(seed)
    flat = generator.choice(p.size, size=n, p=p.ravel())
    i, j, y = np.unravel_index(flat, p.shape)
    return i, j, y


def vectors(symbols: np.ndarray, n_symbols: int, seed: int, width: int = 6) -> np.ndarray:
    """Rows (N, width): each symbol as its own random vector, without loss."""
    return np.random.default_rng(seed).normal(size=(n_symbols, width))[symbols]
