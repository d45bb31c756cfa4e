"""The report: result files to one self-contained HTML page a dataset, its PDF, and an index over all datasets.

Example:
    >>> from mmcore.reporting import build_index, card
    >>> spec = {"name": "tiny", "modalities": [{"name": "a", "kind": "tabular", "shape": [2]}]}
    >>> "tiny/index.html" in build_index([card({"dataset": spec})])
    True
"""

from mmcore.reporting.describe import describe
from mmcore.reporting.index import build_index, card
from mmcore.reporting.interaction_figure import write_interaction_figure
from mmcore.reporting.page import build_page
from mmcore.reporting.pdf import write_pdf

__all__ = ["build_index", "build_page", "card", "describe", "write_interaction_figure", "write_pdf"]
