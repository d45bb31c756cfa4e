"""Propose models from the interactions, and advise before labels where params declare which rows are labelled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.atomic import write_json
from mmcore.data import Dataset, load_dataset
from mmcore.errors import InputError, counted, unknown_name
from mmcore.evaluation.protocol import partitions
from mmcore.selection import propose
from tasks.advice import advice_rows, known_labels, modality_advice
from tasks.gates import GateError
from tasks.parameters import load_parameters
from tasks.parameters.model import Select
from tasks.places import Places
from tasks.tracking import task


@task
def propose_models(dataset: str, root: Path) -> Path:
    """Write the candidates, the mandatory baselines, the evidence for them, and the advice before labels.

    Raises:
        GateError: with everything about the dataset that leaves nothing to select, or that the advice cannot use.
    """
    places, parameters = Places(dataset, root), load_parameters(root)
    own = parameters.datasets[dataset]
    select, encoders = parameters.select.of(own), parameters.train.of(own).encoders
    ds = load_dataset(places.prepared)
    problems = selection_problems(ds, select)
    if problems:
        lines = [f"  {number}. {problem}" for number, problem in enumerate(problems, 1)]
        raise GateError("\n".join([f"select: {counted(len(problems), 'problem')}; nothing was proposed.", *lines]))
    estimate = json.loads(places.estimate.read_text(encoding="utf-8"))
    try:
        content = propose(estimate, ds.modalities, seed=parameters.seed, **_options(ds, select, encoders))
    except InputError as error:
        key = f"select.{error.argument}" if error.argument in ("budget", "top", "bank") else error.argument
        raise InputError(key, error.received, error.allowed, error.remedy) from error
    advice = None if select.advice is None else modality_advice(select.advice, ds, seed=parameters.seed)
    write_json(places.selection, {**content, "advice": advice})
    return places.selection


def _options(ds: Dataset, select: Select, encoders: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the proposal is limited by: the number of models, their cost, the bank, and what can be built."""
    from mmcore.training import fitting_methods

    chosen = {name: choice for name, choice in encoders.items() if name in ds.modalities}
    fitting, _ = fitting_methods(ds.spec, build={"encoders": chosen} if chosen else None)
    return {
        "bank": None if select.bank else False, "top": select.top, "budget": select.budget, "methods": fitting,
        "n_rows": training_rows(ds),
    }  # fmt: skip


def training_rows(ds: Dataset) -> int:
    """Return how many labelled rows one fit sees: those of the training part, or of all folds but the tested ones."""
    parts, known = partitions(ds), known_labels(ds)
    return int(np.mean([known[part.train].sum() for part in parts]))


def selection_problems(ds: Dataset, select: Select) -> list[InputError]:
    """Return everything about a prepared dataset that leaves nothing to select, or that its advice cannot use.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((4, 1))}, labels=["no"] * 4, name="tiny")
        >>> [problem.argument for problem in selection_problems(ds, Select(top=1, budget=None, bank=True, advice=None))]
        ['tiny.modalities', 'tiny.label']
    """
    name, problems = ds.spec.name, []
    if len(ds.modalities) < 2:
        problems.append(InputError(f"{name}.modalities", f"one, {', '.join(ds.modalities)}", "two or more",
                                   "With one modality there is nothing to select: add another."))  # fmt: skip
    known, spec = known_labels(ds), ds.spec.label()
    if not known.any():
        problems.append(InputError(f"{name}.{spec.column}", "no label in any row", "rows with a label",
                                   "Label some rows: without any there is nothing to learn."))  # fmt: skip
    elif spec.task == "classification" and len(np.unique(ds.labels()[known])) < 2:
        problems.append(InputError(f"{name}.{spec.column}", "labels of one class", "two classes or more",
                                   "There is nothing to tell apart: check the labels."))  # fmt: skip
    return problems + _advice_problems(ds, select)


def _advice_problems(ds: Dataset, select: Select) -> list[InputError]:
    if select.advice is None:
        return []
    problems = []
    for key, given in (("held", select.advice.held), ("candidates", select.advice.candidates)):
        names = [given] if isinstance(given, str) else given or []
        strangers = [modality for modality in names if modality not in ds.modalities]
        problems += [unknown_name(f"select.advice.{key}", stranger, ds.modalities) for stranger in strangers]
    try:
        advice_rows(select.advice, ds)
    except InputError as error:
        problems.append(error)
    return problems
