"""Noise that fits the kind of a modality, nested over levels and drawn sample by sample."""

from mmcore.data.corruption.apply import corrupt, default_corruptions
from mmcore.data.corruption.statistics import FeatureStatistics, fit_statistics, form_of
from mmcore.data.corruption.table import CORRUPTIONS, DEFAULTS, Corruption, find_corruption

__all__ = [
    "CORRUPTIONS",
    "DEFAULTS",
    "Corruption",
    "FeatureStatistics",
    "corrupt",
    "default_corruptions",
    "find_corruption",
    "fit_statistics",
    "form_of",
]
