"""How far atoms estimated from a table of counts can be trusted: correction of bias, intervals, nulls, refusals.

`assess` puts the parts together for one table; each part stands alone: `resampled` (tables drawn again), `correction`,
`bias_aware` (the interval), `nulls`, `adequacy` (too few rows), `study` (coverage and false positives, measured).
Everything speaks of the symbols as they are: what another clustering would have given is not in the interval.
"""

from mmcore.information.uncertainty.assess import Assessment, assess
from mmcore.information.uncertainty.bias_aware import INTERVALS
from mmcore.information.uncertainty.correction import CORRECTIONS

__all__ = ["CORRECTIONS", "INTERVALS", "Assessment", "assess"]
