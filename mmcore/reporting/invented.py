"""Invented results for the gallery and the tests: every result file of one dataset, from formulas, without chance.

The numbers obey what holds for real ones (I(X1;Y) = R + U1, the four parts sum to I(X1,X2;Y), intervals hold their
estimate), but no data stand behind them. Nothing here is ever shown as a finding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from mmcore.reporting.facts import ATOMS
from mmcore.reporting.invented_evaluation import invented_evaluation, recommended, scores
from mmcore.reporting.invented_interactions import invented_interactions
from mmcore.reporting.invented_selection import invented_selection

TWO = ("accelerometer", "gyroscope")
EXERCISES = ("press", "pull", "row", "lift")
SHA = "4f1c9ab0e7d3520c" * 4


def invented(
    modalities: Sequence[str] = TWO,
    classes: Sequence[str] = EXERCISES,
    *,
    name: str = "invented",
    grouped: bool = False,
    planted: bool = False,
    negative: bool = False,
    missing: float = 0.0,
    verdict: str = "fusion",
    more_models: int = 0,
    slices: bool = False,
    advice: bool = False,
    bank: bool = True,
) -> dict[str, Any]:
    """Return what `build_page` takes, for a dataset that does not exist.

    Args:
        modalities: their names.
        classes: the names of the classes.
        name: the dataset's name.
        grouped: whether rows belong to ten persons in five folds.
        planted: whether the truth of each pair is known.
        negative: whether an estimate of synergy lies below zero.
        missing: the share of rows without the last modality.
        verdict: `fusion`, `late_fusion` or `one_modality`.
        more_models: how many further fusion models were trained.
        slices: whether scores were sliced by a column.
        advice: whether params declared which rows are labelled, for advice before labels.
        bank: whether models were ranked by how they did in the bank.

    Example:
        >>> sorted(invented())[:4]
        ['checks', 'dataset', 'description', 'estimate']
    """
    n = 600 * len(classes)
    entropy = math.log2(len(classes))
    pairs = _pairs(modalities, entropy, n, planted=planted, negative=negative, missing=missing)
    return {
        "dataset": _dataset(name, modalities, classes, n, pairs if planted else [], grouped=grouped),
        "description": _description(modalities, classes, n, grouped=grouped, missing=missing),
        "checks": _checks(n),
        "estimate": _estimate(modalities, classes, entropy, pairs, n, grouped=grouped, missing=missing),
        "selection": invented_selection(modalities, advice=advice, bank=bank),
        "training": {
            "protocol": {"kind": "folds" if grouped else "split", "n_folds": 5, "seeds": [0, 1, 2]},
            "runs": [],
        },
        "verdict": _verdict(modalities, verdict, grouped=grouped, n=n),
        "evaluation": invented_evaluation(
            modalities, classes, verdict, n, grouped=grouped, more_models=more_models, slices=slices
        ),
        "explanation": _explanation(modalities, classes),
        "interactions": invented_interactions(modalities, pairs[0]["corrected"], n, groups=10 if grouped else None),
        "provenance": _provenance(name),
    }


def _atoms(i: int, j: int, entropy: float, *, negative: bool) -> dict[str, float]:
    leading = i == 0 and j == 1
    return {
        "redundancy": entropy * (0.20 if leading else 0.08 + 0.01 * i),
        "unique1": entropy * (0.12 + 0.02 * (i % 3)),
        "unique2": entropy * (0.05 + 0.01 * (j % 4)),
        "synergy": -0.04 * entropy if negative and leading else entropy * (0.15 if leading else 0.02),
    }


def _spread(value: float, width: float) -> list[float]:
    return [value - width, value + width]


def _pairs(
    modalities: Sequence[str], entropy: float, n: int, *, planted: bool, negative: bool, missing: float
) -> list[dict[str, Any]]:
    found = []
    for (i, first), (j, second) in itertools.combinations(enumerate(modalities), 2):
        atoms, width = _atoms(i, j, entropy, negative=negative), 0.04 * entropy
        amounts = {
            "first": atoms["redundancy"] + atoms["unique1"],
            "second": atoms["redundancy"] + atoms["unique2"],
            "both": sum(atoms.values()),
        }
        rows = round(n * (1 - missing)) if second == modalities[-1] else n
        found.append({
            "first": first, "second": second, "status": "estimated", "reason": None, "n_rows": rows, "n_groups": 10,
            "clusters": [8, 8],
            "raw": {a: atoms[a] + (0.03 * entropy if a == "synergy" else 0.005 * entropy) for a in ATOMS},
            "corrected": atoms, "interval": {a: _spread(atoms[a], width) for a in ATOMS},
            "information": {k: {"value": v, "interval": _spread(v, width)} for k, v in amounts.items()},
            "truth": {a: v + 0.01 * entropy for a, v in atoms.items()} if planted else None,
            "null": dict.fromkeys(ATOMS, 0.01 * entropy),
            "p_values": {a: 0.01 if a != "unique2" else 0.2 for a in ATOMS},
            "bounds": {"synergy": _synergy_bounds(atoms["synergy"], entropy)},
            "others": {
                "posteriors": _other(atoms), "gaussian": {"status": "refused", "reason": "Names have no order."},
            },
            "diagnostics": {"status": "optimal", "solver": "cvxpy", "gap": 2e-9, "n_resamples_failed": 0},
        })  # fmt: skip
    return found


def _synergy_bounds(synergy: float, entropy: float) -> dict[str, float]:
    return {"lower": max(synergy - 0.1 * entropy, 0.0), "upper": synergy + 0.3 * entropy,
            "lower_redundancy": synergy - 0.15 * entropy, "lower_uniqueness": synergy - 0.2 * entropy}  # fmt: skip


def _other(atoms: dict[str, float]) -> dict[str, Any]:
    values = {name: 1.1 * value for name, value in atoms.items()}
    largest = max(values, key=lambda name: values[name])
    return {
        "status": "estimated",
        "reason": None,
        "raw": values,
        "corrected": None,
        "interval": None,
        "largest": largest,
    }


def _against_rest(modalities: Sequence[str], entropy: float, n: int) -> list[dict[str, Any]]:
    if len(modalities) < 3:
        return []
    atoms = _atoms(0, 1, entropy, negative=False)
    return [
        {"modality": name, "rest": [m for m in modalities if m != name], "status": "estimated", "reason": None,
         "n_rows": n, "n_groups": 10, "clusters": [8, 8], "raw": atoms, "corrected": atoms,
         "interval": {a: _spread(v, 0.05 * entropy) for a, v in atoms.items()}}
        for name in modalities
    ]  # fmt: skip


def _dataset(
    name: str, modalities: Sequence[str], classes: Sequence[str], n: int, truths: list, *, grouped: bool
) -> dict[str, Any]:
    treated: dict[str, Any] = {
        "kind": "timeseries", "options": {"representation": "summary", "bands": 5, "length": None, "per_group": False},
        "columns": ["mean", "sd"], "imputed": {"mean": 12}, "dropped_constant": ["zero"], "output_kind": "tabular",
    }  # fmt: skip
    step = {"operation": "static", "detail": "has no time axis; passed through"}
    return {
        "name": name, "version": "1", "n_samples": n, "licence": "CC0-1.0", "source": "invented",
        "labels": [{"column": "label", "task": "classification", "classes": list(classes), "unit": None}],
        "modalities": [{"name": m, "kind": "tabular", "shape": [2], "rate": None, "unit": None} for m in modalities],
        "annotations": {
            "question": f"Which of {len(classes)} exercises is this?", "sample_noun": "window",
            "label_noun": "exercise", "group_noun": "person" if grouped else "window",
            "preprocessing": dict.fromkeys(modalities, treated),
            "alignment": {"method": "none", "modalities": dict.fromkeys(modalities, step)},
            "truth": [{"first": p["first"], "second": p["second"], **p["truth"]} for p in truths],
        },
    }  # fmt: skip


def _description(
    modalities: Sequence[str], classes: Sequence[str], n: int, *, grouped: bool, missing: float
) -> dict[str, Any]:
    share = {"train": 0.7, "valid": 0.15, "test": 0.15}
    counts = {c: 500 + 17 * (i % 7) for i, c in enumerate(classes)}
    if grouped:
        columns: list[dict[str, Any]] = [
            {"name": f"p{g:02d}", "parent": f"fold {g // 2}", "counts": {c: v // 10 for c, v in counts.items()}}
            for g in range(10)
        ]
    else:
        columns = [
            {"name": part, "parent": None, "counts": {c: round(v * s) for c, v in counts.items()}}
            for part, s in share.items()
        ]
    return {
        "n": n, "n_labelled": sum(counts.values()), "labels": counts, "groups": 10 if grouped else 0,
        "splits": {part: round(n * s) for part, s in share.items()}, "folds": 5 if grouped else 0,
        "column_kind": "group" if grouped else "split", "columns": columns,
        "missing": {m: round(n * missing) if m == modalities[-1] else 0 for m in modalities},
    }  # fmt: skip


def _checks(n: int) -> dict[str, Any]:
    def check(identity: str, title: str, status: str, source: str) -> dict[str, Any]:
        detail = "" if status == "passed" else "Look at the rows set aside."
        return {"id": identity, "title": title, "found": "0", "allowed": "0", "status": status, "detail": detail,
                "source": source}  # fmt: skip

    return {
        "dataset": "invented", "version": "1", "n_samples": n, "n_accepted": n - 1, "n_quarantined": 1,
        "quarantine_share": 1 / n, "allowed_share": 0.01,
        "checks": [check("ids", "Sample ids are unique", "passed", "schema"),
                   check("groups", "No group is in two splits", "passed", "leakage"),
                   check("reference", "Data are as accepted", "warning", "drift")],
        "quarantine": [{"sample_id": "w-17", "reasons": ["the second channel is not finite"]}],
        "reference": {"status": "none", "accepted_version": None},
    }  # fmt: skip


def _estimate(
    modalities: Sequence[str], classes: Sequence[str], entropy: float, pairs: list[dict[str, Any]], n: int, *,
    grouped: bool, missing: float,
) -> dict[str, Any]:  # fmt: skip
    alone = {m: entropy * (0.36 - 0.02 * (i % 5)) for i, m in enumerate(modalities)}
    rows = {m: round(n * (1 - missing)) if m == modalities[-1] else n for m in modalities}
    sets = [([m], v) for m, v in alone.items()] + [
        ([p["first"], p["second"]], sum(p["corrected"].values())) for p in pairs
    ]
    return {
        "dataset": "invented", "unit": "bits",
        "label": {"column": "label", "task": "classification", "classes": list(classes), "entropy": entropy},
        "estimator": {"method": "clusters", "discretiser": "kmeans", "solver": "cvxpy", "n_boot": 200, "level": 0.95,
                      "seed": 7, "n_folds": 5, "grouped": grouped, "interval": "percentile bootstrap"},
        "rows": {"n_total": n, "n_labelled": n, "n_groups": 10 if grouped else None},
        "information": [{"modalities": [m], "value": v, "interval": _spread(v, 0.05 * entropy), "clusters": 20,
                         "n_rows": rows[m]} for m, v in alone.items()],
        "pairs": pairs, "against_rest": _against_rest(modalities, entropy, n),
        "reach": [{"modalities": names, "information": v, "lower": 0.3 + 0.2 * v / entropy,
                   "upper": 0.6 + 0.6 * v / entropy, "status": "estimated", "reason": None} for names, v in sets],
    }  # fmt: skip


def _verdict(modalities: Sequence[str], verdict: str, *, grouped: bool, n: int) -> dict[str, Any]:
    best = f"unimodal:{modalities[0]}"
    gain = {"fusion": 0.04, "late_fusion": -0.005, "one_modality": 0.001}[verdict]
    over = 0.03 if verdict != "one_modality" else 0.002
    late, early = "late_fusion", "early_fusion"
    compared = [(early, late, gain), (late, best, over), (early, best, gain + over)]
    return {
        "verdict": verdict, "recommended": recommended(modalities, verdict), "best_unimodal": best,
        "decided_on": "validation", "unit": "group" if grouped else "sample", "n_units": 10 if grouped else n,
        "level": 0.95,
        "gain_left_open": None if verdict == "fusion" else 0.02, "beats_constant": True,
        "scores": [{"model": name, **scores(0.77 + 0.01 * i)} for i, name in enumerate((best, late, early))],
        "comparisons": [{"model": a, "against": b, "difference": d, "low": d - 0.02, "high": d + 0.02, "p": 0.01}
                        for a, b, d in compared],
        "reasons": [],
    }  # fmt: skip


def _explanation(modalities: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    share = {m: 0.30 / (i + 1) for i, m in enumerate(modalities)}
    return {
        "model": "early_fusion", "modalities": list(modalities), "majority_rate": 1.2 / len(classes),
        "shapley": {"overall": {m: scores(v, 0.02) for m, v in share.items()},
                    "by_class": [{"label": c, "values": {m: v * (1 - 0.02 * (k % 5)) for m, v in share.items()}}
                                 for k, c in enumerate(classes)]},
        "permutation": {m: {"drop": v / 2, "low": v / 2 - 0.01, "high": v / 2 + 0.01} for m, v in share.items()},
    }  # fmt: skip


def _provenance(name: str) -> dict[str, Any]:
    return {
        "data_sha256": SHA, "parameters_sha256": SHA[::-1], "parameters": {"seed": 7, "estimate.method": "clusters"},
        "files": [{"path": f"results/{name}/estimate.json", "sha256": SHA, "bytes": 4182}],
        "versions": {"interplay": "0.1.0", "numpy": "2.4.6"},
        "commands": ["make setup", f"interplay run --dataset {name}"],
    }  # fmt: skip
