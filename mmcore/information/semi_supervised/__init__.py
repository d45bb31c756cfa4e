"""Semi-supervised analysis: what labelled rows of each modality and unlabelled pairs say about their interaction.

`synergy` bounds what the joint table would say, `reconcile` makes tables of different rows agree, `simplex_study`
repeats the study of section 6.4 of the thesis, `advice` turns bounds into answers. The façade is `bounds`.
"""

from mmcore.information.semi_supervised.pair_tables import PairTables, reconcile
from mmcore.information.semi_supervised.synergy_bounds import SynergyBounds, synergy

__all__ = ["PairTables", "SynergyBounds", "reconcile", "synergy"]
