"""`params.yaml`, read once, validated whole, and handed on frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcore.errors import InputError, unknown_name
from tasks.parameters.model import DatasetParameters, Parameters
from tasks.parameters.problems import ParametersError, structure_problems
from tasks.parameters.schedule import schedule_problems

__all__ = ["DatasetParameters", "Parameters", "ParametersError", "check_parameters", "load_parameters"]

PARAMETERS_FILE = "params.yaml"


def load_parameters(root: str | Path = ".") -> Parameters:
    """Return the validated parameters of the project at `root`.

    Raises:
        ParametersError: with every problem of the file, not only the first.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = Path(root) / PARAMETERS_FILE
    if not path.is_file():
        remedy = "Run from the project's root, or make one with 'git clone'."
        raise ParametersError([InputError(PARAMETERS_FILE, "no such file", "a file in the project's root", remedy)])
    try:
        # YAML 1.2, as DVC reads it: 1e-3 is a number, a key that stands twice is an error. Safe: no tag runs code.
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        problem = InputError(PARAMETERS_FILE, str(error).replace("\n", " "), "valid YAML", "Correct the line named.")
        raise ParametersError([problem]) from error
    return check_parameters(content, root)


def check_parameters(content: Any, root: str | Path = ".") -> Parameters:
    """Return `content` as parameters of the project at `root`.

    Raises:
        ParametersError: with every problem: structure, names of readers, methods, aligners, metrics and datasets.
    """
    parameters, problems = structure_problems(content)
    problems += _meaning_problems(content if isinstance(content, Mapping) else {}, Path(root))
    if problems or parameters is None:
        raise ParametersError(problems)
    return parameters


def _meaning_problems(content: Mapping[str, Any], root: Path) -> list[InputError]:
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
        if isinstance(block.get("source"), Mapping):
            found = check_source(source)
            found += [] if any(problem.argument == "path" for problem in found) else _path_problems(source)
            problems += _at(f"datasets.{name}.source", found)
        modalities = source.get("modalities")
        known = tuple(modalities) if isinstance(modalities, Mapping) else None
        problems += _at(f"datasets.{name}.preprocess", check_options(_block(block, "preprocess"), known))
        problems += _at(f"datasets.{name}.align", check_alignment(_block(block, "align"), known or ()))
        problems += _at(f"datasets.{name}.ranges", _range_problems(_block(block, "ranges"), known))
        problems += _estimate_problems(content, name, _block(block, "estimate"))
    problems += _choice_problems(_block(content, "estimate"), "estimate")
    problems += _other_choice_problems(content)
    problems += schedule_problems(_block(content, "schedule"), list(datasets), root)
    return problems


def _estimate_problems(content: Mapping[str, Any], name: str, own: Mapping[str, Any]) -> list[InputError]:
    """What is wrong with a dataset's own estimate settings; the common ones are checked by themselves."""
    if not own:
        return []
    trial = {**content, "estimate": {**_block(content, "estimate"), **own}}
    _, found = structure_problems(trial)
    common = {str(problem) for problem in structure_problems(content)[1]}
    here = [problem for problem in found if problem.argument.startswith("estimate") and str(problem) not in common]
    here += _choice_problems(own, "estimate")
    return [InputError(f"datasets.{name}.{p.argument}", p.received, p.allowed, p.remedy) for p in here]


def _choice_problems(block: Mapping[str, Any], prefix: str) -> list[InputError]:
    """Names in a block of estimate settings that no estimator, solver or rule has."""
    from mmcore.information.discretise import KINDS
    from mmcore.information.estimators import available_estimators
    from mmcore.information.solvers import SOLVERS
    from mmcore.information.uncertainty import CORRECTIONS, INTERVALS

    estimators = available_estimators()
    choices = (
        ("method", estimators),
        ("discretiser", list(KINDS)),
        ("correction", list(CORRECTIONS)),
        ("interval", list(INTERVALS)),
        ("solver", [solver.name for solver in SOLVERS]),
    )
    found = []
    for key, valid in choices:
        value = block.get(key)
        if isinstance(value, str) and value not in valid:
            found.append(unknown_name(f"{prefix}.{key}", value, valid))
    compared = block.get("compare")
    for value in compared if isinstance(compared, list) else []:
        if isinstance(value, str) and value not in estimators:
            found.append(unknown_name(f"{prefix}.compare", value, estimators))
    return found


def _other_choice_problems(content: Mapping[str, Any]) -> list[InputError]:
    from mmcore.evaluation.metrics import METRICS

    found = []
    metric, valid = _block(content, "evaluate").get("metric"), ["auto", *(metric.name for metric in METRICS)]
    if isinstance(metric, str) and metric not in valid:
        found.append(unknown_name("evaluate.metric", metric, valid))
    seeds = _block(content, "train").get("seeds")
    if isinstance(seeds, list) and len(set(map(repr, seeds))) < len(seeds):
        remedy = "Name each seed once: the same seed twice is the same run."
        found.append(InputError("train.seeds", seeds, "different seeds", remedy))
    return found


def _path_problems(source: Mapping[str, Any]) -> list[InputError]:
    """DVC needs a path for every dataset: it is what the stage depends on."""
    path = source.get("path")
    if isinstance(path, str) and path:
        return []
    received = "nothing" if path is None else repr(path)
    remedy = "Name the file or folder; for planted data the module that makes it, mmcore/data/worlds/planted.py."
    return [InputError("path", received, "a path from the project's root", remedy)]


def _range_problems(ranges: Mapping[str, Any], known: tuple[str, ...] | None) -> list[InputError]:
    problems = []
    for name in ranges:
        if known is not None and name not in known:
            problems.append(unknown_name(str(name), str(name), known))
        low, high = (_block(ranges, name).get(key) for key in ("low", "high"))
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            remedy = "Exchange the two, or leave one out."
            problems.append(InputError(str(name), f"low {low:g} above high {high:g}", "low <= high", remedy))
    return problems


def _block(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _at(prefix: str, problems: list[InputError]) -> list[InputError]:
    return [
        InputError(f"{prefix}.{problem.argument}", problem.received, problem.allowed, problem.remedy)
        for problem in problems
    ]
