"""Table 6.3 on real pairs: what could be said before labels met pairs, beside what models reached once they did.

    unimodal   the better of the two            simple   the better of the models that add modalities up
    complex    the best of those that multiply or mix them         each chosen on validation rows, scored on test rows

The pairs are those of `experiments.expectations`, on the features of `experiments.real_features`. The advice sees the
labels of a half of the rows, one modality at a time, and the pairing of the other half.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.expectations import EXPECTATIONS
from experiments.real_features import Rows, read
from mmcore.data import Dataset, from_arrays
from mmcore.errors import InputError
from mmcore.evaluation.protocol import partitions
from mmcore.seeds import stream
from mmcore.training.methods import train_method
from mmcore.training.prediction import predict

KINDS = ("unimodal", "simple", "complex")


def real_pairs(root: Path, *, max_rows: int, seed: int) -> Iterator[tuple[str, Dataset]]:
    """Yield each pair of `EXPECTATIONS` as a dataset of two modalities, at most `max_rows` rows.

    Raises:
        InputError: where the data are not there.
    """
    data: dict[str, Rows] = {}
    for expected in EXPECTATIONS:
        if expected.dataset not in data:
            rows = read(expected.dataset, root, seed=seed)
            if len(rows.labels) > max_rows:
                some = stream(seed, "rows").choice(len(rows.labels), max_rows, replace=False)
                rows = rows.take(np.sort(some))
            data = {expected.dataset: rows}
        rows = data[expected.dataset]
        values = {name: rows.sources[name].astype(np.float32) for name in (expected.first, expected.second)}
        kinds = dict.fromkeys(values, "embedding")
        labels = np.asarray(rows.labels).astype(str)
        name = f"{expected.dataset}: {expected.first} with {expected.second}"
        yield name, from_arrays(values, labels, name=expected.dataset, groups=rows.groups, kinds=kinds, seed=seed)


def kind_of_models(ds: Dataset, models: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the models of each kind; the unimodal ones follow from the dataset.

    Example:
        >>> ds = from_arrays({"a": np.eye(6), "b": np.eye(6)}, labels=[0, 1] * 3, name="tiny")
        >>> kind_of_models(ds, {"simple": ["late_fusion"], "complex": []})["unimodal"]
        ['unimodal:a', 'unimodal:b']
    """
    return {"unimodal": [f"unimodal:{name}" for name in ds.modalities], **{k: list(v) for k, v in models.items()}}


def accuracies(name: str, ds: Dataset, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return by kind which model was chosen and its test accuracy, a mean over the seeds, and the rows that test."""
    part = partitions(ds)[0]
    labels = ds.labels()
    reached: dict[str, dict[str, list[float]]] = {}
    for seed in settings["seeds"]:
        for model in [one for of_kind in kind_of_models(ds, settings["models"]).values() for one in of_kind]:
            place = Path(settings["checkpoints"]) / "".join(c if c.isalnum() else "_" for c in f"{name}-{model}-{seed}")
            try:
                fitted = train_method(
                    model, ds, rows={"train": part.train, "valid": part.valid}, seed=seed, device="cpu",
                    build=dict(settings["build"]), checkpoint_dir=place, **dict(settings["fit"]),
                )  # fmt: skip
            except InputError as error:
                reached.setdefault(model, {})["refused"] = [seed]
                print(name, model, "refused:", error, flush=True)
                continue
            for held in ("valid", "test"):
                at = part.rows(held)
                right = predict(fitted.model, ds, at).argmax(axis=1) == labels[at]
                reached.setdefault(model, {}).setdefault(held, []).append(float(right.mean()))
    return {"n_test": len(part.test), **chosen(reached, kind_of_models(ds, settings["models"]))}


def chosen(reached: Mapping[str, Mapping[str, list[float]]], kinds: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return of each kind the model best on validation rows and its test accuracy, and all accuracies.

    Example:
        >>> seen = {"sum": {"valid": [0.7], "test": [0.6]}, "late_fusion": {"valid": [0.6], "test": [0.9]}}
        >>> chosen(seen, {"simple": ["sum", "late_fusion"]})["simple"]
        {'model': 'sum', 'accuracy': 0.6}
    """
    found: dict[str, Any] = {"test_accuracy": {m: float(np.mean(v["test"])) for m, v in reached.items() if "test" in v}}
    for kind, models in kinds.items():
        trained = [model for model in models if "valid" in reached.get(model, {})]
        if trained:
            best = max(trained, key=lambda model: float(np.mean(reached[model]["valid"])))
            found[kind] = {"model": best, "accuracy": found["test_accuracy"][best]}
    return found
