"""Objectives: what training minimises, and the metric that says which epoch was best.

Losses are in nats (classification, multilabel), the label's unit (L1) or its square, averaged over rows.
Terms are losses beside the task's own: they look at representations, inputs or the model itself, are trained with it
and have no unit that depends on the label's.
Importing this package imports no torch.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError, unknown_name
from mmcore.objectives.absolute_error import regression_l1
from mmcore.objectives.cross_entropy import cross_entropy
from mmcore.objectives.multilabel import multilabel
from mmcore.objectives.regression import regression

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["OBJECTIVES", "Objective", "available_objectives", "cross_entropy", "find_objective", "multilabel"]
__all__ += ["TERMS", "TermEntry", "available_terms", "build_term", "find_term", "regression", "regression_l1"]


@dataclass(frozen=True)
class Objective:
    """One row of the table: `loss(outputs, targets) -> scalar`, the task it is for and the validation metric's name.

    Every metric is oriented so that higher is better. The loss is in the label's unit to the power `unit_power` (0: it
    has none), so that dividing it by that power of the label's standard deviation takes the unit away.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    task: str
    metric: str
    reference: str
    unit_power: int = 0


OBJECTIVES: tuple[Objective, ...] = (
    Objective("cross_entropy", cross_entropy, "classification", "accuracy", "Bishop 2006, PRML, equation 4.108"),
    Objective("multilabel", multilabel, "multilabel", "f1_macro", "Bishop 2006, PRML, equation 4.90, one a class"),
    Objective("regression", regression, "regression", "negative_mse", "Bishop 2006, PRML, equation 3.12", 2),
    Objective("regression_l1", regression_l1, "regression", "negative_mae", "Bishop 2006, PRML, equation 1.91", 1),
)


def available_objectives() -> tuple[str, ...]:
    """Return the names that `find_objective` knows.

    Example:
        >>> available_objectives()
        ('cross_entropy', 'multilabel', 'regression', 'regression_l1')
    """
    return tuple(objective.name for objective in OBJECTIVES)


def _with_options(objective: Objective, options: dict[str, Any]) -> Objective:
    accepted = [key for key in inspect.signature(objective.loss).parameters if key not in ("outputs", "targets")]
    for key in options:
        if key not in accepted:
            raise unknown_name(f"option of {objective.name}", key, accepted)
    return replace(objective, loss=partial(objective.loss, **options)) if options else objective


def find_objective(name: str, task: str, **options: Any) -> Objective:
    """Return the objective called `name`, or for `"auto"` the first of the label's task.

    Args:
        name: of the table, or `auto`.
        task: of the label.
        **options: of the loss, such as `class_weights` and `label_smoothing` of `cross_entropy`.

    Raises:
        InputError: for an unknown name or option, or an objective of another task.

    Example:
        >>> find_objective("auto", "regression").metric
        'negative_mse'
    """
    if name == "auto":
        return _with_options(next(objective for objective in OBJECTIVES if objective.task == task), options)
    for objective in OBJECTIVES:
        if objective.name == name:
            if objective.task != task:
                fitting = ", ".join(["auto", *(o.name for o in OBJECTIVES if o.task == task)])
                raise InputError("objective", f"'{name}' for a {task} label", fitting, "Use 'auto'.")
            return _with_options(objective, options)
    raise unknown_name("objective", name, ["auto", *available_objectives()])


@dataclass(frozen=True)
class TermEntry:
    """One row of the table of terms: losses beside the task's own, which look at more than the outputs.

    Attributes:
        name: in parameters.
        builder: `module:Class`, built as `Class(model, n_rows=, **options)` and called as `term(trace, targets, rows)`;
            `rows` are the positions of the batch among the `n_rows` training rows.
        reference: where it comes from.
        needs: what the model's trace must hold: `representations`, `fused`, `prepared`.
        weight: its weight where none is given.
    """

    name: str
    builder: str
    reference: str
    needs: tuple[str, ...] = ()
    weight: float = 1.0


TERMS: tuple[TermEntry, ...] = (
    TermEntry(
        "cca",
        "mmcore.objectives.cca:CanonicalCorrelation",
        "Andrew, Arora, Bilmes, Livescu 2013, Deep canonical correlation analysis (ICML)",
        ("representations",),
        1e-3,
    ),
    TermEntry(
        "agreement",
        "mmcore.objectives.agreement:PredictionAgreement",
        "Liang et al. 2023, MultiZoo, section 'prediction-level alignment'",
        ("representations",),
        0.1,
    ),
    TermEntry(
        "refnet",
        "mmcore.objectives.refnet:RefNet",
        "Sankaran, Yang, Lim 2021, Multimodal fusion refiner networks",
        ("fused", "representations"),
        0.1,
    ),
    TermEntry(
        "reconstruction",
        "mmcore.objectives.reconstruction:Reconstruction",
        "Lee et al. 2019, Making sense of vision and touch (ICRA)",
        ("fused", "prepared"),
        0.1,
    ),
    TermEntry(
        "contrastive",
        "mmcore.objectives.contrastive:ContrastiveMemory",
        "Wu, Xiong, Yu, Lin 2018, Non-parametric instance discrimination (CVPR)",
        ("representations",),
        0.1,
    ),
    TermEntry(
        "functional_entropy",
        "mmcore.objectives.functional_entropy:FunctionalEntropy",
        "Gat, Schwartz, Schwing, Hazan 2020, Regularization by maximizing functional entropies (NeurIPS)",
        ("prepared",),
        1e-3,
    ),
)


def available_terms() -> tuple[str, ...]:
    """Return the names that `find_term` knows.

    Example:
        >>> available_terms()
        ('cca', 'agreement', 'refnet', 'reconstruction', 'contrastive', 'functional_entropy')
    """
    return tuple(entry.name for entry in TERMS)


def find_term(name: str) -> TermEntry:
    """Return the term called `name`.

    Raises:
        InputError: for an unknown name, with the nearest known one.

    Example:
        >>> find_term("refnet").needs
        ('fused', 'representations')
    """
    for entry in TERMS:
        if entry.name == name:
            return entry
    raise unknown_name("objective.terms", name, [entry.name for entry in TERMS])


def build_term(name: str, model: nn.Module, *, n_rows: int, **options: Any) -> nn.Module:
    """Return the term called `name` for a built model.

    Raises:
        InputError: for an unknown term or option, or a model that the term cannot look into.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> build_term("cca", build_model("late_fusion", ds.spec), n_rows=4, dimension=2).maps[0].out_features
        2
    """
    entry = find_term(name)
    module, _, attribute = entry.builder.partition(":")
    builder = getattr(importlib.import_module(module), attribute)
    accepted = [key for key in inspect.signature(builder).parameters if key not in ("model", "n_rows")]
    for key in options:
        if key not in accepted:
            raise unknown_name(f"objective.terms.{name}", key, ["weight", *accepted])
    if not hasattr(model, "trace"):
        raise InputError("model", type(model).__name__, "one with 'trace'", f"'{name}' looks at representations.")
    return builder(model, n_rows=n_rows, **options)
