"""Too few rows for the alphabet: refused, with the number of rows or clusters that would do.

    predicted bias = (n_12 - 1)(|Y| - 1) / (2 N ln 2)   bits      against      H(Y)

n_12 counts the pairs of symbols that occur. Reference: Miller 1955; Panzeri and Treves 1996. The expansion behind every
correction is in powers of that ratio; once the bias predicted for unrelated data is half of all there is to know, the
raw atoms say little but how many cells there are, and no correction repairs them.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from mmcore.information.entropy import entropy
from mmcore.information.samples import TooFewRows


def predicted_bias(n_pairs: int, n_labels: int, n_rows: int) -> float:
    """Return the predicted bias of I(X1,X2;Y) for unrelated data, bits.

    Example:
        >>> round(predicted_bias(400, 2, 1800), 3)
        0.16
    """
    return (n_pairs - 1) * (n_labels - 1) / (2.0 * n_rows * math.log(2.0))


def check_bias(counts: NDArray[Any], share: float) -> dict[str, float]:
    """Return the predicted bias and the label's entropy in bits, where the one is at most `share` of the other.

    Args:
        counts: (n1, n2, |Y|).
        share: allowed ratio.

    Raises:
        TooFewRows: if the bias is larger; the remedy names rows, and clusters where both sources have as many.

    Example:
        >>> import numpy as np
        >>> check_bias(np.full((2, 2, 2), 10.0), 0.5)["label_entropy"]
        1.0
        >>> check_bias(np.ones((8, 8, 2)), 0.3)
        Traceback (most recent call last):
        mmcore.information.samples.TooFewRows: x1, x2, y: received 128 rows for 64 pairs of symbols and 2 labels: a \
bias of about 0.36 bits where the label holds 1.00; allowed: a predicted bias of at most 0.3 of the label's entropy. \
Collect at least 152 rows, or ask for at most 7 clusters a source.
    """
    n_rows, n_labels = int(counts.sum()), int((counts.sum(axis=(0, 1)) > 0).sum())
    n_pairs = int((counts.sum(axis=2) > 0).sum())
    bias = predicted_bias(n_pairs, n_labels, n_rows)
    known = entropy(counts.sum(axis=(0, 1)) / counts.sum())
    if bias <= share * known:
        return {"predicted_bias": bias, "label_entropy": known}
    rows = math.ceil(n_rows * bias / (share * known))
    most = math.isqrt(int(1 + share * known * 2.0 * n_rows * math.log(2.0) / (n_labels - 1)))
    received = f"{n_rows} rows for {n_pairs} pairs of symbols and {n_labels} labels: a bias of about {bias:.2f} bits"
    received += f" where the label holds {known:.2f}"
    remedy = f"Collect at least {rows} rows" + (f", or ask for at most {most} clusters a source." if most > 1 else ".")
    raise TooFewRows("x1, x2, y", received, f"a predicted bias of at most {share:g} of the label's entropy", remedy)
