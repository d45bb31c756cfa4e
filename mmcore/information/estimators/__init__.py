"""The estimators of `pid.estimate`: from rows of any kind to a decomposition.

Each is a function `(x1, x2, y, *, groups, seed, n_boot, n_null, **options) -> PID` in a module of its own, imported
when its name is asked for, because some need torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib import import_module

from mmcore.errors import unknown_name
from mmcore.information.atoms import PID


@dataclasses.dataclass(frozen=True)
class Estimator:
    """An estimator: its name, `module:function`, source, what it suits, and which settings of the pipeline it takes."""

    name: str
    place: str
    reference: str
    suits: str
    takes: tuple[str, ...] = ()

    def load(self) -> Callable[..., PID]:
        """Return the function."""
        module, function = self.place.split(":")
        return getattr(import_module(module), function)


ESTIMATORS = (
    Estimator(
        "clusters",
        "mmcore.information.clusters:estimate",
        "Liang et al. 2023, thesis section 3.2.1, repaired",
        "any sources; what the clusters hold of the label",
    ),
    Estimator(
        "batch",
        "mmcore.information.batch.estimate:estimate",
        "Liang et al. 2023, thesis section 3.2.2, repaired",
        "any sources; couplings learned by networks, several restarts",
        ("n_folds", "level"),
    ),
    Estimator(
        "posteriors",
        "mmcore.information.posteriors.estimate:estimate",
        "Blackwell 1953; Guo et al. 2017 for calibration",
        "any sources, wide ones too; what cross-fitted classifiers know of the label",
        ("n_folds", "level", "solver", "tol"),
    ),
    Estimator(
        "neighbours",
        "mmcore.information.neighbours.estimate:estimate",
        "Ross 2014; Gao et al. 2017 for equal rows",
        "sources of few columns, continuous, discrete or mixed; no training",
        ("level", "solver", "tol"),
    ),
    Estimator(
        "gaussian",
        "mmcore.information.gaussian.estimate:estimate",
        "Barrett 2015; Venkatesh et al. 2023",
        "numeric sources and numeric targets of any width; linear dependence only",
        ("level",),
    ),
)


def available_estimators() -> list[str]:
    """Return the names that `pid.estimate(method=...)` takes.

    Example:
        >>> "clusters" in available_estimators()
        True
    """
    return [entry.name for entry in ESTIMATORS]


def find_estimator(name: str) -> Estimator:
    """Return the estimator called `name`.

    Raises:
        InputError: for an unknown name, with the valid ones.
    """
    for entry in ESTIMATORS:
        if entry.name == name:
            return entry
    raise unknown_name("method", str(name), available_estimators())
