"""Synthetic worlds whose information decomposition is known by construction."""

from mmcore.data.worlds.planted import planted, planted_truth

__all__ = ["planted", "planted_truth"]
