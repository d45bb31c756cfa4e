"""Put the results of a dataset into one page, its PDF, and the card by which the index knows it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from mmcore.atomic import atomic_directory, canonical_json, write_json
from mmcore.data import load_dataset
from mmcore.reporting import build_page, card, describe, write_pdf
from tasks.parameters import Parameters, load_parameters
from tasks.places import Places, file_sha256
from tasks.tracking import task

_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "cvxpy", "clarabel", "torch", "lightning-fabric")
_GROUPS = ("validation", "preprocess", "estimate", "select", "train", "evaluate", "explain")


@task
def write_report(dataset: str, root: Path) -> Path:
    """Write `index.html`, `report.pdf` where params ask for it, and the card."""
    places = Places(dataset, root)
    parameters = load_parameters(root)
    results = gather(dataset, root, parameters)
    page = build_page(results)
    with atomic_directory(places.report) as aside:
        (aside / "index.html").write_text(page, encoding="utf-8")
        if parameters.report.pdf:
            write_pdf(page, aside / "report.pdf")
    write_json(places.summary, card(results))
    return places.report / "index.html"


def gather(dataset: str, root: Path, parameters: Parameters) -> dict[str, Any]:
    """Return every result of a dataset as the report takes them; a file that is not there is None."""
    places = Places(dataset, root)
    ds = load_dataset(places.prepared)
    files = {
        "checks": places.checks,
        "estimate": places.estimate,
        "selection": places.selection,
        "training": places.learn / "training.json",
        "verdict": places.learn / "verdict.json",
        "evaluation": places.learn / "evaluation.json",
        "explanation": places.learn / "explanation.json",
        "interactions": places.learn / "interactions.json",
    }
    results: dict[str, Any] = {
        name: json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None for name, path in files.items()
    }
    described = [path for path in files.values() if path.is_file()]
    return {
        **results,
        "dataset": ds.spec.to_dict(),
        "description": describe(ds),
        "provenance": _provenance(dataset, root, parameters, [places.prepared / "dataset.json", *described]),
    }


def _provenance(dataset: str, root: Path, parameters: Parameters, files: list[Path]) -> dict[str, Any]:
    block = parameters.datasets[dataset].model_dump(exclude_defaults=True)
    flat: dict[str, Any] = {"seed": parameters.seed, f"datasets.{dataset}": block}
    for group in _GROUPS:
        value = getattr(parameters, group)
        content = value if isinstance(value, dict) else value.model_dump()
        name = "validate" if group == "validation" else group
        flat |= {f"{name}.{key}": content[key] for key in content}
    return {
        "data_sha256": file_sha256(files[0]),
        "files": [
            {"path": p.relative_to(root).as_posix(), "sha256": file_sha256(p), "bytes": p.stat().st_size} for p in files
        ],
        "parameters": flat,
        "parameters_sha256": hashlib.sha256(canonical_json(flat).encode()).hexdigest(),
        "versions": _pinned_versions(root),
        "commands": ["make setup", f"interplay run --dataset {dataset}"],
    }


def _pinned_versions(root: Path) -> dict[str, str]:
    """Return the main packages' versions from the lock: every stage depends on it, so they made these numbers."""
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", lock, re.MULTILINE))
    return {name: pinned[name] for name in _PACKAGES if name in pinned}
