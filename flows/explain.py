"""What the decided model takes from each modality, and which interactions the models use."""

from __future__ import annotations

from pathlib import Path

from tasks.explain import explain_model
from tasks.interactions import quantify_interactions
from tasks.tracking import flow


@flow
def explain(dataset: str, root: Path = Path()) -> Path:
    """What the decided model takes from each modality, and which interactions the models use."""
    quantify_interactions(dataset, root)
    return explain_model(dataset, root)
