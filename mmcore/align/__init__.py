"""Modalities brought onto one clock or into one space: one method a file, all of them behind `align_dataset`."""

from mmcore.align.fitted import Alignment, align_dataset, fit_alignment, load_alignment
from mmcore.align.methods import METHODS, Method, Option, check_alignment

__all__ = [
    "METHODS", "Alignment", "Method", "Option", "align_dataset", "check_alignment", "fit_alignment", "load_alignment",
]  # fmt: skip
