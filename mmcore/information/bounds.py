"""What a number of bits allows: bounds of the best possible accuracy from information, and of synergy from pairs.

With H = H(Y|X) = H(Y) - I, n classes, e the error of the Bayes classifier, h the binary entropy:

    H <= h(e) + e log2(n - 1)                    Fano (1961), inverted exactly: the upper bound of accuracy
    1 - e >= max(2^-H, 1 - H/2)                  Feder and Merhav (1994); Hellman and Raviv (1970): the lower bound

Departure on purpose: theorem 8 of the thesis prints (I + 1) / log2 n, which is Fano with H(Y) replaced by log2 n; it is
false for unbalanced labels and empty for two classes, so it is not offered here.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from mmcore.errors import InputError, NotBuiltYetError

_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class AccuracyBounds:
    """Bounds of the accuracy of the best classifier, fractions in [0, 1].

    Attributes:
        lower, upper: no classifier with this information is better than `upper`; the best is at least `lower`.
        average: their middle, a summary and no bound.
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
    if isinstance(n_classes, bool) or int(n_classes) != n_classes or n_classes < 2:
        raise InputError("n_classes", n_classes, "an integer >= 2", "Count the classes that occur.")
    largest = math.log2(n_classes)
    if not -_TOLERANCE <= label_entropy <= largest + _TOLERANCE:
        allowed = f"0 to {largest:.6g} bits for {n_classes} classes"
        raise InputError("label_entropy", label_entropy, allowed, "Pass H(Y) in bits, not nats.")
    if not -_TOLERANCE <= information <= label_entropy + _TOLERANCE:
        allowed = f"0 to H(Y) = {label_entropy:.6g} bits"
        raise InputError("information", information, allowed, "Pass I(X;Y) in bits; an estimate may need its range.")
    remaining = min(max(label_entropy - information, 0.0), largest)
    low, high = 0.0, (n_classes - 1) / n_classes
    # Fano's curve rises on [0, 1 - 1/n]; 200 halvings end at neighbouring numbers. `low` keeps the bound valid.
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if _fano(middle, n_classes) < remaining else (low, middle)
    return AccuracyBounds(max(2.0**-remaining, 1.0 - 0.5 * remaining), 1.0 - low)


def synergy(p_x1y: Any, p_x2y: Any, p_x1x2: Any) -> Any:
    """Bounds of synergy from the three pair tables: not built yet.

    Raises:
        NotBuiltYetError: always.

    Example:
        >>> synergy(None, None, None)
        Traceback (most recent call last):
        mmcore.errors.NotBuiltYetError: bounds.synergy does not exist yet; with the joint table use pid.decompose
    """
    raise NotBuiltYetError("bounds.synergy does not exist yet; with the joint table use pid.decompose")
