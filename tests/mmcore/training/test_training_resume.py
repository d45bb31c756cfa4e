"""Determinism, and fits that are interrupted and go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.training import fit, torch_threads
from mmcore.training.inputs import InputRows

OPTIONS = {"epochs": 8, "batch_size": 32, "patience": 8, "modality_dropout": 0.2, "device": "cpu"}


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def small_dataset(shift=0.0):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(240, 6)) + shift
    b = [rng.normal(size=(int(t), 3)) for t in rng.integers(1, 12, size=240)]
    labels = (a[:, 0] + np.array([s.mean() for s in b]) > shift).astype(int)
    presence = {"b": rng.random(240) < 0.8}
    split = np.repeat(["train", "valid", "test"], 80)
    return from_arrays({"a": a, "b": b}, labels=labels, name="resume", split=split, presence=presence)


def fitted(ds, name="early_fusion", seed=0, **options):
    return fit(build_model(name, ds.spec, width=16, seed=seed), ds, seed=seed, **{**OPTIONS, **options})


def same_bits(first, second):
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("name", ["early_fusion", "late_fusion", "unimodal:b"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(name):
    ds = small_dataset()
    state = torch.get_rng_state()
    first = fitted(ds, name)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    second = fitted(ds, name)
    assert same_bits(first.model, second.model) and first.history == second.history
    assert not same_bits(first.model, fitted(ds, name, seed=1).model)
    torch.set_rng_state(state)


class StoppedError(Exception):
    pass


def interrupt_after(last):
    def progress(epoch, epochs, metric):
        if epoch == last:
            raise StoppedError

    return progress


@pytest.mark.parametrize("last", [1, 4, 7])
def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path, last):
    ds = small_dataset()
    whole = fitted(ds)
    with pytest.raises(StoppedError):
        fitted(ds, checkpoint_dir=tmp_path, checkpoint_seconds=0, progress=interrupt_after(last))
    seen = []
    resumed = fitted(
        ds, checkpoint_dir=tmp_path, checkpoint_seconds=0, progress=lambda epoch, epochs, metric: seen.append(epoch)
    )
    assert seen == list(range(last + 1, 9))
    assert same_bits(whole.model, resumed.model)
    assert whole.history == resumed.history and whole.best_epoch == resumed.best_epoch


def test_a_finished_fit_returns_at_once_with_the_same_bits(tmp_path):
    ds = small_dataset()
    first = fitted(ds, checkpoint_dir=tmp_path)
    stored = first.checkpoint.read_bytes()
    again = fitted(ds, checkpoint_dir=tmp_path, progress=interrupt_after(1))
    assert same_bits(first.model, again.model) and again.history == first.history
    other = tmp_path / "other"
    assert fitted(ds, checkpoint_dir=other).checkpoint.read_bytes() == stored
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [first.checkpoint.name]


def test_early_stopping_is_resumed_too(tmp_path):
    ds = small_dataset()
    options = {"epochs": 60, "patience": 2}
    whole = fitted(ds, **options)
    assert whole.best_epoch + 2 == whole.epochs < 60
    with pytest.raises(StoppedError):
        interrupted = interrupt_after(whole.epochs - 1)
        fitted(ds, checkpoint_dir=tmp_path, checkpoint_seconds=0, progress=interrupted, **options)
    resumed = fitted(ds, checkpoint_dir=tmp_path, **options)
    assert resumed.history == whole.history and same_bits(resumed.model, whole.model)


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"seed": 1}, {"epochs": 9}, {"modality_dropout": 0.0}])
def test_a_checkpoint_of_other_parameters_is_never_used(tmp_path, change):
    ds = small_dataset()
    first = fitted(ds, checkpoint_dir=tmp_path)
    other = fitted(ds, checkpoint_dir=tmp_path, **change)
    assert other.checkpoint != first.checkpoint
    assert same_bits(other.model, fitted(ds, **change).model)


def test_a_checkpoint_of_other_data_is_never_used(tmp_path):
    first = fitted(small_dataset(), checkpoint_dir=tmp_path)
    assert fitted(small_dataset(shift=1.0), checkpoint_dir=tmp_path).checkpoint != first.checkpoint


def test_a_renamed_or_damaged_checkpoint_is_refused(tmp_path):
    ds = small_dataset()
    first, other = fitted(ds, checkpoint_dir=tmp_path), fitted(ds, checkpoint_dir=tmp_path, epochs=3)
    other.checkpoint.replace(first.checkpoint)
    with pytest.raises(InputError) as caught:
        fitted(ds, checkpoint_dir=tmp_path)
    assert caught.value.argument == "checkpoint_dir"
    first.checkpoint.write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match="complete safetensors"):
        fitted(ds, checkpoint_dir=tmp_path)


def test_a_killed_process_goes_on_where_it_was(tmp_path):
    """SIGKILL after epoch 3, in a process of its own; what is left on disk must be enough."""
    code = (
        "import os, signal, sys, torch; sys.path.insert(0, sys.argv[2]); torch.set_num_threads(1)\n"
        "import test_training_resume as here\n"
        "def progress(epoch, epochs, metric):\n"
        "    if epoch == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "here.fitted(here.small_dataset(), checkpoint_dir=sys.argv[1], checkpoint_seconds=0, progress=progress)\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    killed = subprocess.run(command, check=False, env=environment, cwd=root)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("training-*.safetensors"))) == 1
    seen = []
    resumed = fitted(small_dataset(), checkpoint_dir=tmp_path, progress=lambda *at: seen.append(at[0]))
    assert seen[0] == 4
    assert same_bits(resumed.model, fitted(small_dataset()).model)


@pytest.mark.parametrize("present", [None, ("a",)])
def test_gathering_batch_by_batch_gives_the_same_tensors(present):
    ds = small_dataset()
    rows = ds.rows("train")
    cpu = torch.device("cpu")
    whole = InputRows(ds, ds.modalities, rows, cpu, present=present)
    parts = InputRows(ds, ds.modalities, rows, cpu, present=present, in_memory_bytes=0)
    assert whole.each[0].whole is not None and parts.each[0].whole is None
    positions = torch.tensor([5, 0, 70, 11])
    taken = [source.take(positions, source.presence_tensors(source.presence)) for source in (whole, parts)]
    for left, right in zip(*taken):
        assert left is not None and left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)
