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
VALIDATION_METRICS = (
    "auto", "accuracy", "balanced_accuracy", "f1_macro", "negative_mse", "negative_mae", "negative_loss",
)  # fmt: skip
"""Of `mmcore.training.metrics`, which imports torch; a test compares the two."""
_FEWEST_DRAWS = 10


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
        text = path.read_text(encoding="utf-8")
        content = YAML(typ="safe", pure=True).load(text)
        YAML(typ="safe").load(text)  # DVC's own parser, which is stricter: it refuses [unimodal:sound] without quotes
    except (YAMLError, UnicodeDecodeError) as error:
        problem = InputError(PARAMETERS_FILE, str(error).replace("\n", " "), "valid YAML",
                             "Correct the line named; quote names with a colon, as in ['unimodal:sound'].")  # fmt: skip
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
    from mmcore.data.formats import check_source, modality_names
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
        known = modality_names(source)
        if known is not None and len(known) == 1:
            remedy = "With one modality nothing can interact: declare another."
            received = f"one, {known[0]}"
            problems.append(InputError(f"datasets.{name}.source.modalities", received, "two or more", remedy))
        problems += _at(f"datasets.{name}.preprocess", check_options(_block(block, "preprocess"), known))
        problems += _at(f"datasets.{name}.align", check_alignment(_block(block, "align"), known or ()))
        problems += _at(f"datasets.{name}.ranges", _range_problems(_block(block, "ranges"), known))
        for group, choices in _CHOICES.items():
            problems += _override_problems(content, name, group, _block(block, group), choices, known)
    every = _every_modality(datasets)
    for group, choices in _CHOICES.items():
        problems += choices(_block(content, group), group, every)
    problems += schedule_problems(_block(content, "schedule"), list(datasets), root)
    return problems


def _every_modality(datasets: Mapping[str, Any]) -> set[str] | None:
    """The modalities of all datasets: common settings may name those of any; None where a dataset's are not known."""
    from mmcore.data.formats import modality_names

    names = [modality_names(_block(block, "source")) if isinstance(block, Mapping) else None
             for block in datasets.values()]  # fmt: skip
    known = [modalities for modalities in names if modalities is not None]
    return set().union(*known) if known and len(known) == len(names) else None


def _override_problems(
    content: Mapping[str, Any], name: str, group: str, own: Mapping[str, Any], choices: Any, known: Any
) -> list[InputError]:
    """What is wrong with a dataset's own settings of a group; the common ones are checked by themselves."""
    if not own:
        return []
    trial = {**content, group: {**_block(content, group), **own}}
    _, found = structure_problems(trial)
    common = {str(problem) for problem in structure_problems(content)[1]}
    here = [problem for problem in found if problem.argument.startswith(group) and str(problem) not in common]
    here += choices(own, group, known)
    return [InputError(f"datasets.{name}.{p.argument}", p.received, p.allowed, p.remedy) for p in here]


def _estimate_choices(block: Mapping[str, Any], prefix: str, known: Any) -> list[InputError]:
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


def _select_choices(block: Mapping[str, Any], prefix: str, known: Any) -> list[InputError]:
    """Modalities in a block of select settings that the dataset has not, and the one both held and asked about."""
    advice = _block(block, "advice")
    found, named = [], {key: _listed(advice.get(key)) for key in ("held", "candidates")}
    if block.get("bank") is False and block.get("budget") is not None:
        found.append(InputError(f"{prefix}.budget", f"{block['budget']} with bank: false", "null without the bank",
                                "What models cost stands in the bank: use it, or leave the budget out."))  # fmt: skip
    for key, names in named.items():
        argument = f"{prefix}.advice.{key}"
        found += [unknown_name(argument, name, known) for name in names if known is not None and name not in known]
        if len(set(names)) < len(names):
            found.append(InputError(argument, ", ".join(names), "different modalities", "Name each modality once."))
    both = sorted(set(named["held"]) & set(named["candidates"]))
    if both:
        remedy = "What is at hand cannot be added: leave it out of one of the two."
        found.append(InputError(f"{prefix}.advice.candidates", ", ".join(both), "modalities not held", remedy))
    if known is not None and len(known) > 1 and set(known) <= set(named["held"]):
        found.append(InputError(f"{prefix}.advice.held", ", ".join(named["held"]), "not all modalities",
                                "Name what is at hand; the others are what could be added."))  # fmt: skip
    return [*found, *_too_few_draws(advice, f"{prefix}.advice")]


def _too_few_draws(block: Mapping[str, Any], prefix: str) -> list[InputError]:
    n_boot = block.get("n_boot")
    if isinstance(n_boot, int) and not isinstance(n_boot, bool) and 0 < n_boot < _FEWEST_DRAWS:
        return [InputError(f"{prefix}.n_boot", n_boot, f"0, or {_FEWEST_DRAWS} and more",
                           "So few draws give no interval: write for example 100.")]  # fmt: skip
    return []


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [name for name in values if isinstance(name, str)]


def _train_choices(block: Mapping[str, Any], prefix: str, known: Any) -> list[InputError]:
    """Names of methods, encoders and metrics in a block of train settings that there are none of."""
    from mmcore.models.encoders import ENCODERS
    from mmcore.training.methods import method_names

    found, methods = [], ["all", *method_names()]
    named = block.get("models")
    for value in named if isinstance(named, list) else []:
        if isinstance(value, str) and value.partition(":")[0] not in methods:
            found.append(unknown_name(f"{prefix}.models", value, methods))
    if isinstance(named, list) and len(set(map(repr, named))) < len(named):
        found.append(InputError(f"{prefix}.models", named, "different models", "Name each model once."))
    subsets = block.get("retrain_subsets")
    if isinstance(subsets, str) and subsets not in methods[1:]:
        found.append(unknown_name(f"{prefix}.retrain_subsets", subsets, methods[1:]))
    metric = block.get("metric")
    if isinstance(metric, str) and metric not in VALIDATION_METRICS:
        found.append(unknown_name(f"{prefix}.metric", metric, VALIDATION_METRICS))
    encoders = [entry.name for entry in ENCODERS]
    for modality, choice in _block(block, "encoders").items():
        if known is not None and modality not in known:
            found.append(unknown_name(f"{prefix}.encoders", str(modality), known))
        name = choice.get("name") if isinstance(choice, Mapping) else choice
        if isinstance(name, str) and name not in encoders:
            found.append(unknown_name(f"{prefix}.encoders.{modality}", name, encoders))
    seeds = block.get("seeds")
    if isinstance(seeds, list) and len(set(map(repr, seeds))) < len(seeds):
        remedy = "Name each seed once: the same seed twice is the same run."
        found.append(InputError(f"{prefix}.seeds", seeds, "different seeds", remedy))
    return found


def _evaluate_choices(block: Mapping[str, Any], prefix: str, known: Any) -> list[InputError]:
    from mmcore.evaluation.interval import INTERVALS
    from mmcore.evaluation.metrics import METRICS, TAGS

    found = []
    choices = (("metric", ["auto", *(metric.name for metric in METRICS)]), ("interval", list(INTERVALS)))
    for key, valid in choices:
        value = block.get(key)
        if isinstance(value, str) and value not in valid:
            found.append(unknown_name(f"{prefix}.{key}", value, valid))
    tags = block.get("metric_tags")
    for value in tags if isinstance(tags, list) else []:
        if isinstance(value, str) and value not in TAGS:
            found.append(unknown_name(f"{prefix}.metric_tags", value, TAGS))
    levels = block.get("noise_levels")
    if isinstance(levels, list) and len(set(map(repr, levels))) < len(levels):
        found.append(InputError(f"{prefix}.noise_levels", levels, "different levels", "Name each level once."))
    return found


def _explain_choices(block: Mapping[str, Any], prefix: str, known: Any) -> list[InputError]:
    """Draws in a block of explain settings that are too few for an interval."""
    return _too_few_draws(block, prefix)


_CHOICES = {
    "estimate": _estimate_choices, "select": _select_choices, "train": _train_choices, "evaluate": _evaluate_choices,
    "explain": _explain_choices,
}  # fmt: skip
"""Groups that a dataset's own block may override -> what checks the names in them."""


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
