"""Which models to train, from how the modalities interact."""

from mmcore.selection.propose import propose
from mmcore.selection.recommend import Recommendation, recommend

__all__ = ["Recommendation", "propose", "recommend"]
