"""`dvc.lock` in one order, whatever the order in which stages ran: that of `dvc.yaml`, then of the datasets in params.

DVC appends a stage when it first ends. Two runs that began with another dataset, or several at once, would leave the
same records in another order; the file is committed, and compared byte by byte.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from mmcore.atomic import atomic_file

LOCK_FILE = "dvc.lock"


def order_lock_file(root: Path) -> bool:
    """Put the stages of `dvc.lock` into the order in which one `dvc repro` runs them; return whether that changed it.

    A stage that `dvc.yaml` does not name comes last, datasets that `params.yaml` does not name last among theirs, both
    as they stood.
    """
    from ruamel.yaml import YAML

    path = root / LOCK_FILE
    if not path.is_file():
        return False
    yaml = YAML()  # as DVC writes the file
    yaml.default_flow_style = False
    content = yaml.load(path.read_text(encoding="utf-8"))
    stages, datasets = _names(root / "dvc.yaml", "stages"), _names(root / "params.yaml", "datasets")

    def place(name: str) -> tuple[int, int]:
        stage, _, dataset = name.partition("@")
        return _index(stages, stage), _index(datasets, dataset)

    before = list(content["stages"])
    after = sorted(before, key=place)
    if after == before:
        return False
    content["stages"] = {name: content["stages"][name] for name in after}
    written = io.StringIO()
    yaml.dump(content, written)
    with atomic_file(path) as aside:
        aside.write_text(written.getvalue(), encoding="utf-8")
    return True


def _names(path: Path, block: str) -> list[str]:
    from ruamel.yaml import YAML

    if not path.is_file():
        return []
    content: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return list((content or {}).get(block) or {})


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
