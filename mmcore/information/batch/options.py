"""Options of the method "batch", checked before anything is trained."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.information.samples import check_number

_LEAST = {
    "n_seeds": 1,
    "n_folds": 3,
    "hidden": 1,
    "layers": 1,
    "embedding": 1,
    "epochs": 1,
    "min_steps": 1,
    "batch_size": 2,
    "coupling_epochs": 0,
    "coupling_batch": 2,
    "max_support": 2,
    "polish_steps": 1,
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the method "batch".

    Attributes:
        n_seeds: restarts of all networks; the atoms are their mean, the standard deviation is in the diagnostics.
        n_folds: folds of the cross-fitting, at least three: one to score, one to stop on, the rest to train on.
        hidden, layers: width and number of hidden layers of every network.
        embedding: numbers a label in which the two encoders are multiplied.
        epochs, batch_size: of the classifiers, in rows; at least `min_steps` steps where N is small, fewer where the
            held-out loss stalls.
        learning_rate: of the classifiers; coupling_rate: of the encoders.
        coupling_epochs, coupling_batch: of the encoders, in rows; never fewer than 100 steps unless 0 epochs.
        max_support: points of a source on which the coupling is evaluated; distinct rows beyond it are merged where
            their posteriors are nearly equal.
        polish: alternating projections on the evaluation support after training, see `polish`.
        polish_steps: at most so many.
        tol: width of the interval of the union information (bits) at which the polish stops.
        sinkhorn_tol: relative error of the marginals at which the sweeps stop; sinkhorn_sweeps: at most so many.
        level: nominal coverage of the intervals.
        device: where the networks live, as torch names it.
    """

    n_seeds: int = 3
    n_folds: int = 5
    hidden: int = 32
    layers: int = 3
    embedding: int = 10
    epochs: int = 40
    min_steps: int = 300
    batch_size: int = 256
    learning_rate: float = 3e-3
    coupling_epochs: int = 10
    coupling_batch: int = 128
    coupling_rate: float = 1e-2
    max_support: int = 256
    polish: bool = True
    polish_steps: int = 1000
    tol: float = 1e-4
    sinkhorn_tol: float = 1e-7
    sinkhorn_sweeps: int = 2000
    level: float = 0.95
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
                raise InputError(name, value, f"an integer >= {least}", f"Pass {name}={least} or more.")
        for name in ("learning_rate", "coupling_rate", "tol", "sinkhorn_tol"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and np.isfinite(value) and value > 0):
                raise InputError(name, value, "a positive number", f"Leave {name} at its default.")
        if not isinstance(self.polish, (bool, np.bool_)):
            raise InputError("polish", self.polish, "True or False", "Leave it at True.")
        check_number("level", self.level, 0.0, 1.0, "Pass for example level=0.95.")


def read_options(options: dict[str, Any]) -> Options:
    """Return the options, or the error that names the unknown one.

    Raises:
        InputError: for an unknown option, or a value that is not allowed.

    Example:
        >>> read_options({"n_seeds": 2}).n_seeds
        2
    """
    known = [field.name for field in dataclasses.fields(Options)]
    for name in options:
        if name not in known:
            raise unknown_name("option of method 'batch'", name, known)
    return Options(**options)
