"""`params.yaml`, read once, validated whole, and handed on frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mmcore.errors import InputError, unknown_name
from tasks.parameters.model import DatasetParameters, Parameters
from tasks.parameters.problems import ParametersError, structure_problems

__all__ = ["DatasetParameters", "Parameters", "ParametersError", "check_parameters", "load_parameters"]

PARAMETERS_FILE = "params.yaml"


def load_parameters(root: str | Path = ".") -> Parameters:
    """Return the validated parameters of the project at `root`.

    Raises:
        ParametersError: with every problem of the file, not only the first.
    """
    path = Path(root) / PARAMETERS_FILE
    if not path.is_file():
        remedy = "Run from the project's root, or make one with 'git clone'."
        raise ParametersError([InputError(PARAMETERS_FILE, "no such file", "a file in the project's root", remedy)])
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        problem = InputError(PARAMETERS_FILE, str(error).replace("\n", " "), "valid YAML", "Correct the line named.")
        raise ParametersError([problem]) from error
    return check_parameters(content)


def check_parameters(content: Any) -> Parameters:
    """Return `content` as parameters.

    Raises:
        ParametersError: with every problem: structure, names of readers, methods, aligners, metrics and datasets.
    """
    parameters, problems = structure_problems(content)
    problems += _meaning_problems(content if isinstance(content, Mapping) else {})
    if problems or parameters is None:
        raise ParametersError(problems)
    return parameters


def _meaning_problems(content: Mapping[str, Any]) -> list[InputError]:
    """Names that only the science knows; asked on the raw content, so that they show beside structural mistakes."""
    from mmcore.align import check_alignment
    from mmcore.data.formats import check_source
    from mmcore.data.preprocess import check_options

    problems: list[InputError] = []
    datasets = content.get("datasets")
    datasets = datasets if isinstance(datasets, Mapping) else {}
    problems += _at("preprocess", check_options(_block(content, "preprocess"), ()))
    for name, block in datasets.items():
        if not isinstance(block, Mapping):
            continue
        source = _block(block, "source")
        if source:
            problems += _at(f"datasets.{name}.source", check_source(source))
        modalities = source.get("modalities")
        known = tuple(modalities) if isinstance(modalities, Mapping) else None
        problems += _at(f"datasets.{name}.preprocess", check_options(_block(block, "preprocess"), known))
        problems += _at(f"datasets.{name}.align", check_alignment(_block(block, "align"), known or ()))
    problems += _choice_problems(content)
    problems += _schedule_problems(_block(content, "schedule"), list(datasets))
    return problems


def _choice_problems(content: Mapping[str, Any]) -> list[InputError]:
    from mmcore.evaluation.metrics import METRICS
    from mmcore.information.pid import ESTIMATORS

    choices = (
        ("estimate", "method", list(ESTIMATORS)),
        ("evaluate", "metric", ["auto", *(metric.name for metric in METRICS)]),
    )
    found = []
    for group, key, valid in choices:
        value = _block(content, group).get(key)
        if isinstance(value, str) and value not in valid:
            found.append(unknown_name(f"{group}.{key}", value, valid))
    return found


def _schedule_problems(schedule: Mapping[str, Any], datasets: list[str]) -> list[InputError]:
    problems = []
    named = schedule.get("datasets")
    for name in named if isinstance(named, list) else []:
        if name not in datasets:
            problems.append(unknown_name("schedule.datasets", str(name), datasets))
    cron = schedule.get("cron")
    if isinstance(cron, str) and len(cron.split()) not in (5, 6):
        remedy = "Write for example '0 3 * * *' for three o'clock every night."
        problems.append(InputError("schedule.cron", repr(cron), "five fields: minute hour day month weekday", remedy))
    return problems


def _block(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _at(prefix: str, problems: list[InputError]) -> list[InputError]:
    return [
        InputError(f"{prefix}.{problem.argument}", problem.received, problem.allowed, problem.remedy)
        for problem in problems
    ]
