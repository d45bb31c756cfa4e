"""Real data: late fusion beside simple baselines, other fusions beside it, and the verdict of the validation rows.

Of each dataset of `experiments.zoo_real_sets`, every unimodal model, late fusion and the fusions named in the
parameters are trained on the same rows; `mmcore.evaluation` gives the verdict, and intervals over groups where rows
come in groups.
Expected, and written before the first run:

    late fusion     test accuracy at least that of the baseline of `experiments.zoo_baselines`, less two points (what
                    that module says of the robot's failures and of avmnist_xor was changed after a run)
    mosi            verdict `one_modality`, text recommended ("text unique, fusion hurts", README)
    avmnist_xor     late fusion at most 3/4, the ceiling of additive models (`experiments.zoo_worlds`), within the error
                    of its sample; verdict `fusion`

Finished fits are taken from `checkpoints`, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.record import Check, run
from experiments.zoo_baselines import BASELINES, Baseline, baseline_logits, features
from experiments.zoo_real_sets import RealSet, read_set
from mmcore.errors import InputError
from mmcore.evaluation.domains import dataset_domains
from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.leaderboard import leaderboard
from mmcore.evaluation.paired import compare
from mmcore.evaluation.predictions import Predicted, prediction_frame, read_predictions
from mmcore.evaluation.verdict import LATE_FUSION, decide
from mmcore.training.devices import torch_threads
from mmcore.training.methods import train_method
from mmcore.training.prediction import predict

TOLERANCE = 0.02
VERDICTS = {
    "mosi": ("one_modality", "unimodal:text_minilm", 'README: "text unique, fusion hurts"'),
    "avmnist_xor": ("fusion", None, "README: labelled as synergy, which late fusion cannot use"),
}
ADDITIVE_CEILING = {"avmnist_xor": 0.75}


def _frame(real: RealSet, logits: np.ndarray, rows: np.ndarray, **cell: Any) -> pd.DataFrame:
    ds = real.ds
    groups = None if ds.groups is None else np.asarray(ds.groups)[rows]
    label = ds.spec.label()
    ids = ds.samples["sample_id"].to_numpy()[rows]
    return prediction_frame(
        logits, ds.labels()[rows], ids, task="classification", classes=label.classes or (), groups=groups, **cell
    )


def predictions(real: RealSet, models: list[str], settings: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of held-out predictions of all models and baselines, and what was refused or how large it is."""
    frames: list[pd.DataFrame] = []
    notes: dict[str, Any] = {}
    for seed in settings["seeds"]:
        for part in real.parts:
            rows = {"train": part.train, "valid": part.valid}
            for model in models:
                cell = {"model": model, "seed": seed, "fold": part.fold}
                name = f"{model}-{part.fold}-{seed}".replace(":", "-")
                place = Path(settings["checkpoints"]) / real.ds.spec.name / name
                build, options = _options(model, settings)
                try:
                    result = train_method(
                        model, real.ds, rows=rows, seed=seed, build=build, device="cpu", checkpoint_dir=place, **options
                    )
                except InputError as error:
                    notes[model] = {"status": "refused", "reason": str(error)}
                    continue
                notes[model] = {"status": "trained", "n_parameters": result.n_parameters}
                for held in ("valid", "test"):
                    at = part.rows(held)
                    frames.append(_frame(real, predict(result.model, real.ds, at), at, part=held, **cell))
    frames += _baselines(real, settings)
    return pd.concat(frames, ignore_index=True), notes


def _options(model: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how a model is built and fitted: by its `own` options, else by the dataset's."""
    chosen = dict(settings.get("own") or {}).get(model, settings)
    build, alone = dict(chosen["build"]), model.partition(":")[2]
    if "encoders" in build:
        build["encoders"] = {name: one for name, one in build["encoders"].items() if alone in ("", name)}
    return build, dict(chosen["fit"])


def _baselines(real: RealSet, settings: Mapping[str, Any]) -> list[pd.DataFrame]:
    frames = []
    labels, n_classes = real.ds.labels(), real.ds.spec.label().n_outputs
    for part in real.parts:
        columns = features(real.ds, part.train)
        for model in ("logistic_regression", "extra_trees"):
            found = baseline_logits(model, columns, labels, part, n_classes, seed=settings["seed"])
            for name, logits in found.items():
                cell = {"model": model, "seed": 0, "fold": part.fold, "part": name}
                frames.append(_frame(real, logits, part.rows(name), **cell))
    return frames


def _read(table: pd.DataFrame, model: str, classes: tuple[str, ...], part: str) -> Predicted:
    return read_predictions(table, model, task="classification", classes=classes, part=part)


def _accuracy(predicted: Predicted) -> float:
    return float(np.mean([np.mean(one == predicted.truth) for one in predicted.prediction]))


def summarised(real: RealSet, table: pd.DataFrame, notes: dict[str, Any], baseline: Baseline) -> dict[str, Any]:
    """Return accuracies with intervals, differences to late fusion, the verdict, and what late fusion is held to."""
    classes = real.ds.spec.label().classes or ()
    trained = [model for model, note in notes.items() if note["status"] == "trained"]
    computed = ["logistic_regression", "extra_trees"]
    valid = table[table["part"] == "valid"]
    verdict = decide(valid, candidates=trained, task="classification", classes=classes)
    test = {model: _read(table, model, classes, "test") for model in [*trained, *computed]}
    order = sorted(baseline.models, key=lambda model: -_accuracy(_read(table, model, classes, "valid")))
    chosen = order[0] if order and baseline.stated is None else None
    entries = []
    for model, predicted in test.items():
        entry = {"model": model, "accuracy": metric_interval(predicted, "accuracy").to_dict()} | notes.get(model, {})
        if model != LATE_FUSION:
            entry["difference"] = compare(predicted, test[LATE_FUSION], metric="accuracy").to_dict()
        entries.append(entry)
    refused = [{"model": model} | note for model, note in notes.items() if note["status"] != "trained"]
    held: dict[str, Any] = {"source": baseline.source, "model": chosen}
    held["accuracy"] = baseline.stated if chosen is None else _accuracy(test[chosen])
    return {
        "n_test": len(test[LATE_FUSION].truth), "unit": test[LATE_FUSION].unit, "n_units": test[LATE_FUSION].n_units,
        "baseline": held, "models": entries + refused,
        "verdict": {key: verdict[key] for key in ("verdict", "recommended", "best_unimodal", "reasons")},
    }  # fmt: skip


def judged(name: str, found: Mapping[str, Any]) -> list[Check]:
    """Return the checks of one dataset."""
    values = {entry["model"]: entry["accuracy"] for entry in found["models"] if "accuracy" in entry}
    late, held = values[LATE_FUSION], found["baseline"]
    checks = []
    if held["accuracy"] is not None:
        less = float(late["value"]) - float(held["accuracy"])
        rival = held["model"] or f"stated {held['accuracy']}"
        checks.append(Check(f"{name}: late fusion less {rival}", less, (-TOLERANCE, 1.0), held["source"]))
    if name in VERDICTS:
        verdict, recommended, source = VERDICTS[name]
        given = found["verdict"]
        right = given["verdict"] == verdict and recommended in (None, given["recommended"])
        wanted = verdict if recommended is None else f"{verdict}, {recommended}"
        checks.append(Check(f"{name}: verdict is {wanted}", float(right), (1.0, 1.0), source))
    if name in ADDITIVE_CEILING:
        most = ADDITIVE_CEILING[name] + float(late["value"]) - float(late["low"])
        source = "ceiling of additive models, experiments/zoo_worlds.py, and half the interval"
        checks.append(Check(f"{name}: late fusion", float(late["value"]), (0.0, most), source))
    return checks


def standings(found: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaderboard of the models that every dataset has, and the best of each side by dataset."""
    rows = [
        {"dataset": name, "model": entry["model"], "value": float(entry["accuracy"]["value"])}
        for name, one in found.items()
        for entry in one["models"]
        if "accuracy" in entry
    ]
    scores = pd.DataFrame(rows)
    shared = scores.groupby("model")["dataset"].nunique()
    everywhere = scores[scores["model"].isin(shared[shared == len(found)].index)]
    fusions: dict[str, list[str]] = {
        model: [] for model in scores["model"].unique() if not model.startswith("unimodal:")
    }
    in_domain = fusions | dict(settings["in_domain"])
    return {
        "leaderboard": leaderboard(everywhere, True).to_dict(),
        "domains": [one.to_dict() for one in dataset_domains(scores, in_domain, True)],
    }


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, and of each dataset what was found."""
    checks: list[Check] = []
    found: dict[str, Any] = {}
    with torch_threads(1):
        for name, own in settings["datasets"].items():
            real = read_set(name, Path(settings["root"]), seed=settings["seed"], sizes=dict(own["sizes"]))
            models = [f"unimodal:{modality}" for modality in real.ds.modalities]
            models += [LATE_FUSION, *settings["fusions"], *own.get("more", [])]
            table, notes = predictions(real, models, dict(settings) | dict(own))
            found[name] = summarised(real, table, notes, BASELINES[name])
            checks += judged(name, found[name])
            for entry in found[name]["models"]:
                print(name, entry["model"], entry.get("accuracy", {}).get("value", "refused"), flush=True)
            print(name, found[name]["baseline"], found[name]["verdict"]["verdict"], flush=True)
    return checks, {"datasets": found} | standings(found, settings), {}


if __name__ == "__main__":
    run("zoo_real", experiment)
