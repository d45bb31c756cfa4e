"""Results of datasets that do not exist, one for each kind of page."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from mmcore.reporting.invented import invented

HOSTILE = '<script>alert("x")</script>'


def two() -> dict[str, Any]:
    """Two modalities, ten persons in five folds, late fusion is enough."""
    return invented(grouped=True, verdict="late_fusion", name="two")


def planted() -> dict[str, Any]:
    """Three modalities whose parts are known."""
    return invented(("alpha", "beta", "gamma"), tuple("abcdefgh"), planted=True, name="planted")


def movies() -> dict[str, Any]:
    """Four modalities, the last of them missing in 61 of 100 rows."""
    return invented(("people", "content", "market", "critic"), ("rotten", "fresh"), missing=0.61, name="movies")


def nearly_empty() -> dict[str, Any]:
    """Only dataset.json."""
    return {"dataset": invented(name="nearly-empty")["dataset"]}


def refused() -> dict[str, Any]:
    """Every pair was refused."""
    results = copy.deepcopy(invented(("text", "audio", "video"), name="refused"))
    for entry in results["estimate"]["pairs"]:
        entry |= {"status": "refused", "reason": "8 rows have both; 30 are needed."}
    for entry in results["estimate"]["reach"]:
        entry |= {"status": "refused", "lower": None, "upper": None, "reason": "8 rows have both; 30 are needed."}
    return results


def failed_check() -> dict[str, Any]:
    """A check failed and stopped the run."""
    results = copy.deepcopy(invented(grouped=True, name="failed-check"))
    results["checks"]["checks"][1] |= {"status": "failed", "found": "3 persons", "detail": "Split by person again."}
    absent = {"status": "absent", "reason": "The acceptance checks stopped the run."}
    return {**results, **dict.fromkeys(("estimate", "selection", "training", "verdict", "evaluation"), absent)}


def many() -> dict[str, Any]:
    """Forty models, scores by slice."""
    return invented(grouped=True, more_models=36, slices=True, name="many")


def hostile() -> dict[str, Any]:
    """Every name that a user can choose is a piece of HTML."""
    results = copy.deepcopy(invented((HOSTILE, "b" + HOSTILE), ("c" + HOSTILE, "d" + HOSTILE), name=HOSTILE))
    results["dataset"]["annotations"] |= {f"{k}_noun": k + HOSTILE for k in ("sample", "group", "label", "modality")}
    results["dataset"] |= {"licence": HOSTILE, "source": HOSTILE}
    results["dataset"]["annotations"]["question"] = HOSTILE
    results["checks"]["checks"][2] |= {"title": HOSTILE, "found": HOSTILE, "allowed": HOSTILE, "detail": HOSTILE}
    results["checks"]["quarantine"] = [{"sample_id": HOSTILE, "reasons": [HOSTILE]}]
    results["provenance"]["commands"] = [HOSTILE]
    evaluation = results["evaluation"]
    evaluation["slices"] = [{**entry, "column": HOSTILE, "value": HOSTILE, "reason": entry["reason"] and HOSTILE}
                            for entry in invented(slices=True)["evaluation"]["slices"]]  # fmt: skip
    evaluation["conformal"]["table"][2] |= {"pattern": HOSTILE, "reason": HOSTILE}
    evaluation["robustness"]["corruptions"] = {m: [HOSTILE] for m in evaluation["robustness"]["corruptions"]}
    for model in evaluation["models"]:
        for compared in (model["difference"], model["difference_unimodal"]):
            if compared:
                compared["test"] = HOSTILE
    results["provenance"]["parameters"] = {HOSTILE: HOSTILE}
    return results


SAMPLES: dict[str, Callable[[], dict[str, Any]]] = {
    "two": two, "planted": planted, "movies": movies, "nearly_empty": nearly_empty, "refused": refused,
    "failed_check": failed_check, "many": many, "hostile": hostile,
}  # fmt: skip
