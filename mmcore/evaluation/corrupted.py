"""A model's outputs on test rows under rising noise in one modality, or in several at once.

At level s one modality takes noise of level s, and k modalities at once take s / k each, as MultiBench has it for its
three ("all modalities", Liang et al. 2021). Only the rows asked for are corrupted; the noise's scale comes from the
training rows of the clean dataset, and a row's noise from its `sample_id`, so any split of the rows gives the same.
Nothing is trained again: this is noise at test, for models that learned from clean rows.
`corrupted_rows` yields the rows themselves, so that many models meet the same ones; "all" there is every modality at
the full level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from mmcore.data import Dataset
from mmcore.data.corruption import corrupt, fit_statistics
from mmcore.errors import InputError, unknown_name

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


ALL = "all"
"""Every modality was corrupted at the level."""


def corrupted_rows(
    ds: Dataset, rows: np.ndarray, train_rows: np.ndarray, *, levels: Sequence[float], seed: int
) -> Iterator[tuple[str, float, Dataset]]:
    """Yield noise, level and the rows as a dataset, with one modality corrupted at a time, then all of them.

    Args:
        ds: the clean dataset.
        rows: (n,) rows to corrupt.
        train_rows: the rows that the noise's scale comes from.
        levels: in [0, 1].
        seed: of the noise.

    Raises:
        InputError: as `corrupt`.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.eye(4)}, labels=[0, 1, 0, 1], split=["train"] * 3 + ["test"])
        >>> found = corrupted_rows(ds, np.array([3]), np.arange(3), levels=[1.0], seed=0)
        >>> [(noise, level, len(noisy)) for noise, level, noisy in found]
        [('a', 1.0, 1), ('b', 1.0, 1), ('all', 1.0, 1)]
    """
    clean, names = ds.select(rows), ds.modalities
    statistics = {name: fit_statistics(ds, name, train_rows) for name in names}
    for level in levels:
        every = clean
        for name in names:
            # A dropped number becomes the training mean: zero of the standardised inputs, whatever the unit.
            one = corrupt(clean, name, level, seed=seed, fill="mean", statistics=statistics[name])
            every = every.replace({name: one[name]})
            yield name, level, one
        if len(names) > 1:
            yield ALL, level, every


def predict_corrupted(
    predict: Callable[[Dataset, np.ndarray], np.ndarray], ds: Dataset, rows: np.ndarray,
    modalities: str | Sequence[str], *, seed: int, levels: Sequence[float] = LEVELS,
    methods: Mapping[str, str | Sequence[str]] | None = None,
) -> dict[float, np.ndarray]:  # fmt: skip
    """Return the model's outputs at each noise level.

    Args:
        predict: `predict(dataset, rows) -> (n, outputs)`, such as `mmcore.training.predict` of one model.
        ds: the clean dataset, with its training rows.
        rows: (n,) rows to corrupt and predict.
        modalities: one name, or several to corrupt at once.
        seed: of the noise.
        levels: in [0, 1], rising from 0.
        methods: modality -> what `corrupt` takes as its method; the default of its kind where none is given.

    Returns:
        level -> (n, outputs) in the order of `rows`; level 0 is on the clean rows.

    Raises:
        InputError: for an unknown or repeated modality, levels that do not rise from 0, outputs of another number of
            rows, or as `corrupt`.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.eye(4)}, labels=[0, 1, 0, 1], split=["train"] * 3 + ["test"])
        >>> sums = lambda data, rows: data["a"][rows].sum(axis=1, keepdims=True)
        >>> out = predict_corrupted(sums, ds, np.array([3]), "a", seed=0, levels=(0.0, 1.0))
        >>> out[0.0].tolist(), out[1.0].tolist()
        ([[1.0]], [[0.0]])
    """
    names = [modalities] if isinstance(modalities, str) else list(modalities)
    for name in [*names, *(methods or {})]:
        if name not in ds.modalities:
            raise unknown_name("modalities", name, ds.modalities)
    if not names or len(set(names)) != len(names):
        raise InputError("modalities", names, "one or more distinct names", "Name each once.")
    given = [float(level) for level in levels]
    if not given or given[0] != 0.0 or any(b <= a for a, b in pairwise(given)):
        raise InputError("levels", given, "rising levels from 0", "Start with 0, the clean data.")
    statistics = {name: fit_statistics(ds, name) for name in names}
    clean, places = ds.select(rows), np.arange(len(rows))
    outputs = {}
    for level in given:
        noisy = clean
        for name in names:
            noisy = corrupt(noisy, name, level / len(names), seed=seed, method=(methods or {}).get(name),
                            statistics=statistics[name])  # fmt: skip
        values = np.asarray(predict(noisy, places))
        if values.ndim != 2 or len(values) != len(rows):
            raise InputError("predict", f"shape {values.shape}", f"({len(rows)}, outputs)", "Return a row a sample.")
        outputs[level] = values
    return outputs
