"""What a number of bits allows: bounds of the best possible accuracy from information, and of synergy from pairs.

With H = H(Y|X) = H(Y) - I, n classes, e the error of the Bayes classifier, h the binary entropy:

    H <= h(e) + e log2(n - 1)                    Fano (1961), inverted exactly: the upper bound of accuracy
    1 - e >= max(2^-H, 1 - H/2)                  Feder and Merhav (1994); Hellman and Raviv (1970): the lower bound

With the joint table unknown, I lies in R + U1 + U2 + [S_lower, S_upper] (`performance`; S bounded by `synergy`).

Departure on purpose: theorem 8 of the thesis prints (I + 1) / log2 n, which is Fano with H(Y) replaced by log2 n; it is
false for unbalanced labels and empty for two classes. `accuracy_as_printed` offers it under that name, to compare.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from mmcore.errors import InputError
from mmcore.information.semi_supervised.synergy_bounds import SynergyBounds, synergy

__all__ = [
    "AccuracyBounds",
    "SynergyBounds",
    "accuracy",
    "accuracy_as_printed",
    "accuracy_of_interval",
    "performance",
    "performance_of",
    "synergy",
]

_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class AccuracyBounds:
    """Bounds of the accuracy of the best classifier, as fractions; of the printed form the upper one may exceed 1.

    Attributes:
        lower, upper: no classifier with this information is better than `upper`; the best is at least `lower`.
        average: their middle, a summary and no bound (the thesis' estimate of multimodal performance).
    """

    lower: float
    upper: float

    @property
    def average(self) -> float:
        """The middle of the two bounds."""
        return 0.5 * (self.lower + self.upper)

    def to_dict(self) -> dict[str, float]:
        """Return the bounds as plain numbers."""
        return {"lower": self.lower, "upper": self.upper, "average": self.average}


def _fano(error: float, n_classes: int) -> float:
    """Return h(e) + e log2(n-1), the largest H(Y|X) that an error allows, bits."""
    if error <= 0.0:
        return 0.0
    if error >= 1.0:
        return math.log2(n_classes - 1) if n_classes > 2 else 0.0
    binary = -error * math.log2(error) - (1.0 - error) * math.log2(1.0 - error)
    return binary + error * math.log2(n_classes - 1)


def _check(information: float, label_entropy: float, n_classes: int) -> None:
    whole = isinstance(n_classes, int | float | np.integer | np.floating) and not isinstance(n_classes, bool)
    if not (whole and math.isfinite(n_classes) and int(n_classes) == n_classes and n_classes >= 2):
        raise InputError("n_classes", n_classes, "an integer >= 2", "Count the classes that occur.")
    for argument, value in (("information", information), ("label_entropy", label_entropy)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise InputError(argument, value, "one number of bits", "Pass one number, not a name, None or an array.")
    largest = math.log2(n_classes)
    if not -_TOLERANCE <= label_entropy <= largest + _TOLERANCE:
        allowed = f"0 to {largest:.6g} bits for {n_classes} classes"
        raise InputError("label_entropy", label_entropy, allowed, "Pass H(Y) in bits, not nats.")
    if not -_TOLERANCE <= information <= label_entropy + _TOLERANCE:
        allowed = f"0 to H(Y) = {label_entropy:.6g} bits"
        raise InputError("information", information, allowed, "Pass I(X;Y) in bits; an estimate may need its range.")


def accuracy(information: float, label_entropy: float, n_classes: int) -> AccuracyBounds:
    """Return bounds of the best accuracy that `information` bits about the label allow.

    Args:
        information: I(X;Y) in bits, between 0 and `label_entropy`.
        label_entropy: H(Y) in bits, at most log2(n_classes).
        n_classes: number of classes, at least 2.

    Raises:
        InputError: for a number outside its range by more than 1e-9.

    Example:
        >>> accuracy(1.0, 1.0, 2)
        AccuracyBounds(lower=1.0, upper=1.0)
        >>> bounds = accuracy(0.5, 1.0, 2)
        >>> round(bounds.lower, 4), round(bounds.upper, 4)
        (0.75, 0.89)
    """
    _check(information, label_entropy, n_classes)
    information, label_entropy, n_classes = float(information), float(label_entropy), int(n_classes)
    largest = math.log2(n_classes)
    remaining = min(max(label_entropy - information, 0.0), largest)
    low, high = 0.0, (n_classes - 1) / n_classes
    # Fano's curve rises on [0, 1 - 1/n]; 200 halvings end at neighbouring numbers. `low` keeps the bound valid.
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if _fano(middle, n_classes) < remaining else (low, middle)
    return AccuracyBounds(max(2.0**-remaining, 1.0 - 0.5 * remaining), 1.0 - low)


def accuracy_as_printed(information: float, label_entropy: float, n_classes: int) -> AccuracyBounds:
    """Return the bounds of theorem 8 as printed: 2^(I - H(Y)) and (I + 1) / log2 n, the latter not valid, not capped.

    The lower side is valid (Feder and Merhav 1994). The upper side is Fano's inequality with H(Y) replaced by log2 n:
    for unbalanced labels it lies below accuracies that are reached, for two classes it is at least 1 and says nothing.
    `.average` is the estimate of multimodal performance of thesis section 6.4.2. Use `accuracy` for what holds.

    Args:
        information, label_entropy, n_classes: as in `accuracy`.

    Raises:
        InputError: as `accuracy`.

    Example:
        >>> accuracy_as_printed(0.0, 0.5, 4).upper         # the majority class alone reaches more with this H(Y)
        0.5
        >>> round(accuracy(0.0, 0.5, 4).upper, 3)
        0.926
    """
    _check(information, label_entropy, n_classes)
    lower = 2.0 ** (float(information) - float(label_entropy))
    return AccuracyBounds(lower, (float(information) + 1.0) / math.log2(n_classes))


def accuracy_of_interval(low: float, high: float, label_entropy: float, n_classes: int) -> AccuracyBounds:
    """Return bounds of the best accuracy when the information lies in [low, high]: each side at the end that is safe.

    Args:
        low, high: ends of an interval of I(X;Y) in bits.
        label_entropy, n_classes: as in `accuracy`.

    Raises:
        InputError: as `accuracy`, for either end, and for an interval whose ends are swapped.

    Example:
        >>> found = accuracy_of_interval(0.5, 1.0, 1.0, 2)
        >>> found.lower, found.upper
        (0.75, 1.0)
    """
    _check(low, label_entropy, n_classes)
    _check(high, label_entropy, n_classes)
    if low > high:
        raise InputError("low", f"{low} > high = {high}", "low <= high", "Swap the two ends.")
    return AccuracyBounds(accuracy(low, label_entropy, n_classes).lower, accuracy(high, label_entropy, n_classes).upper)


def performance(p_x1y: Any, p_x2y: Any, p_x1x2: Any) -> AccuracyBounds:
    """Return bounds of the best accuracy that both modalities together allow, from the three pair tables.

    Information is R + U1 + U2 + [S_lower, S_upper]; both sides then follow as in `accuracy_of_interval`.

    Args:
        p_x1y, p_x2y, p_x1x2: as in `synergy`.

    Raises:
        InputError: as `synergy`, and for tables with one label only.

    Reference: thesis section 6.4.2.

    Example:
        >>> import numpy as np
        >>> coin, same = np.full((2, 2), 0.25), np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> found = performance(same, coin, coin)                                        # Y = X1
        >>> found.lower, found.upper
        (1.0, 1.0)
    """
    return performance_of(synergy(p_x1y, p_x2y, p_x1x2))


def performance_of(found: SynergyBounds) -> AccuracyBounds:
    """Return the bounds of `performance` from bounds of synergy at hand.

    Example:
        >>> coin = [[0.25, 0.25], [0.25, 0.25]]
        >>> round(performance_of(synergy(coin, coin, coin)).upper, 6)
        1.0
    """
    low = min(found.information_lower, found.label_entropy)
    high = min(found.information_upper, found.label_entropy)
    return accuracy_of_interval(min(low, high), high, found.label_entropy, found.n_classes)
