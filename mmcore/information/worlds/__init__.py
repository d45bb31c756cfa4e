"""What the synthetic worlds of `mmcore.data.worlds` hold: exact atoms, informations and Bayes accuracies."""

from mmcore.information.worlds.generative_truth import GenerativeTruth, generative_truth
from mmcore.information.worlds.known_truth import Truth, draw_with_truth, is_known, truth

__all__ = ["GenerativeTruth", "Truth", "draw_with_truth", "generative_truth", "is_known", "truth"]
