"""Trials: one method on one dataset with one seed, and tables of many of them that survive an interruption.

    trial = fit on training rows, epoch chosen on validation rows, then one reading of the test rows: accuracy, log
    loss, accuracy without a modality, and the atoms of (x1, x2, predicted class)

A trial is a pure function of the dataset, the method, the seed and the settings, of which its key is a digest; finished
trials are kept as one small file each under their key, written aside and renamed, so that a table that was interrupted
goes on where it stopped. What a method itself refuses is a result too (`status` refused, with its reason); any other
failure is raised. Reference: thesis sections 3.3.3 and 3.3.4, whose tables are made of such trials. Absent modalities
are masked in the trained model, not trained without ("absent at test", `mmcore.evaluation.missing`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmcore.atomic import write_json
from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS
from mmcore.selection.arguments import check_dataset, check_kind, check_mapping, check_names, check_seed, shown
from mmcore.selection.bank.table import PLACES, RESULT_COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from mmcore.data import Dataset
    from mmcore.selection.quantify import QuantificationFrame

SETTINGS = ("build", "fit", "quantify")
POINT_VALUES = {"n_boot": 0, "n_null": 0}
"""Options of the quantification: atoms, corrected, without intervals or chance levels."""

COLUMNS = ("world", "method", "seed", "n_train", *RESULT_COLUMNS, "key", "cpu_seconds")
_DIGITS = 6  # of a number in a row: an accuracy of a million rows, and no last bits
_SYMBOLS_SEED = 0  # of the symbols of the two modalities: all methods of a dataset are held to the same ones

Progress = Callable[[int, int, Mapping[str, Any]], None]


def resolve_method(method: str, modalities: Sequence[str]) -> str:
    """Return the method with a place (`unimodal:first`) replaced by the modality that stands there.

    Args:
        method: a name of `mmcore.training.methods`, `unimodal:<modality>`, or `unimodal:<place>`.
        modalities: of the dataset, in order; a modality that is called like a place is meant by its name.

    Raises:
        InputError: for a place that the dataset does not have.

    Example:
        >>> resolve_method("unimodal:second", ["audio", "video"]), resolve_method("mult", ["audio", "video"])
        ('unimodal:video', 'mult')
    """
    check_kind("method", method, str, "a name", "Name one of `interplay models`.")
    modalities = check_names("modalities", modalities)
    base, _, suffix = method.partition(":")
    if not suffix or suffix in modalities or suffix not in PLACES:
        return method
    place = PLACES.index(suffix)
    if place >= len(modalities):
        raise unknown_name("method", method, [f"{base}:{name}" for name in PLACES[: len(modalities)]])
    return f"{base}:{modalities[place]}"


def trial_key(definition: Any, method: str, seed: int, settings: Mapping[str, Any], *, quantify: bool = True) -> str:
    """Return the key of a trial: 16 hexadecimal digits that change with anything that its result depends on.

    Args:
        definition: of the dataset, JSON-able: how it is made, or `content_digest` of what it holds.
        method, seed, settings, quantify: as in `run_trial`.

    Example:
        >>> trial_key("xor", "mult", 0, {}) == trial_key("xor", "mult", 0, {"fit": {}})  # the same, said twice
        True
        >>> trial_key("xor", "mult", 0, {}) == trial_key("xor", "mult", 1, {})
        False
    """
    parts = [definition, method, seed, _settings(settings), quantify]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def content_digest(ds: Dataset) -> str:
    """Return a digest of everything that a fit reads of a dataset: values, presence, labels and split.

    Example:
        >>> from mmcore.data import from_arrays
        >>> one = from_arrays({"a": np.eye(2)}, labels=[0, 1], name="tiny", split=["train", "test"])
        >>> other = from_arrays({"a": np.eye(2)}, labels=[0, 1], name="tiny", split=["train", "valid"])
        >>> content_digest(one) == content_digest(other)
        False
    """
    from mmcore.data.ragged import Ragged

    check_dataset(ds)
    digest = hashlib.sha256(json.dumps([ds.spec.name, list(ds.modalities)]).encode())
    arrays = [ds.labels(), *(ds.rows(part) for part in ("train", "valid", "test"))]
    for name in ds.modalities:
        source = ds[name]
        arrays += [source.values, source.offsets] if isinstance(source, Ragged) else [np.asarray(source)]
        arrays.append(ds.presence(name))
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def run_trial(
    ds: Dataset,
    method: str,
    *,
    seed: int,
    settings: Mapping[str, Any],
    quantify: bool = True,
    frame: QuantificationFrame | None = None,
) -> dict[str, Any]:
    """Return the row of one trial, with `cpu_seconds` of its fit; numbers that do not exist are None.

    Args:
        ds: a classification with training, validation and test rows; read on one thread.
        method: a name of `mmcore.training.methods`; `unimodal:<modality>`, or `unimodal:first` and so on.
        seed: of the fit.
        settings: `build` (arguments of `build_model`), `fit` (options of `fit`) and `quantify` (options of
            `quantify_models`); each may be left out.
        quantify: whether to decompose the predictions; only done for two modalities.
        frame: `trial_frame` of the dataset, where several methods share it; made when None.

    Returns:
        the columns of the bank's trials but `key`, and `cpu_seconds`. A method that refuses the dataset has `status`
        "refused" and the reason.

    Raises:
        InputError: for a dataset without a classification, or an empty split; an unknown method or setting.
        NonFiniteLossError: where training diverges.

    Example:
        >>> from mmcore.data.worlds import draw
        >>> ds = draw("pure_unique1", {"train": 200, "valid": 50, "test": 100}, seed=0)
        >>> row = run_trial(ds, "unimodal:first", seed=0, settings={"fit": {"epochs": 8}}, quantify=False)
        >>> row["status"], row["accuracy_test"] > 0.8, row["drop_second"]
        ('trained', True, 0.0)
    """
    # what training imports is loaded before the clock starts
    from mmcore.training.devices import fabric_for, torch_threads
    from mmcore.training.methods import find_method, train_method
    from mmcore.training.procedures import single  # noqa: F401

    options = _settings(settings)
    check_seed(seed)
    name = resolve_method(method, check_dataset(ds).modalities)
    find_method(name)
    _check(ds)
    row: dict[str, Any] = {"world": ds.spec.name, "method": method, "seed": seed, "n_train": len(ds.rows("train"))}
    row |= dict.fromkeys(RESULT_COLUMNS) | {"status": "trained", "reason": "", "cpu_seconds": None}
    with torch_threads(1):
        fabric_for("cpu")
        began = time.process_time()
        try:
            result = train_method(name, ds, seed=seed, build=options["build"], **{"device": "cpu", **options["fit"]})
        except InputError as error:
            return {**row, "status": "refused", "reason": " ".join(str(error).split())}
        row |= {"cpu_seconds": round(time.process_time() - began, 3), "epochs": result.epochs}
        row["n_parameters"] = result.n_parameters
        measured, predicted = _measured(result.model, ds)
    row |= measured
    if quantify and len(ds.modalities) == 2:
        found = (frame or trial_frame(ds, options)).quantify(method, predicted).prediction
        if found.status != "refused":
            row |= {f"model_{atom}": found.values[atom] for atom in ATOMS}
    return {key: round(value, _DIGITS) if isinstance(value, float) else value for key, value in row.items()}


def trial_frame(ds: Dataset, settings: Mapping[str, Any]) -> QuantificationFrame:
    """Return the symbols of the labelled test rows, on which every method of a dataset is quantified.

    Raises:
        InputError: as `quantification_frame`.
    """
    from mmcore.selection.quantify import quantification_frame

    test = ds.rows("test")
    rows = test[ds.labels()[test] >= 0]
    options = {**POINT_VALUES, **_settings(settings)["quantify"]}
    return quantification_frame(ds, rows=rows, options=options, seed=_SYMBOLS_SEED)


def trial_table(
    datasets: Mapping[str, Callable[[], Dataset]],
    methods: Sequence[str] | Mapping[str, Sequence[str]],
    seeds: Sequence[int],
    *,
    settings: Mapping[str, Any],
    place: str | Path,
    definitions: Mapping[str, Any] | None = None,
    quantify: bool = True,
    refit: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the rows of every dataset, method and seed, taking finished trials from `place`.

    Args:
        datasets: name -> what makes the dataset; only called where a trial of it is missing, or where it has no
            definition. The name is the row's `world`.
        methods: tried on every dataset, or dataset -> methods.
        seeds: of the fits.
        settings, quantify: as in `run_trial`.
        place: folder of finished trials, one file each; interrupting and calling again goes on from there.
        definitions: dataset -> what it is made from, JSON-able; without one, the content of the dataset decides.
        refit: train again, whatever lies in `place`.
        progress: called after each trial, taken or trained, with (done, total, row).

    Returns:
        `COLUMNS`, in the order of datasets, methods and seeds.

    Raises:
        InputError: as `run_trial`; for a file in `place` that is damaged.
    """
    asked = _asked(datasets, methods)
    check_kind("place", place, str | Path, "a folder", "Name the folder of finished trials.")
    for seed in check_kind("seeds", seeds, Sequence, "a list of seeds", "Pass for example seeds=[0, 1, 2]."):
        check_seed(seed)
    total = sum(len(names) for names in asked.values()) * len(seeds)
    rows: list[dict[str, Any]] = []
    for name, make in datasets.items():
        ds: Dataset | None = None
        frame: QuantificationFrame | None = None
        if definitions is None or name not in definitions:
            ds = make()
            definition: Any = content_digest(ds)
        else:
            definition = definitions[name]
        for method in asked[name]:
            for seed in seeds:
                key = trial_key([name, definition], method, seed, settings, quantify=quantify)
                path = Path(place) / f"{key}.json"
                row = None if refit else finished_trial(path)
                if row is None:
                    ds = make() if ds is None else ds
                    if frame is None and quantify and len(ds.modalities) == 2:
                        frame = trial_frame(ds, settings)
                    row = run_trial(ds, method, seed=seed, settings=settings, quantify=quantify, frame=frame)
                    row |= {"world": name, "key": key}
                    write_json(path, row)
                rows.append(row)
                if progress is not None:
                    progress(len(rows), total, row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _asked(
    datasets: Mapping[str, Callable[[], Dataset]], methods: Sequence[str] | Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return dataset -> the methods to try on it."""
    for name, make in check_mapping("datasets", datasets, "functions that make a dataset, by name").items():
        if not callable(make):
            raise InputError(f"datasets['{name}']", shown(make), "a function without arguments", "Pass lambda: ds.")
    one = isinstance(methods, Mapping)
    missing = [name for name in datasets if name not in methods] if one else []
    if missing:
        raise InputError("methods", f"none for {missing[0]}", "methods of every dataset", "Name them.")
    return {name: check_names("methods", methods[name] if one else methods) for name in datasets}  # type: ignore[call-overload]


def finished_trial(path: Path) -> dict[str, Any] | None:
    """Return the row in a file of `trial_table`, None where there is no file.

    Raises:
        InputError: where the file is damaged.
    """
    check_kind("place", path, Path, "a Path", "Name the file.")
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError("place", f"{path}: {error}", "a file that was written whole", "Delete it.") from error
    if not isinstance(row, dict) or set(row) != set(COLUMNS) or row["key"] != path.stem:
        raise InputError("place", f"{path} with other columns", ", ".join(COLUMNS), "Delete it.")
    return row


def _settings(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    for name in check_mapping("settings", settings, ", ".join(SETTINGS)):
        if name not in SETTINGS:
            raise unknown_name("settings", str(name), SETTINGS)
    return {name: dict(check_mapping(f"settings.{name}", settings.get(name) or {}, "options")) for name in SETTINGS}


def _check(ds: Dataset) -> None:
    task = ds.spec.label(None).task
    if task != "classification":
        raise InputError("label", task, "a classification", "Choose a label column with classes.")
    for part in ("train", "valid", "test"):
        if not (ds.labels()[ds.rows(part)] >= 0).any():
            raise InputError("ds", f"no labelled row in '{part}'", "labelled rows in each part", "Split the rows.")


def _measured(model: nn.Module, ds: Dataset) -> tuple[dict[str, float], NDArray[np.int64]]:
    """Return accuracies, log loss and drops, and the predicted class of each labelled test row."""
    from mmcore.training.prediction import predict

    labels = ds.labels()
    valid, test = (rows[labels[rows] >= 0] for rows in (ds.rows("valid"), ds.rows("test")))

    def accuracy(logits: NDArray[np.float64], rows: NDArray[np.int64]) -> float:
        return float(np.mean(logits.argmax(axis=1) == labels[rows]))

    logits = predict(model, ds, test)
    found = {"accuracy_valid": accuracy(predict(model, ds, valid), valid), "accuracy_test": accuracy(logits, test)}
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(test)), labels[test]]
    found["log_loss_test"] = float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - own))
    for place, absent in list(zip(PLACES, ds.modalities, strict=False))[:2]:
        left = tuple(name for name in ds.modalities if name != absent)
        if absent in model.modalities and left:  # type: ignore[operator]
            found[f"drop_{place}"] = found["accuracy_test"] - accuracy(predict(model, ds, test, present=left), test)
        else:
            found[f"drop_{place}"] = 0.0
    return found, logits.argmax(axis=1)
