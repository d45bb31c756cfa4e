"""Planted worlds: does each method of the zoo reach the Bayes accuracy where it can, and do additive ones fail beyond?

Every method that takes two modalities is trained on each world of `experiments.zoo_worlds`: on vectors where it reads
vectors, on sequences where it is a model of sequences. The expectations stand in `experiments.zoo_expectations` and
were written first. A fit whose validation accuracy stays `retry_below` under the Bayes accuracy is tried again with the
next of the `attempts`, and of `longer` where its method has some; the validation rows choose among them, the test rows
are read once. Accuracies are means over seeds; intervals, of `mmcore.evaluation`, go over test rows. Fits that were
finished are taken from `checkpoints`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.record import Check, run
from experiments.zoo_expectations import THESIS_TABLE_3_4, Expected, expect
from experiments.zoo_worlds import additive_ceiling, bayes_accuracy, world
from mmcore.data import Dataset
from mmcore.errors import InputError
from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.predictions import prediction_frame, read_predictions
from mmcore.training.devices import torch_threads
from mmcore.training.fitting import FitResult
from mmcore.training.methods import available_methods, fits_number, train_method
from mmcore.training.prediction import predict

CLASSES = ("0", "1")


def contestants(form: str) -> dict[str, tuple[str, ...]]:
    """Return the methods that are tried on a form of worlds, with their tags; one entry for either unimodal model.

    Example:
        >>> "mult" in contestants("sequences"), "mult" in contestants("vectors")
        (True, False)
    """
    found: dict[str, tuple[str, ...]] = {}
    for method in available_methods():
        if ("sequence" in method.tags) != (form == "sequences"):
            continue
        if "one_modality" in method.tags:
            found |= {f"{method.name}:{modality}": method.tags for modality in ("first", "second")}
        elif fits_number(method.name, 2):
            found[method.name] = method.tags
    return found


def trained(method: str, ds: Dataset, settings: Mapping[str, Any], seed: int) -> tuple[FitResult, int]:
    """Return the fit that the validation rows prefer, and how many attempts were made."""
    enough = bayes_accuracy(settings["noise"]) - settings["retry_below"]
    best: FitResult | None = None
    attempts = 0
    for options in [*settings["attempts"], *settings.get("longer", {}).get(method, [])]:
        attempts += 1
        build, fit_options = dict(options["build"]), dict(options["fit"])
        place = Path(settings["checkpoints"]) / ds.spec.name / method.replace(":", "-")
        result = train_method(method, ds, seed=seed, build=build, device="cpu", checkpoint_dir=place, **fit_options)
        if best is None or result.best_metric > best.best_metric:
            best = result
        if best.best_metric >= enough:
            break
    if best is None:
        raise InputError("attempts", "none", "at least one", "Name the options of a fit.")
    return best, attempts


def measured(method: str, ds: Dataset, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return accuracy and log loss on the test rows with intervals, or the words in which the method refused."""
    rows = ds.rows("test")
    truth = ds.labels()[rows]
    ids = ds.samples["sample_id"].to_numpy()[rows]
    frames, losses, attempts, parameters = [], [], [], 0
    for seed in settings["seeds"]:
        try:
            result, tried = trained(method, ds, settings, seed)
        except InputError as error:
            return {"status": "refused", "reason": str(error)}
        logits = predict(result.model, ds, rows)
        frames.append(prediction_frame(
            logits, truth, ids, model=method, seed=seed, fold=-1, part="test", task="classification", classes=CLASSES,
        ))  # fmt: skip
        losses.append(_log_loss(logits, truth))
        attempts.append(tried)
        parameters = result.n_parameters
    predicted = read_predictions(
        pd.concat(frames, ignore_index=True), method, task="classification", classes=CLASSES, part="test"
    )
    by_seed = [float(np.mean(predicted.prediction[place] == predicted.truth)) for place in range(len(losses))]
    return {
        "status": "trained", "accuracy": metric_interval(predicted, "accuracy").to_dict(), "by_seed": by_seed,
        "log_loss": float(np.mean(losses)), "attempts": attempts, "n_parameters": parameters,
    }  # fmt: skip


def _log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean of -log p of the true class, in nats."""
    margin = logits[np.arange(len(truth)), 1 - truth] - logits[np.arange(len(truth)), truth]
    return float(np.logaddexp(0.0, margin).mean())


def judged(name: str, expected: Expected, found: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks of one method in one world; none where nothing was promised."""
    tolerance, sampling = settings["tolerance"], settings["sampling"]
    accuracy, bayes = float(found["accuracy"]["value"]), bayes_accuracy(settings["noise"])
    quantity = f"{name}: accuracy"
    if expected.outcome == "bayes":
        return [Check(quantity, accuracy, (bayes - tolerance, bayes + sampling), "Bayes accuracy 1 - noise")]
    if expected.outcome == "chance":
        return [Check(quantity, accuracy, (0.5 - sampling, 0.5 + sampling), f"1/2: {expected.why}")]
    if expected.outcome == "additive":
        most = additive_ceiling(settings["noise"]) + sampling
        least = math.log(2.0) - settings["loss_sampling"]
        return [
            Check(quantity, accuracy, (0.0, most), "ceiling of additive models, experiments/zoo_worlds.py"),
            Check(f"{name}: log loss", found["log_loss"], (least, math.inf), "log 2, experiments/zoo_worlds.py"),
        ]
    return []


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, and what every method did in every world."""
    checks: list[Check] = []
    found: list[dict[str, Any]] = []
    for form, names in settings["worlds"].items():
        for name in names:
            own = dict(settings) | dict(settings[form])
            ds = world(name, form, rows=own["rows"], noise=own["noise"], seed=own["seed"])
            for method, tags in contestants(form).items():
                expected = expect(method, tags, name)
                values = measured(method, ds, own)
                label = f"{name} in {form}: {method}"
                print(label, values.get("accuracy", {}).get("value", "refused"), flush=True)
                entry = {"world": name, "form": form, "method": method, "tags": list(tags)}
                found.append(entry | {"expected": expected.outcome, "why": expected.why} | values)
                if values["status"] == "trained":
                    checks += judged(label, expected, values, own)
                elif expected.outcome != "unjudged":
                    checks.append(Check(f"{label}: trained", 0.0, (1.0, 1.0), values["reason"]))
    thesis = {m: dict(zip(("name", "D_R", "D_U", "D_S"), row, strict=True)) for m, row in THESIS_TABLE_3_4.items()}
    return checks, {"bayes_accuracy": bayes_accuracy(settings["noise"]), "found": found, "thesis": thesis}, {}


def one_thread(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return `experiment` computed on one thread, so that small models neither wait nor round differently."""
    with torch_threads(1):
        return experiment(settings)


if __name__ == "__main__":
    run("zoo_planted", one_thread)
