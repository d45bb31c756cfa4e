"""Noise that fits the kind of a modality, nested over levels and drawn sample by sample."""

from mmcore.data.corruption.apply import corrupt
from mmcore.data.corruption.statistics import FeatureStatistics, fit_statistics, form_of
from mmcore.data.corruption.table import CORRUPTIONS, DEFAULTS, Corruption, find_corruption

__all__ = [
    "CORRUPTIONS",
    "DEFAULTS",
    "Corruption",
    "FeatureStatistics",
    "corrupt",
    "find_corruption",
    "fit_statistics",
    "form_of",
]
