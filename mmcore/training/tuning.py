"""Choose learning rate, weight decay, width and dropout of a method by its validation metric.

    x_0 = the caller's own options,   x_t = argmax_x l_t(x) / g_t(x),   chosen: the first x_t of the highest metric

with l_t and g_t densities of the options of the better and of the other trials so far (tree-structured Parzen
estimator). Because the caller's options are the first trial, tuning never does worse on the validation rows.
Reference: Bergstra, Bardenet, Bengio, Kegl 2011, Algorithms for hyper-parameter optimization (NeurIPS), section 4, as
in optuna; median stopping as in Golovin et al. 2017, Google Vizier (KDD), section 3.2.1.
Assumes that validation rows are many enough to tell trials apart; the best metric of many trials is optimistic, and
only test rows, which are never read here, say what was gained.
The space is set around the caller's options: learning rate within a factor of 10, weight decay within a factor of 100
(0 to 0.1 where it is 0), width times 1/4, 1/2, 1 or 2, dropout up to 0.5 (or the caller's, where that is more).
The journal holds finished trials only, and trial t draws from a stream named t: a study that was killed goes on to the
trials that it would have had. Whoever finds the journal in use waits, and then takes what the other found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.errors import InputError
from mmcore.seeds import stream_seed
from mmcore.training.journal import opened_study, quiet_optuna
from mmcore.training.methods import find_method, train_method
from mmcore.training.options import FitOptions

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OpenTrial

    from mmcore.data import Dataset

TUNED = ("learning_rate", "weight_decay", "width", "dropout")
STARTUP_TRIALS = 5
"""So many trials are drawn uniformly before the densities are used; the caller's own is one of them."""
_DEFAULTS = {"width": 64, "dropout": 0.1}
_NOT_PART_OF_THE_RESULT = ("checkpoint_dir", "checkpoint_seconds", "progress")


@dataclass(frozen=True)
class Trial:
    """One trial: its options, its best validation metric, and why that is None: `pruned` or `diverged`."""

    options: dict[str, Any]
    metric: float | None
    state: str


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        options: `learning_rate`, `weight_decay`, `width` and `dropout` of the best trial.
        best_metric: its validation metric; higher is better.
        trials: all of them, in order; the first has the caller's options.
    """

    options: dict[str, Any]
    best_metric: float
    trials: tuple[Trial, ...]


def search_space(own: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Return the distribution of each option, around those of the caller.

    Example:
        >>> space = search_space({"learning_rate": 1e-3, "weight_decay": 0.0, "width": 64, "dropout": 0.1})
        >>> space["width"].choices
        (16, 32, 64, 128)
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    rate, decay, width, dropout = (own[name] for name in TUNED)
    # Widths below 8 are of no use, and rounding one would break models that divide it by a number of heads.
    smaller = [width // divisor for divisor in (4, 2) if width % divisor == 0 and width // divisor >= 8]
    return {
        "learning_rate": FloatDistribution(rate / 10, rate * 10, log=True),
        "weight_decay": FloatDistribution(decay / 100, decay * 100, log=True) if decay else FloatDistribution(0.0, 0.1),
        "width": CategoricalDistribution([*smaller, width, 2 * width]),
        "dropout": FloatDistribution(0.0, max(0.5, dropout)),
    }


def tune(
    name: str,
    ds: Dataset,
    *,
    modalities: Sequence[str] | None = None,
    label: str | None = None,
    rows: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    build: Mapping[str, Any] | None = None,
    n_trials: int,
    journal: str | Path | None = None,
    prune: bool = False,
    **fit_options: Any,
) -> Tuned:
    """Return the options that a method does best with on the validation rows.

    Args:
        name: of a method, as in `train_method`.
        ds, modalities, label, rows, build: as in `train_method`; `rows["train"]` and `rows["valid"]` are all it reads.
        seed: of the search, and of every trial's fit: trials differ in their options alone.
        n_trials: fits, the caller's own options included.
        journal: file that keeps finished trials; more trials may be asked for later. None keeps nothing.
        prune: stop a trial at an epoch where its best metric so far is below the median of the others' there.
        **fit_options: of `fit`, for every trial.

    Raises:
        InputError: for no trials, a journal of another search or a damaged one, pruning of a method of several fits,
            when every trial diverged, or whatever `train_method` refuses.

    Example:
        >>> from mmcore.data import from_arrays
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> ds = from_arrays({"a": x}, labels=(x[:, 0] > 0).astype(int), name="tiny")
        >>> found = tune("unimodal:a", ds, n_trials=2, build={"width": 16}, epochs=3, device="cpu")
        >>> found.trials[0].options["width"], len(found.trials), sorted(found.options)
        (16, 2, ['dropout', 'learning_rate', 'weight_decay', 'width'])
    """
    if not isinstance(n_trials, int) or isinstance(n_trials, bool) or n_trials < 1:
        raise InputError("n_trials", n_trials, "an integer, 1 or more", "Ask for at least one trial.")
    if prune and (find_method(name).procedure != "fit" or fit_options.get("checkpoint_dir") is not None):
        received = f"prune with {'checkpoint_dir' if find_method(name).procedure == 'fit' else name}"
        raise InputError("prune", received, "methods of one fit, without checkpoints", "Leave pruning out.")
    search = _Search(name, ds, modalities, label, rows, seed, dict(build or {}), prune, fit_options)
    own = search.own_options()
    space = search_space(own)
    with quiet_optuna(), opened_study(journal, name, search.described(space)) as study:
        for number in range(len(study.trials), n_trials):
            study.add_trial(search.trial(study, number, own, space))
        return _found(study.trials[:n_trials])


def _found(finished: Sequence[FrozenTrial]) -> Tuned:
    trials = tuple(
        Trial(dict(trial.params), trial.value, "complete" if trial.value is not None else trial.user_attrs["state"])
        for trial in finished
    )
    done = [(trial.metric, trial.options) for trial in trials if trial.metric is not None]
    if not done:
        raise InputError("n_trials", f"{len(trials)} trials that diverged", "one that does not", "Lower learning_rate.")
    metric, options = max(done, key=lambda each: each[0])  # the first of equals
    return Tuned(options, metric, trials)


@dataclass(frozen=True)
class _Search:
    """What all trials share."""

    name: str
    ds: Dataset
    modalities: Sequence[str] | None
    label: str | None
    rows: Mapping[str, np.ndarray] | None
    seed: int
    build: dict[str, Any]
    prune: bool
    fit_options: dict[str, Any]

    def own_options(self) -> dict[str, Any]:
        """Return the caller's values of what is tuned, after `fit`'s own check of them."""
        given = {**_DEFAULTS, **self.build, **self.fit_options}
        plain = FitOptions(**{name: given[name] for name in ("learning_rate", "weight_decay") if name in given})
        for name, allowed, fits in (
            ("width", "a positive integer", isinstance(given["width"], int) and given["width"] > 0),
            ("dropout", "a number in [0, 1)", 0.0 <= float(given["dropout"]) < 1.0),
        ):
            if not fits:
                raise InputError(f"build.{name}", given[name], allowed, "Correct the value.")
        return {
            "learning_rate": float(plain.learning_rate),
            "weight_decay": float(plain.weight_decay),
            "width": given["width"],
            "dropout": float(given["dropout"]),
        }

    def described(self, space: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        """Return what two searches share exactly when their trials are the same, as JSON-able values."""
        from optuna.distributions import distribution_to_json

        from mmcore.training.targets import training_parts

        target = self.ds.spec.label(self.label)
        digest = hashlib.sha256()
        for part in training_parts(self.ds, target, self.rows):
            digest.update(part.rows.tobytes() + part.labels.tobytes())
        kept = {key: value for key, value in self.fit_options.items() if key not in _NOT_PART_OF_THE_RESULT}
        described = {
            "method": self.name,
            "space": {name: distribution_to_json(each) for name, each in space.items()},
            "data": [self.ds.spec.name, self.ds.spec.version, target.to_dict(), digest.hexdigest()],
            "modalities": None if self.modalities is None else list(self.modalities),
            "options": [self.build, kept, self.prune],
            "seed": self.seed,
        }
        return json.loads(json.dumps(described))

    def trial(
        self, study: Study, number: int, own: dict[str, Any], space: Mapping[str, BaseDistribution]
    ) -> FrozenTrial:
        """Return trial `number`, finished: the caller's own options, or what the earlier trials suggest."""
        import optuna

        from mmcore.training.loop import NonFiniteLossError

        asked = _asked(study, number, self.seed, own, space)
        seen: dict[int, float] = {}
        value: float | None = None
        state = "complete"
        try:
            value = self._metric(asked, seen)
        except optuna.TrialPruned:
            state = "pruned"
        except NonFiniteLossError:
            state = "diverged"
        except InputError as error:
            if error.argument != "learning_rate":  # a validation loss that is not finite names this argument
                raise
            state = "diverged"
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.PRUNED if value is None else optuna.trial.TrialState.COMPLETE,
            value=value,
            params=asked.params,
            distributions=dict(space),
            intermediate_values=seen,
            user_attrs={"state": state},
        )

    def _metric(self, asked: Any, seen: dict[int, float]) -> float:
        options = asked.params
        result = train_method(
            self.name,
            self.ds,
            modalities=self.modalities,
            label=self.label,
            rows=self.rows,
            seed=self.seed,
            build={**self.build, "width": options["width"], "dropout": options["dropout"]},
            **{
                **self.fit_options,
                "learning_rate": options["learning_rate"],
                "weight_decay": options["weight_decay"],
                **({"progress": self._pruning(asked, seen)} if self.prune else {}),
            },
        )
        return result.best_metric

    def _pruning(self, asked: Any, seen: dict[int, float]) -> Any:
        """Return a progress callback that ends a trial which is below the median."""
        import optuna

        told = self.fit_options.get("progress")

        def progress(epoch: int, epochs: int, metric: float) -> None:
            if told is not None:
                told(epoch, epochs, metric)
            seen[epoch] = metric
            asked.report(metric, epoch)
            if asked.should_prune():
                raise optuna.TrialPruned

        return progress


def _asked(
    study: Study, number: int, seed: int, own: dict[str, Any], space: Mapping[str, BaseDistribution]
) -> OpenTrial:
    """Return an open trial of a study in memory with the same past, so that the journal never holds half a trial."""
    import optuna

    sampler = optuna.samplers.TPESampler(
        seed=stream_seed(seed, "trial", number), n_startup_trials=STARTUP_TRIALS, constant_liar=False
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2)
    past = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    past.add_trials(study.trials)
    if number == 0:
        past.enqueue_trial(own)
    return past.ask(dict(space))
