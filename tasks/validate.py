"""Accept a dataset or say why not; rejected rows are set aside with their reasons, nothing is dropped in silence."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.atomic import atomic_file, write_json
from mmcore.data import load_dataset, save_dataset
from mmcore.data.faults import content_digests, row_faults
from mmcore.data.state import acceptance_frame, state
from mmcore.errors import counted
from tasks.acquire import dataset_parameters, prepare_workspace
from tasks.gates import GateError
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.schemas.acceptance import frames, run_suite, suite
from tasks.schemas.frames import hold, samples_schema
from tasks.tracking import publish_table, task


@task
def accept_rows(dataset: str, root: Path) -> Path:
    """Set rows aside that cannot be used and write the rest.

    Raises:
        GateError: when more than the declared share of rows, or every row, is set aside; all stay in
            `quarantine.parquet`.
    """
    parameters = load_parameters(root)
    workspace = prepare_workspace(dataset, root)
    acquired = load_dataset(workspace / "acquired")
    hold(acquired.samples, samples_schema(acquired), f"samples of {dataset}")
    ranges = {name: (r.low, r.high) for name, r in dataset_parameters(dataset, parameters).ranges.items()}
    reasons: dict[int, list[str]] = defaultdict(list)
    for fault in row_faults(acquired, ranges):
        reasons[fault.row].append(fault.reason)
    _write_quarantine(workspace, acquired.samples, reasons)
    _hold_quarantine(acquired.samples, reasons, parameters.validation.max_quarantine_share, workspace)
    place = workspace / "accepted"
    kept = np.setdiff1d(np.arange(len(acquired)), np.array(sorted(reasons), dtype=np.int64))
    save_dataset(acquired.select(kept) if reasons else acquired, place)
    return place


def _hold_quarantine(samples: pd.DataFrame, reasons: dict[int, list[str]], allowed: float, workspace: Path) -> None:
    share = len(reasons) / len(samples)
    if share <= allowed and share < 1:
        return
    row, why = min(reasons.items())
    limit = f"{allowed:.1%}" if share > allowed else "fewer than all, or no row is left"
    remedy = "Correct the source" + (", or raise validate.max_quarantine_share." if share > allowed else ".")
    raise GateError(
        f"quarantine: {len(reasons)} of {len(samples)} rows ({share:.1%}) cannot be used; allowed: {limit}. "
        f"First: {samples['sample_id'].iloc[row]}: {'; '.join(why)}. "
        f"All are listed in {workspace / 'quarantine.parquet'}. {remedy}"
    )


def _write_quarantine(workspace: Path, samples: pd.DataFrame, reasons: dict[int, list[str]]) -> None:
    rows = sorted(reasons)
    aside = samples.iloc[rows].copy()
    aside["reasons"] = ["; ".join(reasons[row]) for row in rows]
    with atomic_file(workspace / "quarantine.parquet") as path:
        aside.to_parquet(path, index=False)


def read_reference(dataset: str, root: Path) -> dict[str, Any] | None:
    """Return the accepted state of `dataset`, or None where nobody has accepted one yet."""
    path = Places(dataset, root).reference
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


@task
def run_checks(dataset: str, root: Path, accepted: Path) -> Path:
    """Run the acceptance suite and write its results to the workspace; stop where a check that is a gate fails.

    Raises:
        GateError: naming every failed gate, what was found, what is allowed and the remedy.
    """
    parameters = load_parameters(root)
    options = parameters.validation
    workspace = prepare_workspace(dataset, root)
    ds = load_dataset(accepted)
    facts = frames(acceptance_frame(ds), ds, content_digests(ds))
    reference = read_reference(dataset, root)
    docs = root / ".interplay" / "data-docs" / dataset if options.data_docs else None
    checks = run_suite(suite(facts, ds, options, reference), facts, dataset, docs)
    if reference is None:
        checks.append(_no_reference(dataset))
    quarantine = pd.read_parquet(workspace / "quarantine.parquet")
    content = {
        "dataset": dataset, "version": ds.spec.version, "n_samples": len(ds) + len(quarantine), "n_accepted": len(ds),
        "n_quarantined": len(quarantine), "quarantine_share": len(quarantine) / (len(ds) + len(quarantine)),
        "allowed_share": options.max_quarantine_share, "checks": checks, "state": state(ds),
        "quarantine": [
            {"sample_id": str(row["sample_id"]), "reasons": row["reasons"].split("; ")}
            for row in quarantine.to_dict("records")
        ],
        "reference": {"status": "accepted", "accepted_version": reference["version"]}
        if reference
        else {"status": "none", "accepted_version": None},
    }  # fmt: skip
    place = workspace / "checks.json"
    write_json(place, content)
    _hold_gates(dataset, checks)
    rows = [{key: check[key] for key in ("title", "found", "allowed", "status")} for check in checks]
    publish_table(f"checks-{dataset}", rows, f"Acceptance checks of {dataset}")
    return place


def _no_reference(dataset: str) -> dict[str, str]:
    return {
        "id": "drift", "title": "Data are as accepted", "found": "no reference yet", "allowed": "an accepted state",
        "status": "warning", "detail": f"Run 'interplay accept {dataset}' once the data are as they should be.",
        "source": "drift",
    }  # fmt: skip


def _hold_gates(dataset: str, checks: list[dict[str, Any]]) -> None:
    failed = [check for check in checks if check["status"] == "failed"]
    if failed:
        lines = [f"  {c['title']}: found {c['found']}; allowed: {c['allowed']}. {c['detail']}" for c in failed]
        raise GateError("\n".join([f"acceptance: {counted(len(failed), 'check')} of '{dataset}' failed.", *lines]))
