"""How much two sources say about a target, together and apart: entropies, decomposition, bounds, uncertainty.

`pid.decompose` for a table, `pid.estimate` for rows, `bounds.accuracy` for what follows for a classifier,
`pairs.estimate_dataset` for a whole dataset.
"""

from mmcore.information import bounds, pid
from mmcore.information.atoms import ATOMS, PID, NotCertified

__all__ = ["ATOMS", "PID", "NotCertified", "bounds", "pid"]
