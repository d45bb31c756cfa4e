"""What noise must know of the training rows: spread, mean, range, donors or token frequencies of each feature.

    mean_j, std_j, low_j, high_j   over the present training rows, NaN left out (std with 1 / n)

A feature is one column of the last axis: a channel of an image or of a sequence, a column of a table. Noise in units
of `std_j` means the same in every feature; noise of one fixed size (facts of the reference toolkit) drowns a feature
in millivolts and leaves one in pascals untouched. Arrays are read in pieces, so they may be memory-mapped.
Reference for merging the pieces' moments: Chan, Golub & LeVeque 1983, The American Statistician 37(3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmcore.data.dataset import Array, Dataset
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError

CHUNK_NUMBERS = 2**21  # 16 MiB as float64
N_DONORS = 512
_SEQUENTIAL = ("audio", "timeseries")


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Training statistics of one modality's d features.

    Attributes:
        modality: its name.
        mean, std, low, high: (d,) float64; empty for raw text and tokens.
        donors: (k, ...) whole training samples, evenly spaced, at most 512; empty unless samples are vectors.
        tokens, frequencies: (v,) token ids seen in training without 0 (padding) and their shares; empty unless tokens.
        n_rows: number of training rows used.
    """

    modality: str
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    donors: np.ndarray
    tokens: np.ndarray
    frequencies: np.ndarray
    n_rows: int


def form_of(ds: Dataset, modality: str) -> str:
    """Return how a modality is corrupted: its kind, refined by what it holds.

    Returns:
        `raw_text` (strings), `tokens` (text as whole numbers), `timeseries` (also word vectors in sequence),
        `embedding` (also one text vector a sample), `image`, `audio`, `tabular` or `set`.

    Raises:
        InputError: for a graph, truth values, or an image without height, width and channels.

    Example:
        >>> from mmcore.data import from_arrays
        >>> form_of(from_arrays({"note": ["a b", "c"]}, labels=[0, 1], split=["train", "test"]), "note")
        'raw_text'
    """
    spec = ds.spec.modality(modality)
    if spec.dtype == "str":
        return "raw_text"
    if spec.kind == "graph" or np.dtype(spec.dtype).kind not in "fiu":
        raise InputError(f"kind of {modality}", f"{spec.kind} of {spec.dtype}", "numbers or text, no graph",
                         "Corrupt another modality, or declare another kind.")  # fmt: skip
    if spec.kind == "image" and len(spec.shape) < 3:
        raise InputError(f"shape of {modality}", spec.shape, "(..., height, width, channels)",
                         "Add the channel axis, or declare another kind.")  # fmt: skip
    if spec.kind == "text" and np.dtype(spec.dtype).kind in "iu":
        return "tokens"
    if spec.kind in ("text", "embedding"):
        return "timeseries" if len(spec.shape) > 1 else "embedding"
    return spec.kind


def with_feature_axis(sample: np.ndarray, form: str) -> np.ndarray:
    """Return one sample with its features last: a signal (t,) becomes (t, 1), all else stays.

    Example:
        >>> with_feature_axis(np.zeros(5), "audio").shape, with_feature_axis(np.zeros(5), "tabular").shape
        ((5, 1), (5,))
    """
    return sample[:, None] if form in _SEQUENTIAL and sample.ndim == 1 else sample


def fit_statistics(ds: Dataset, modality: str, rows: np.ndarray | None = None) -> FeatureStatistics:
    """Return the statistics of a modality over training rows.

    Args:
        ds: the dataset, clean.
        modality: name.
        rows: (n,) row numbers; None: the rows of the `train` split. Rows without the modality are left out.

    Raises:
        InputError: for an unknown modality, a form that has no noise, or no row to learn from.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": [[0.0, 5.0], [2.0, 5.0]]}, labels=[0, 1], split=["train", "train"])
        >>> fit_statistics(ds, "a").std.tolist()
        [1.0, 0.0]
    """
    form = form_of(ds, modality)
    chosen = np.asarray(ds.rows("train") if rows is None else rows, dtype=np.int64)
    chosen = chosen[ds.presence(modality)[chosen]]
    if not len(chosen) and form != "raw_text":
        raise InputError(f"training rows of {modality}", "none that has the modality", "at least one",
                         "Fit the statistics on the training data and pass them as statistics=.")  # fmt: skip
    array, nothing = ds[modality], np.zeros(0)
    if form == "raw_text":
        return FeatureStatistics(modality, nothing, nothing, nothing, nothing, nothing, nothing, nothing, len(chosen))
    if form == "tokens":
        tokens, shares = _token_frequencies(array, chosen)
        return FeatureStatistics(modality, nothing, nothing, nothing, nothing, nothing, tokens, shares, len(chosen))
    moments = _moments(array, chosen, form)
    donors = nothing
    if isinstance(array, np.ndarray) and array.ndim == 2 and form not in _SEQUENTIAL:
        places = np.unique(np.linspace(0, len(chosen) - 1, min(N_DONORS, len(chosen))).round().astype(int))
        donors = np.asarray(array[chosen[places]], dtype=np.float64)
    return FeatureStatistics(modality, *moments, donors, nothing, nothing, len(chosen))


def _blocks(array: Array, rows: np.ndarray, form: str) -> Iterator[np.ndarray]:
    """(m, d) float64 pieces of the given rows, features last."""
    if isinstance(array, Ragged):
        for row in rows.tolist():
            sample = np.asarray(array[row], dtype=np.float64)
            yield sample.reshape(-1, sample.shape[-1])
        return
    step = max(1, CHUNK_NUMBERS // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(rows), step):
        block = np.asarray(array[rows[start : start + step]], dtype=np.float64)
        yield block.reshape(-1, 1) if form in _SEQUENTIAL and block.ndim == 2 else block.reshape(-1, block.shape[-1])


def _width(array: Array, form: str) -> int:
    if isinstance(array, Ragged):
        return int(array.values.shape[-1])
    return 1 if form in _SEQUENTIAL and array.ndim == 2 else int(array.shape[-1])


def _moments(array: Array, rows: np.ndarray, form: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, std, low and high, (d,) each; a feature without any value has mean 0, std 0 and range [0, 0]."""
    width = _width(array, form)
    count, mean, squares = np.zeros(width), np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for block in _blocks(array, rows, form):
        seen = ~np.isnan(block)
        n = seen.sum(axis=0)
        centre = np.divide(np.where(seen, block, 0.0).sum(axis=0), n, out=np.zeros(width), where=n > 0)
        spread = (np.where(seen, block - centre, 0.0) ** 2).sum(axis=0)
        total = np.maximum(count + n, 1)
        squares += spread + (centre - mean) ** 2 * count * n / total
        mean += (centre - mean) * n / total
        count += n
        if len(block):
            low = np.minimum(low, np.where(seen, block, np.inf).min(axis=0))
            high = np.maximum(high, np.where(seen, block, -np.inf).max(axis=0))
    empty = count == 0
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    # a constant feature has no spread; what rounding leaves of it would be noise in a feature that has none
    std = np.where(low == high, 0.0, np.sqrt(squares / np.maximum(count, 1)))
    return mean, std, low, high


def _token_frequencies(array: Array, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts: dict[int, int] = {}
    for block in _blocks(array, rows, "tokens"):
        for token, n in zip(*np.unique(block.astype(np.int64), return_counts=True)):
            counts[int(token)] = counts.get(int(token), 0) + int(n)
    counts.pop(0, None)
    tokens = np.array(sorted(counts), dtype=np.int64)
    shares = np.array([counts[int(token)] for token in tokens], dtype=float)
    return tokens, shares / shares.sum() if len(shares) else shares
