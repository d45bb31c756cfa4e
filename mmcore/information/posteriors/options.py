"""The options of the method "posteriors", and the checks that it shares with "neighbours"."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.information.posteriors.calibration import CALIBRATIONS
from mmcore.information.posteriors.classifiers import available_classifiers
from mmcore.information.samples import TooFewRows, check_number

T = TypeVar("T")

TABLES = ("counted", "trusted")
NULLS = ("symbols", "refit")
_ROWS_PER_CLASS = 10


def check_integer(name: str, value: Any, least: int) -> None:
    """Raise unless `value` is an integer of at least `least`.

    Raises:
        InputError: otherwise.

    Example:
        >>> check_integer("n_folds", 5, 2)
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(name, value, f"an integer >= {least}", f"Pass {name}={least} or more.")


def check_name(name: str, value: Any, valid: Sequence[str]) -> None:
    """Raise unless `value` is one of the `valid` names.

    Raises:
        InputError: otherwise, with the nearest valid name.

    Example:
        >>> check_name("table", "counted", TABLES)
    """
    if value not in valid:
        raise unknown_name(name, str(value), valid)


def check_resamples(n_boot: Any, n_null: Any) -> None:
    """Raise unless both are 0 or positive integers, and `n_boot` not 1.

    Raises:
        InputError: otherwise.

    Example:
        >>> check_resamples(200, 0)
    """
    for name, value in (("n_boot", n_boot), ("n_null", n_null)):
        wrong = isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0
        if wrong or (name == "n_boot" and value == 1):
            raise InputError(name, value, "0, or an integer >= 2", "Pass for example 200.")


def check_rows(n_rows: int, n_classes: int) -> None:
    """Raise where there are fewer than 10 rows a class on average: bins of so few rows only count noise.

    Raises:
        TooFewRows: then.

    Example:
        >>> check_rows(100, 2)
    """
    if n_rows < _ROWS_PER_CLASS * n_classes:
        received = f"{n_rows} rows of {n_classes} classes"
        allowed = f"at least {_ROWS_PER_CLASS} rows a class on average"
        raise TooFewRows("x1, x2, y", received, allowed, "Collect more rows, or merge classes.")


def check_shared(options: Any) -> None:
    """Raise unless `symbols`, `table`, `rows_per_cell`, `level`, `tol` and `label_bins` of `options` are valid.

    Raises:
        InputError: for the first that is not.

    Example:
        >>> check_shared(Options())
    """
    if options.symbols != "auto":
        check_integer("symbols", options.symbols, 2)
    check_integer("label_bins", options.label_bins, 2)
    check_name("table", options.table, TABLES)
    check_number("rows_per_cell", options.rows_per_cell, 0.0, np.inf, "Pass for example 5.")
    check_number("level", options.level, 0.0, 1.0, "Pass for example level=0.95.")
    check_number("tol", options.tol, 0.0, np.inf, "Pass for example tol=1e-9.")


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the method "posteriors".

    Attributes:
        classifier: "logistic", "boosting", "forest", or "auto": in each fold and for each view the one with the least
            held-out log loss inside the training rows.
        calibration: "temperature", "sigmoid", "isotonic" or "none", fitted inside the training rows.
        n_folds: folds of the cross-fitting, at least 2.
        table: "counted" counts labels in bins of the posterior, "trusted" adds the posteriors up; see `symbols`.
        symbols: bins of the posteriors, or "auto", see `choose_symbols`.
        max_distinct: a source of no more distinct rows is taken as it is: its symbols are its rows, nothing is fitted.
        rows_per_cell: a source with fewer rows than this for each cell of its rows and labels is not taken as it is.
        components: principal components that stand for a source of more columns.
        max_fit_rows: training rows of a fold beyond this are left out of the fit, not of the estimate.
        null: what a permutation of the labels repeats: the "symbols" with their counts, or all fits too ("refit").
        level: nominal coverage of the intervals.
        label_bins: quantiles that a continuous label is cut into.
        solver, tol: of the tables, as in `pid.decompose`; resamples are solved to 1e-6 bits at the narrowest.
    """

    classifier: str = "auto"
    calibration: str = "temperature"
    n_folds: int = 5
    table: str = "counted"
    symbols: int | str = "auto"
    max_distinct: int = 32
    rows_per_cell: float = 5.0
    components: int = 64
    max_fit_rows: int = 20_000
    null: str = "symbols"
    level: float = 0.95
    label_bins: int = 4
    solver: str = "auto"
    tol: float = 1e-9

    def __post_init__(self) -> None:
        check_name("classifier", self.classifier, ["auto", *available_classifiers()])
        check_name("calibration", self.calibration, [entry.name for entry in CALIBRATIONS])
        check_name("null", self.null, NULLS)
        for name, least in (("n_folds", 2), ("max_distinct", 0), ("components", 1), ("max_fit_rows", 10)):
            check_integer(name, getattr(self, name), least)
        check_shared(self)


def read_options(kind: type[T], method: str, options: dict[str, Any]) -> T:
    """Return the options as a `kind`, or the error that names the unknown one.

    Raises:
        InputError: for an unknown option, with the nearest valid name, or an invalid value.

    Example:
        >>> read_options(Options, "posteriors", {"n_folds": 3}).n_folds
        3
    """
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in options:
        if name not in known:
            raise unknown_name(f"option of method '{method}'", name, known)
    return kind(**options)
