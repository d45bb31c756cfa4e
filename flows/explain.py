"""What the decided model takes from each modality."""

from __future__ import annotations

from pathlib import Path

from tasks.explain import explain_model
from tasks.tracking import flow


@flow
def explain(dataset: str, root: Path = Path()) -> Path:
    """What the decided model takes from each modality."""
    return explain_model(dataset, root)
