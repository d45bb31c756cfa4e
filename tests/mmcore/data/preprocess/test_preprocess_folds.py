"""Which steps stay the same when the rows that a fold tests are left out of the fit: told by the record, and measured.

A step that only scales gives, fitted on other training rows, columns that are affine in the first: after each is
standardised nothing differs. Where the record says that more was fitted, something does.
"""

from __future__ import annotations

import numpy as np
import pytest

from mmcore.data import Dataset, from_arrays
from mmcore.data.preprocess import fit_preprocessing
from mmcore.data.ragged import Ragged

N = 48
RNG = np.random.default_rng(5)
TABLE = RNG.gamma(2.0, size=(N, 3))
GAPS = np.where(RNG.random((N, 3)) < 0.2, np.nan, TABLE)
GAPS[:, 0] = TABLE[:, 0]  # no row lacks every column: it would be absent
SKEWED = TABLE.copy()
SKEWED[5, 1] = 1e4  # the skewness that calls for a logarithm comes from one row of fold 0
SERIES = RNG.normal(size=(N, 20, 2))
SILENT = SERIES.copy()
SILENT[3, :, 1] = np.nan  # a channel of a sample without any step
LENGTHS = 12 + np.arange(N) % 9 + np.where(np.arange(N) < 12, 12, 0)
RAGGED = [RNG.normal(size=(length, 2)) for length in LENGTHS]
TEXT = np.array([" ".join(f"w{w}" for w in RNG.integers(row // 8, row // 8 + 6, 5)) for row in range(N)])
SOUND = [RNG.normal(size=400 + 40 * length) * 0.1 for length in LENGTHS]
PHOTO = RNG.normal(size=(N, 4, 4, 3))

CASES = {
    "complete table": ("tabular", TABLE, {}, False),
    "table with gaps": ("tabular", GAPS, {}, True),
    "gaps with a constant": ("tabular", GAPS, {"impute": "constant"}, False),
    "logarithm by skewness": ("tabular", SKEWED, {"log": "auto"}, True),
    "embedding": ("embedding", TABLE, {}, False),
    "robust embedding": ("embedding", TABLE, {"scaling": "robust"}, False),
    "summary": ("timeseries", SERIES, {}, False),
    "summary of any length": ("timeseries", RAGGED, {}, True),
    "a channel without steps": ("timeseries", SILENT, {"correlations": "none"}, True),
    "raw": ("timeseries", SERIES, {"representation": "raw"}, False),
    "raw, padded": ("timeseries", SERIES + 1, {"representation": "raw", "length": 24}, True),
    "tf-idf": ("text", TEXT, {"components": None}, True),
    "tf-idf and directions": ("text", TEXT, {"components": 4}, True),
    "hashing": ("text", TEXT, {"method": "hashing", "dimensions": 16}, False),
    "image": ("image", PHOTO, {"grayscale": True, "resize": [2, 2]}, False),
    "sound": ("audio", SOUND, {"bands": 4}, False),
    "spectrogram": ("audio", SOUND, {"bands": 4, "representation": "spectrogram"}, True),
    "spectrogram of given length": ("audio", SOUND, {"bands": 4, "representation": "spectrogram", "frames": 5}, False),
}


def dataset(kind: str, content: object, *, folds: bool = True, split: list[str] | None = None) -> Dataset:
    rates = {"m": 8000.0} if kind == "audio" else None
    return from_arrays(
        {"m": content}, labels=np.arange(N) % 2, name="my", kinds={"m": kind}, rates=rates,
        groups=[f"p{row // 12}" for row in range(N)], folds=np.arange(N) // 12 if folds else None,
        split=split or ["train"] * 36 + ["test"] * 12,
    )  # fmt: skip


def standardised(ds: Dataset) -> np.ndarray:
    """The columns as a model that standardises on all rows sees them."""
    array = ds["m"]
    values = np.asarray(array.values if isinstance(array, Ragged) else array, dtype=float)
    flat = values.reshape(-1, values.shape[-1] if values.ndim < 4 else 1)
    return (flat - flat.mean(axis=0)) / np.where(flat.std(axis=0) > 1e-9, flat.std(axis=0), 1.0)


@pytest.mark.parametrize("name", CASES)
def test_the_record_says_whether_leaving_a_fold_out_of_the_fit_changes_more_than_a_scale(name):
    kind, content, options, expected = CASES[name]
    ds = dataset(kind, content)
    out = fit_preprocessing(ds, {kind: options}, seed=0).apply(ds)
    assert out.spec.annotations["preprocessing"]["m"]["fitted_across_folds"] is expected
    without = dataset(kind, content, split=["valid"] * 12 + ["train"] * 24 + ["test"] * 12)  # fold 0 not in the fit
    other = fit_preprocessing(without, {kind: options}, seed=0).apply(ds)
    first, second = standardised(out), standardised(other)
    same = first.shape == second.shape and np.allclose(first, second, atol=2e-4)
    assert same is not expected


@pytest.mark.parametrize(("kind", "content"), [("tabular", TABLE), ("embedding", TABLE), ("timeseries", SERIES)])
def test_constants_of_groups_are_of_the_tested_rows_themselves(kind, content):
    ds = dataset(kind, content)
    out = fit_preprocessing(ds, {kind: {"per_group": True}}, seed=0).apply(ds)
    assert out.spec.annotations["preprocessing"]["m"]["fitted_across_folds"] is True
    means = out["m"][:12].mean(axis=0)  # fold 0: one group, centred by its own rows
    assert np.allclose(means, 0.0, atol=1e-5)


def test_without_folds_nothing_is_said():
    kind, content, options, _ = CASES["table with gaps"]
    ds = dataset(kind, content, folds=False)
    fitted = fit_preprocessing(ds, {kind: options}, seed=0)
    assert "fitted_across_folds" not in fitted.apply(ds).spec.annotations["preprocessing"]["m"]
