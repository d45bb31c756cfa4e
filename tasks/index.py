"""One page over all datasets, from the cards that their reports left."""

from __future__ import annotations

import json
from pathlib import Path

from mmcore.atomic import atomic_file
from mmcore.reporting import build_index
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.tracking import task


@task
def write_index(root: Path) -> Path:
    """Write the page over all datasets that have a card, in the order of `params.yaml`."""
    cards = []
    for name in load_parameters(root).datasets:
        path = Places(name, root).summary
        if path.is_file():
            cards.append(json.loads(path.read_text(encoding="utf-8")))
    place = Places("", root).index
    with atomic_file(place) as aside:
        aside.write_text(build_index(cards), encoding="utf-8")
    return place
