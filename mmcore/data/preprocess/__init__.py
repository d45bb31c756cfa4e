"""Preprocessing by kind of modality: fitted on training rows, stored, and applied to new rows."""

from mmcore.data.preprocess.fit import Preprocessing, fit_preprocessing, load_preprocessing
from mmcore.data.preprocess.kinds import KINDS, check_options

__all__ = ["KINDS", "Preprocessing", "check_options", "fit_preprocessing", "load_preprocessing"]
