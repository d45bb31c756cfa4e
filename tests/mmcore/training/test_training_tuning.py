"""Tuning: what it may read, what it never does, and studies that are killed and go on."""

from __future__ import annotations

import json

import numpy as np
import optuna
import pytest

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.training import torch_threads, train_method
from mmcore.training.loop import NonFiniteLossError
from mmcore.training.tuning import TUNED, search_space, tune

OPTIONS = {"epochs": 3, "batch_size": 32, "device": "cpu", "learning_rate": 1e-3}
BUILD = {"width": 16, "dropout": 0.0}


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def dataset(test_value=0.0):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(160, 3)), rng.normal(size=(160, 2))
    labels = (a[:, 0] + b[:, 0] > 0).astype(int)
    a[120:], b[120:] = test_value, test_value
    split = np.repeat(["train", "valid", "test"], [80, 40, 40])
    return from_arrays({"a": a, "b": b}, labels=labels, name="tuning", split=split)


def tuned(ds=None, name="late_fusion", n_trials=7, **options):
    arguments = {"seed": 3, "build": BUILD, **OPTIONS, **options}
    return tune(name, ds if ds is not None else dataset(), n_trials=n_trials, **arguments)


def test_the_callers_own_options_come_first_and_the_best_is_never_worse():
    found = tuned()
    assert found.trials[0].options == {"learning_rate": 1e-3, "weight_decay": 1e-2, "width": 16, "dropout": 0.0}
    own = train_method("late_fusion", dataset(), seed=3, build=BUILD, **OPTIONS)
    assert found.trials[0].metric == own.best_metric
    assert found.best_metric == max(trial.metric for trial in found.trials) >= own.best_metric
    again = {name: found.options[name] for name in ("learning_rate", "weight_decay")}
    build = {name: found.options[name] for name in ("width", "dropout")}
    best = train_method("late_fusion", dataset(), seed=3, build=build, **{**OPTIONS, **again})
    assert best.best_metric == found.best_metric
    assert tuple(found.options) == TUNED


def test_of_equal_trials_the_callers_own_wins(monkeypatch):
    from mmcore.training import tuning

    monkeypatch.setattr(tuning._Search, "_metric", lambda self, asked, seen: 0.5)
    found = tuned(n_trials=4)
    assert found.options == found.trials[0].options != found.trials[1].options


def test_trials_lie_in_the_space():
    own = {"learning_rate": 1e-3, "weight_decay": 1e-2, "width": 16, "dropout": 0.0}
    space = search_space(own)
    trials = tuned().trials
    assert len({json.dumps(trial.options) for trial in trials}) == 7
    for trial in trials:
        assert all(space[name]._contains(space[name].to_internal_repr(trial.options[name])) for name in TUNED)


@pytest.mark.parametrize("own", [{"learning_rate": 2e-3, "weight_decay": 0.0, "width": 6, "dropout": 0.8}])
def test_the_space_holds_whatever_the_caller_uses(own):
    space = search_space(own)
    assert all(space[name]._contains(space[name].to_internal_repr(own[name])) for name in TUNED)


class StoppedError(Exception):
    pass


def stop_in_fit(number):
    """Raise in the last epoch of fit `number`."""
    calls = []

    def progress(epoch, epochs, metric):
        calls.append(epoch)
        if len(calls) == number * OPTIONS["epochs"]:
            raise StoppedError

    return progress


@pytest.mark.parametrize("during", [1, 3, 7])
def test_a_resumed_study_equals_an_uninterrupted_one(tmp_path, during):
    journal = tmp_path / "study.log"
    with pytest.raises(StoppedError):
        tuned(journal=journal, progress=stop_in_fit(during))
    fits = []
    found = tuned(journal=journal, progress=lambda epoch, epochs, metric: fits.append(epoch == 1))
    assert sum(fits) == 7 - during + 1
    assert found == tuned()


def test_a_line_that_was_not_finished_is_run_again(tmp_path):
    journal = tmp_path / "study.log"
    whole = tuned(journal=journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:25])
    assert tuned(journal=journal) == whole
    (tmp_path / "study.log.lock").symlink_to(journal)  # as a process leaves it that is killed while it writes
    journal.write_bytes(b"".join(lines[:-1]))
    assert tuned(journal=journal) == whole


def test_a_finished_study_returns_at_once_and_may_be_extended(tmp_path):
    journal = tmp_path / "study.log"
    first = tuned(journal=journal, n_trials=4)
    assert tuned(journal=journal, n_trials=4, progress=stop_in_fit(0)) == first
    assert tuned(journal=journal) == tuned()
    assert tuned(journal=journal, n_trials=4) == first


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "sum"}, "method"),
        ({"learning_rate": 3e-3}, "space"),
        ({"seed": 4}, "seed"),
        ({"epochs": 4}, "options"),
        ({"modalities": ("a",)}, "modalities"),
        ({"rows": {"train": np.arange(70), "valid": np.arange(80, 120)}}, "data"),
    ],
)
def test_a_journal_of_another_search_is_refused(tmp_path, change, part):
    journal = tmp_path / "study.log"
    tuned(journal=journal, n_trials=1)
    with pytest.raises(InputError, match=part) as caught:
        tuned(journal=journal, n_trials=1, **change)
    assert caught.value.argument == "journal"


def test_a_damaged_journal_is_refused(tmp_path):
    journal = tmp_path / "study.log"
    journal.write_text("not a journal\n")
    with pytest.raises(InputError, match="line 1"):
        tuned(journal=journal, n_trials=1)


def test_test_rows_are_never_read(tmp_path):
    assert tuned(dataset(test_value=np.nan), n_trials=3) == tuned(dataset(test_value=5.0), n_trials=3)


def test_optuna_is_left_as_it_was_and_says_nothing(capfd, recwarn, tmp_path):
    before = optuna.logging.get_verbosity()
    tuned(n_trials=2, journal=tmp_path / "study.log")
    with pytest.raises(StoppedError):
        tuned(n_trials=2, progress=stop_in_fit(1))
    assert optuna.logging.get_verbosity() == before
    out, err = capfd.readouterr()
    assert out == err == ""
    assert [str(w.message) for w in recwarn if "optuna" in str(w.filename) or "xperimental" in str(w.message)] == []


def test_the_density_finds_more_good_options_than_chance(monkeypatch):
    """A metric that falls with the distance from the upper end of the learning rates: late trials lie near it."""
    from mmcore.training import tuning

    monkeypatch.setattr(
        tuning._Search, "_metric", lambda self, asked, seen: -abs(np.log10(asked.params["learning_rate"]) + 2.0)
    )
    late = [trial.metric for trial in tuned(n_trials=30).trials[15:]]
    assert np.mean(late) > -0.5  # uniform over two decades up to the optimum: -1 in expectation


def test_a_trial_that_diverges_is_recorded_and_never_chosen(monkeypatch):
    from mmcore.training import tuning

    def metric(self, asked, seen):
        if asked.params["learning_rate"] > 1e-3:
            raise NonFiniteLossError(1, np.array([0]), ["s0"])
        return 0.5

    monkeypatch.setattr(tuning._Search, "_metric", metric)
    found = tuned(n_trials=12)
    states = {trial.state for trial in found.trials}
    assert states == {"complete", "diverged"} and found.options == found.trials[0].options
    monkeypatch.setattr(tuning._Search, "_metric", lambda self, asked, seen: metric(self, asked, seen) / 0)
    with pytest.raises(ZeroDivisionError):
        tuned(n_trials=1)
    with pytest.raises(InputError, match="diverged"):
        tune("late_fusion", dataset(), n_trials=1, **{**OPTIONS, "learning_rate": 1e18, "max_gradient_norm": 1e18})


def test_pruned_trials_stop_early_and_are_resumed_alike(tmp_path):
    options = {"prune": True, "n_trials": 8, "epochs": 8, "patience": 8}
    epochs = []
    found = tuned(progress=lambda epoch, total, metric: epochs.append(epoch), **options)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned and len(epochs) < 8 * 8 and all(trial.metric is None for trial in pruned)
    assert found.trials[0].state == "complete"
    journal = tmp_path / "study.log"
    tuned(journal=journal, **{**options, "n_trials": 5})
    assert tuned(journal=journal, **options) == found
    with pytest.raises(InputError, match="prune"):
        tuned(prune=True, name="pretrained_late_fusion")


@pytest.mark.parametrize("n_trials", [0, True, 1.5])
def test_no_trials_are_refused(n_trials):
    with pytest.raises(InputError, match="n_trials"):
        tuned(n_trials=n_trials)


def test_what_the_caller_got_wrong_is_said(tmp_path):
    with pytest.raises(InputError, match="learning_rate"):
        tuned(learning_rate=-1.0, journal=tmp_path / "study.log")
    with pytest.raises(InputError, match="late_fusion"):
        tuned(name="late_fuson")
    with pytest.raises(InputError, match="dropout"):
        tuned(build={"dropout": 1.5})
