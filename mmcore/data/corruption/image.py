"""Noise on images (..., height, width, channels): colour, exposure, salt and pepper, geometry.

Each operation but salt and pepper happens with probability `level`, with a strength that does not depend on it, so what
is done to an image at .2 is done at .4 too. `u = (x - low) / (high - low)` is the image in units of its range: 0 to the
type's largest number for whole numbers (255 for uint8), the channel's training range for floats.

    contrast       u -> g + (u - g) / 2, g the mean luma      invert         u -> 1 - u
    grayscale      u -> luma, 0.299 R + 0.587 G + 0.114 B     tint           u -> .7 u + .3 c, c a drawn colour
    white_balance  u_c -> u_c B(w_c, T) / B(w_c, 6500 K), largest gain 1, T in 1000 to 10000 K, B Planck's law
    salt_and_pepper   a pixel -> 1 with probability level / 2, -> 0 with level / 2

After MultiBench (Liang et al. 2021), where it departs on purpose: salt is the largest value, not 1 of 255; noise scales
with the channel's spread (there it has a deviation of at most 1 in 255 and cannot be seen); crops keep height and width
apart. Frames of a film take the same operation. What a rotation uncovers is `low` (black).
"""

from __future__ import annotations

import numpy as np

from mmcore.data.corruption.statistics import FeatureStatistics
from mmcore.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
WAVELENGTHS = np.array([600e-9, 550e-9, 450e-9])  # metres: red, green, blue
_SECOND_RADIATION = 1.438776877e-2  # metre kelvin, hc / k
LARGEST_ANGLE = 20.0
LARGEST_CROP = 0.2


def salt_and_pepper(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image with a share `level` of its pixels at one end of their range, half of them at each.

    Example:
        >>> none = np.zeros(0)
        >>> s = FeatureStatistics("i", none, none, np.zeros(1), np.full(1, 255.0), none, none, none, 1)
        >>> out = salt_and_pepper(np.full((4, 4, 1), 9.0), 1.0, np.random.default_rng(0), s, none)
        >>> sorted(set(out.ravel().tolist()))
        [0.0, 255.0]
    """
    u = draw.random(values.shape[:-1])[..., None]
    salted = np.where(u > 1.0 - level / 2, statistics.high, values)
    return np.where(u < level / 2, statistics.low, salted)


def contrast(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image with half the contrast, with probability `level`."""
    if draw.random() >= level:
        return values
    unit = _unit(values, statistics)
    middle = _luma(unit).mean(axis=(-3, -2), keepdims=True)
    return _back(middle + 0.5 * (unit - middle), values, statistics)


def invert(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the negative of the image, with probability `level`."""
    if draw.random() >= level:
        return values
    return _back(1.0 - _unit(values, statistics), values, statistics)


def grayscale(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image with every colour channel its luma, with probability `level`; InputError without colours."""
    _check_colour(values, "grayscale")
    if draw.random() >= level:
        return values
    unit = _unit(values, statistics)
    return _back(np.broadcast_to(_luma(unit), unit.shape), values, statistics)


def tint(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image blended with 30 % of one drawn colour, with probability `level`; InputError without colours."""
    _check_colour(values, "tint")
    if draw.random() >= level:
        return values
    colour = draw.random(3)
    unit = _unit(values, statistics)
    colours = np.concatenate([colour, unit.reshape(-1, unit.shape[-1]).mean(axis=0)[3:]])
    return _back(0.7 * unit + 0.3 * colours, values, statistics)


def white_balance(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image under the light of a drawn temperature, with probability `level`; InputError without colours."""
    _check_colour(values, "white_balance")
    if draw.random() >= level:
        return values
    gains = light_gains(float(draw.uniform(1000.0, 10000.0)))
    unit = _unit(values, statistics)
    return _back(unit * np.concatenate([gains, np.ones(unit.shape[-1] - 3)]), values, statistics)


def light_gains(kelvin: float) -> np.ndarray:
    """Return (3,) gains of red, green and blue under black-body light beside 6500 K, the largest one 1.

    Example:
        >>> light_gains(6500.0).tolist(), bool(light_gains(2000.0)[0] > light_gains(2000.0)[2])
        ([1.0, 1.0, 1.0], True)
    """
    gains = np.expm1(_SECOND_RADIATION / (WAVELENGTHS * 6500.0)) / np.expm1(_SECOND_RADIATION / (WAVELENGTHS * kelvin))
    return gains / gains.max()


def rotate(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image rotated by a drawn angle of at most 20 degrees (bilinear), with probability `level`."""
    from scipy.ndimage import rotate as rotated

    if draw.random() >= level:
        return values
    angle = float(draw.uniform(-LARGEST_ANGLE, LARGEST_ANGLE))
    unit = _unit(values, statistics)
    turned = rotated(unit, angle, axes=(values.ndim - 2, values.ndim - 3), reshape=False, order=1, mode="constant")
    return _back(turned, values, statistics)


def flip(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image mirrored left to right, with probability `level`."""
    return values if draw.random() >= level else values[..., ::-1, :]


def crop_resize(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the image without up to a fifth of its height and width, resized back, with probability `level`."""
    if draw.random() >= level:
        return values
    out = values
    for axis in (-3, -2):
        lost, start = draw.random() * LARGEST_CROP, draw.random()
        size = values.shape[axis]
        kept = size * (1.0 - lost)
        # centres of the new pixels in the old grid, half a pixel being the centre of the first
        positions = start * (size - kept) + (np.arange(size) + 0.5) * kept / size - 0.5
        out = _interpolated(out, axis, positions)
    return out


def _interpolated(values: np.ndarray, axis: int, positions: np.ndarray) -> np.ndarray:
    """Linear interpolation along one axis; positions outside take the edge."""
    size = values.shape[axis]
    clipped = np.clip(positions, 0.0, size - 1.0)
    below = np.minimum(clipped.astype(int), max(size - 2, 0))
    weight = (clipped - below).reshape(-1, *[1] * (-axis - 1))
    above = np.minimum(below + 1, size - 1)
    return (1.0 - weight) * np.take(values, below, axis=axis) + weight * np.take(values, above, axis=axis)


def _span(statistics: FeatureStatistics) -> np.ndarray:
    span = statistics.high - statistics.low
    return np.where(span > 0, span, 1.0)


def _unit(values: np.ndarray, statistics: FeatureStatistics) -> np.ndarray:
    return (values - statistics.low) / _span(statistics)


def _back(unit: np.ndarray, values: np.ndarray, statistics: FeatureStatistics) -> np.ndarray:
    """Back to the image's own units; a fourth channel (opacity) stays."""
    out = statistics.low + unit * _span(statistics)
    if values.shape[-1] == 4:
        out[..., 3] = values[..., 3]
    return out


def _luma(unit: np.ndarray) -> np.ndarray:
    """(..., 1): luma of colours, the mean of any other channels."""
    if unit.shape[-1] in (3, 4):
        return (unit[..., :3] @ LUMA)[..., None]
    return unit.mean(axis=-1, keepdims=True)


def _check_colour(values: np.ndarray, method: str) -> None:
    if values.shape[-1] not in (3, 4):
        raise InputError("method", f"{method} for {values.shape[-1]} channels", "3 or 4 channels (red, green, blue)",
                         "Choose contrast, salt_and_pepper or gaussian.")  # fmt: skip
