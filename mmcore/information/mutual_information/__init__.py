"""Mutual information of two variables from samples: symbols, numbers, or vectors too wide for either.

`plug_in` for symbols, `neighbours` for numbers, and on torch `infonce`, `club` and `nce_club` with their loss terms.
"""

from mmcore.information.mutual_information.neighbours import neighbours
from mmcore.information.mutual_information.plug_in import plug_in
from mmcore.information.mutual_information.result import MutualInformation

__all__ = ["MutualInformation", "neighbours", "plug_in"]
