"""From features to symbols: fitted on some rows, applied to any, across folds, or over data larger than memory.

`fit` gives a discretiser, `cross_fit` symbols from discretisers that have not seen a row's fold, `accumulate` the
table of symbols of rows read in pieces.
"""

from mmcore.information.discretise.discretiser import KINDS, Discretiser, cube_root_bins, fit, n_distinct
from mmcore.information.discretise.folds import check_folds, cross_fit, fold_units, matched
from mmcore.information.discretise.histogram import Histogram, RowChunks, accumulate

__all__ = [
    "KINDS",
    "Discretiser",
    "Histogram",
    "RowChunks",
    "accumulate",
    "check_folds",
    "cross_fit",
    "cube_root_bins",
    "fit",
    "fold_units",
    "matched",
    "n_distinct",
]
