"""Decomposition of jointly Gaussian sources and targets: `decompose` for a covariance, `estimate` for rows."""

from mmcore.information.gaussian.decompose import decompose
from mmcore.information.gaussian.estimate import Options, estimate

__all__ = ["Options", "decompose", "estimate"]
