"""The space of a fusion search: layers, one-layer extensions, and which of the scored ones are looked at next.

    T_t = (T_0 - T_f) exp(-(t + 1)^2 / s^2) + T_f,   t = iteration * levels + level,   T_0 = 10, T_f = 0.2, s = 4
    p_i proportional to (score_i / sum_j score_j)^(1 / T)

Reference: Perez-Rua et al. 2019, MFAS (CVPR), sections 3.2 and 3.3; the progressive search of Liu et al. 2018,
Progressive neural architecture search (ECCV). The published code counts t as iteration * iterations + level, so that
temperatures come twice; here they fall at every step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from mmcore.errors import InputError
from mmcore.models.fusions.searched import Architecture

START_TEMPERATURE, END_TEMPERATURE, DECAY = 10.0, 0.2, 4.0


def layer_choices(
    n_modalities: int, depth: int, activations: int, *, at_most: int, generator: np.random.Generator
) -> list[tuple[int, ...]]:
    """Return every fusion layer, in order; where there are more than `at_most`, so many drawn ones.

    Example:
        >>> layer_choices(2, 1, 2, at_most=10, generator=np.random.default_rng(0))
        [(0, 0, 0), (0, 0, 1)]
    """
    limits = [depth] * n_modalities + [activations]
    if math.prod(limits) <= at_most:
        return list(itertools.product(*map(range, limits)))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < at_most:
        drawn.add(tuple(int(generator.integers(limit)) for limit in limits))
    return sorted(drawn)


def extensions(
    architectures: Iterable[Architecture], level: int, choices: Sequence[tuple[int, ...]]
) -> list[Architecture]:
    """Return each architecture with its layer `level` replaced, or appended where it has none yet; each once.

    Example:
        >>> extensions([((0, 0, 0),), ((1, 1, 0),)], 0, [(0, 1, 0)])
        [((0, 1, 0),)]
        >>> extensions([((0, 0, 0),)], 1, [(0, 1, 0)])
        [((0, 0, 0), (0, 1, 0))]
    """
    found: dict[Architecture, None] = {}
    for architecture in architectures:
        for layer in choices:
            found[(*architecture[:level], layer, *architecture[level + 1 :])] = None
    return list(found)


def temperature(step: int) -> float:
    """Return the temperature after step t = iteration * levels + level, from 0.

    Example:
        >>> [round(temperature(step), 2) for step in (0, 3, 20)]
        [9.41, 3.81, 0.2]
    """
    fall = math.exp(-((step + 1) ** 2) / DECAY**2)
    return (START_TEMPERATURE - END_TEMPERATURE) * fall + END_TEMPERATURE


def sampling_distribution(scores: Sequence[float] | np.ndarray, temperature: float) -> Float[np.ndarray, " n"]:
    """Return the probabilities of architectures with these scores, (n,) that sum to 1; equal where all scores are 0.

    Raises:
        InputError: for a negative score, one that is not finite, or a temperature that is not above 0.

    Example:
        >>> sampling_distribution([0.2, 0.8], 1.0).tolist()
        [0.2, 0.8]
    """
    values = np.asarray(scores, dtype=np.float64)
    if not temperature > 0:
        raise InputError("temperature", temperature, "a number above 0", "Correct the value.")
    if values.size == 0 or not np.isfinite(values).all() or values.min() < 0:
        raise InputError("scores", values.tolist(), "finite numbers, 0 or more", "Score every architecture.")
    if values.max() == 0:
        return np.full(len(values), 1.0 / len(values))
    raw = (values / values.max()) ** (1.0 / temperature)
    return raw / raw.sum()


def sampled(
    architectures: Sequence[Architecture],
    scores: Sequence[float] | np.ndarray,
    temperature: float,
    count: int,
    generator: np.random.Generator,
) -> list[Architecture]:
    """Return `count` different architectures (or all that have a chance), drawn without replacement."""
    chances = sampling_distribution(scores, temperature)
    size = min(count, int(np.count_nonzero(chances)))
    drawn = generator.choice(len(architectures), size=size, replace=False, p=chances, shuffle=False)
    return [architectures[int(index)] for index in drawn]
