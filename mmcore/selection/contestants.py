"""Which models of the bank a dataset could train, what a fit of each would cost, and which the budget leaves out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmcore.errors import InputError, counted, unknown_name
from mmcore.selection.arguments import check_names
from mmcore.selection.bank_scores import FIRST, SECOND, BankScores
from mmcore.selection.rule import LATE_FUSION, UNIMODAL

NOT_IN_BANK = "not in the bank: nothing is known of it, name it in train.models to try it"


def kind_of(model: str) -> str:
    """Return what a model can use, in the words of a verdict: one modality, added parts (late fusion), or interactions.

    Example:
        >>> kind_of("unimodal:audio"), kind_of("sum"), kind_of("tensor_fusion")
        ('one_modality', 'late_fusion', 'fusion')
    """
    from mmcore.training.methods import find_method, method_names

    if model.startswith(UNIMODAL):
        return "one_modality"
    if model == LATE_FUSION or (model in method_names() and "additive" in _tags(find_method(model).model)):
        return "late_fusion"
    return "fusion"


def _tags(model: str) -> tuple[str, ...]:
    from mmcore.models import MODELS

    return next(entry.tags for entry in MODELS if entry.name == model)


def available_models(
    scores: BankScores, modalities: Sequence[str], methods: Sequence[str] | None
) -> tuple[list[str], dict[str, str]]:
    """Return the models of the bank that the dataset can train, by name, and of the others why not.

    Args:
        scores: the bank.
        modalities: the dataset's, two or more.
        methods: the only ones to be considered, beside late fusion and every single modality; None: all.

    Raises:
        InputError: for a method that neither the bank nor this installation knows, or a modality that is none.
    """
    from mmcore.training.methods import fits_number, method_names

    singles = [f"{UNIMODAL}{name}" for name in modalities]
    tried = [name for name in scores.methods if not name.startswith(UNIMODAL)]
    known = [name for name in method_names() if name != UNIMODAL.rstrip(":")]
    asked = _asked(methods, singles, [*tried, *known])
    models = list(singles)
    left_out = {}
    for name in sorted({*tried, *known}):
        if asked is not None and name not in asked:
            continue
        if name not in known:
            left_out[name] = "in the bank, but no method of this installation"
        elif not fits_number(name, len(modalities)):
            left_out[name] = f"does not take {counted(len(modalities), 'modality')}"
        elif name not in tried:
            left_out[name] = NOT_IN_BANK
        else:
            models.append(name)
    return models, left_out


def _asked(methods: Sequence[str] | None, singles: Sequence[str], others: Sequence[str]) -> set[str] | None:
    if methods is None:
        return None
    asked = {*singles, LATE_FUSION}
    for name in check_names("methods", methods):
        if name in others:
            asked.add(name)
        elif name not in singles and name != UNIMODAL.rstrip(":"):
            raise unknown_name("methods", name, list(dict.fromkeys([*singles, *others])))
    return asked


def expected_seconds(scores: BankScores, models: Sequence[str], n_rows: int | None) -> list[float | None]:
    """Return CPU seconds of one fit of each model on `n_rows` training rows (None: those of the bank's median world).

    A unimodal model is priced as the mean of the bank's two; None where nothing was timed.

    Raises:
        InputError: for a number of rows that is no positive integer.
    """
    if n_rows is not None and (isinstance(n_rows, bool) or not isinstance(n_rows, int | np.integer) or n_rows < 1):
        raise InputError("n_rows", n_rows, "an integer >= 1", "Pass the number of training rows.")
    rows = scores.rows if n_rows is None else float(n_rows)
    by_name = dict(zip(scores.methods, scores.seconds.tolist()))
    singles = [by_name[name] for name in (FIRST, SECOND) if math.isfinite(by_name[name])]
    single = sum(singles) / len(singles) if singles else math.nan
    found = [rows * (single if name.startswith(UNIMODAL) else by_name[name]) for name in models]
    return [value if math.isfinite(value) else None for value in found]


def check_budget(budget: float | None) -> float | None:
    """Return the budget as a number.

    Raises:
        InputError: for what is no positive number of seconds.
    """
    if budget is None:
        return None
    wrong = isinstance(budget, bool) or not isinstance(budget, int | float | np.integer | np.floating)
    if wrong or not (math.isfinite(budget) and budget > 0.0):
        allowed = "a positive number of CPU seconds of one fit, or None"
        raise InputError("budget", budget, allowed, "Leave it out to consider every model.")
    return float(budget)


def over_budget(models: Sequence[str], seconds: Sequence[float | None], budget: float | None) -> dict[str, str]:
    """Return the models that a budget leaves out, with the reason.

    Raises:
        InputError: where it leaves out all of them; the remedy names the cheapest.
    """
    if budget is None:
        return {}
    known = {name: value for name, value in zip(models, seconds) if value is not None}
    if not known or min(known.values()) > budget:
        cheapest = min(known, key=lambda name: (known[name], name)) if known else None
        least = f"{known[cheapest]:.3g} CPU seconds or more" if cheapest else "None: no model of the bank was timed"
        remedy = f"Raise it: the cheapest, {cheapest}, is expected to take so long." if cheapest else "Leave it out."
        raise InputError("budget", f"{budget:g} CPU seconds", least, remedy)
    reasons = {}
    for name, value in zip(models, seconds):
        if value is None:
            reasons[name] = "never timed, so that the budget cannot be held to it"
        elif value > budget:
            reasons[name] = f"over the budget: {value:.3g} of {budget:g} CPU seconds expected"
    return reasons
