"""Modalities brought onto one clock or into one space: one method a file, all of them behind `align_dataset`."""

from mmcore.align.methods import METHODS, Method, Option, align_dataset, check_alignment

__all__ = ["METHODS", "Method", "Option", "align_dataset", "check_alignment"]
