"""Images to float: a range of [0, 1], optionally grey and resized, each channel normalised by the training rows.

Whole numbers are divided by the largest of their type (255 for uint8). Floats whose training values lie in [0, 1] stay;
others are mapped by the training minimum and maximum, so that a later row may leave [0, 1] a little: nothing is
clipped. Grey is the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B. Resizing is Pillow's bilinear filter in float,
which averages when it shrinks. A channel without spread becomes zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114])
_CHUNK_ROWS = 256


def _pixels(rows: Rows) -> np.ndarray:
    """The rows as (n, height, width, channels), any dtype."""
    array = rows.values
    if isinstance(array, Ragged) or array.ndim not in (3, 4) or array.dtype.kind not in "fiub":
        received = f"{array.dtype}, shape {array.sample_shape if isinstance(array, Ragged) else array.shape[1:]}"
        allowed = "(height, width) or (height, width, channels) numbers of one size"
        raise InputError(rows.name, received, allowed, "Bring the images to one size, or declare another kind.")
    return array[..., None] if array.ndim == 3 else array


def _check_finite(rows: Rows, block: np.ndarray, start: int) -> None:
    broken = ~np.isfinite(block).reshape(len(block), -1).all(axis=1)
    if broken.any():
        where = rows.sample(start + int(np.flatnonzero(broken)[0]))
        remedy = "Mark the sample as absent, or correct the source."
        raise InputError(rows.name, f"a missing or infinite pixel in {where}", "finite numbers", remedy)


def _blocks(rows: Rows) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of rows as float64, checked, with where they start: a whole image set need not fit in memory twice."""
    pixels = _pixels(rows)
    for start in range(0, len(pixels), _CHUNK_ROWS):
        block = np.asarray(pixels[start : start + _CHUNK_ROWS], dtype=np.float64)
        _check_finite(rows, block, start)
        yield start, block


def _range(rows: Rows) -> tuple[float, float]:
    """The values that become 0 and 1."""
    dtype = rows.values.dtype
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind == "u":
        return 0.0, float(np.iinfo(dtype).max)
    bounds = [(float(block.min()), float(block.max())) for _, block in _blocks(rows)]
    low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
    if low >= 0 and high <= 1 and dtype.kind == "f":
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def resize(block: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return (n, height, width, channels) by Pillow's bilinear filter in float32.

    Example:
        >>> resize(np.full((1, 4, 4, 1), 0.5), 2, 2).ravel().tolist()
        [0.5, 0.5, 0.5, 0.5]
    """
    from PIL import Image

    resized = np.empty((len(block), height, width, block.shape[3]))
    for i, image in enumerate(block.astype(np.float32)):
        for c in range(block.shape[3]):
            plane = Image.fromarray(np.ascontiguousarray(image[:, :, c]))
            resized[i, :, :, c] = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
    return resized


def _prepared(rows: Rows, low: float, high: float, options: dict[str, Any]) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks in [0, 1], grey and resized as asked, before normalisation."""
    for start, raw in _blocks(rows):
        block = (raw - low) / (high - low)
        if options["grayscale"] and block.shape[3] != 1:
            if block.shape[3] != 3:
                received = f"{block.shape[3]} channels"
                remedy = "Set grayscale: false, or drop the extra channels."
                raise InputError(f"{rows.name}.grayscale", received, "1 or 3 channels", remedy)
            block = (block @ LUMA)[..., None]
        if options["resize"] is not None:
            block = resize(block, *options["resize"])
        yield start, block


def fit_image(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    """Return range, and mean and standard deviation of each channel, from training rows (n, height, width[, channels]).

    Example:
        >>> rows = Rows("i", "image", np.array([[[0, 255]]], dtype=np.uint8))
        >>> options = {"normalise": "channel", "grayscale": False, "resize": None}
        >>> fit_image(rows, options, seed=0).arrays["mean"]
        array([0.5])
    """
    low, high = _range(rows)
    sizes, means, squares = [], [], []
    for _, block in _prepared(rows, low, high, options):
        flat = block.reshape(-1, block.shape[3])
        sizes.append(len(flat))
        means.append(flat.mean(axis=0))
        squares.append(((flat - means[-1]) ** 2).sum(axis=0))
    counts, centres = np.array(sizes)[:, None], np.array(means)
    mean = (counts * centres).sum(axis=0) / counts.sum()
    # Chan et al. (1983): the spread within blocks plus the spread of their means.
    variance = (np.array(squares) + counts * (centres - mean) ** 2).sum(axis=0) / counts.sum()
    spread = np.sqrt(variance)
    constant = spread < 1e-7
    arrays = {"mean": mean, "sd": np.where(constant, 1.0, spread), "constant": constant}
    shape = [int(size) for size in _pixels(rows).shape[1:]]
    return Fitted({"low": low, "high": high, "shape": shape, "dtype": rows.values.dtype.name}, arrays)


def apply_image(fitted: Fitted, rows: Rows, options: dict[str, Any]) -> Output:
    """Return (n, height, width, channels) float32, kind `image`."""
    settings = fitted.settings
    found = (list(_pixels(rows).shape[1:]), rows.values.dtype.name)
    if found != (settings["shape"], settings["dtype"]):
        allowed = f"{settings['dtype']} {settings['shape']}, as in training"
        raise InputError(rows.name, f"{found[1]} {found[0]}", allowed, "Bring the images to one size and dtype.")
    values, constant = None, fitted.arrays["constant"]
    for start, block in _prepared(rows, settings["low"], settings["high"], options):
        if options["normalise"] == "channel":
            block = np.where(constant, 0.0, (block - fitted.arrays["mean"]) / fitted.arrays["sd"])
        if values is None:
            values = np.empty((len(rows), *block.shape[1:]), dtype=np.float32)
        values[start : start + len(block)] = block
    if values is None:
        raise InputError(rows.name, "no row", "at least one image", "Mark the modality as absent instead.")
    columns = tuple(f"channel_{c}" for c in range(values.shape[3]))
    record: dict[str, Any] = {"range": [settings["low"], settings["high"]]}
    if constant.any():
        record["constant_channels"] = [int(c) for c in np.flatnonzero(constant)]
    return Output(values, "image", columns, None, record)
