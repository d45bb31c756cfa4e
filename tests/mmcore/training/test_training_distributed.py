"""Two processes with half of every batch each take the steps of one process with all of it.

Losses leave Fabric in single precision, so they are compared to 1e-6; weights stay in double precision.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.training import fit, torch_threads, train_method
from mmcore.training.loop import batches_of

OPTIONS = {"epochs": 3, "batch_size": 50, "patience": 3, "device": "cpu", "precision": "64-true"}


def dataset():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(330, 4)), rng.normal(size=(330, 3))
    split = np.repeat(["train", "valid", "test"], [231, 50, 49])  # 231 = 4 * 50 + 31: an odd last batch
    return from_arrays({"a": a, "b": b}, labels=(a[:, 0] * b[:, 0] > 0).astype(int), name="ddp", split=split)


def trained(ds, **options):
    model = build_model("early_fusion", ds.spec, width=8, dropout=0.0)
    with torch_threads(1):
        return fit(model, ds, **{**OPTIONS, **options})


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path):
    ds = dataset()
    alone, together = trained(ds), trained(ds, devices=2, checkpoint_dir=tmp_path)
    for one, two in zip(alone.history, together.history, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-6)
        assert two["valid_loss"] == pytest.approx(one["valid_loss"], rel=1e-6)
    for key, weights in alone.model.state_dict().items():
        assert torch.allclose(weights, together.model.state_dict()[key], rtol=0, atol=1e-9)
    assert together.checkpoint.is_file()
    again = trained(ds, devices=2, checkpoint_dir=tmp_path)
    assert again.history == together.history


def test_a_number_of_processes_below_one_is_refused():
    with pytest.raises(InputError, match="devices"):
        trained(dataset(), devices=0)


def test_every_process_has_a_row_of_every_batch():
    """8 rows in threes leave two for the last batch, one too few for three processes."""
    assert [len(batch) for batch in batches_of(torch.arange(8), 3, processes=3)] == [3, 5]
    assert [len(batch) for batch in batches_of(torch.arange(8), 3, processes=2)] == [3, 3, 2]
    for processes in (1, 2, 3, 5):
        for rows in range(processes, 40):
            batches = batches_of(torch.arange(rows), 5, processes)
            assert torch.cat(batches).tolist() == list(range(rows))
            assert all(len(batch[rank::processes]) for batch in batches for rank in range(processes))


def test_more_processes_than_rows_in_a_batch_are_refused_before_any_starts():
    with pytest.raises(InputError, match="a row of every batch"):
        trained(dataset(), devices=2, batch_size=1)


@pytest.mark.slow
def test_a_last_batch_smaller_than_the_number_of_processes_trains():
    result = trained(dataset(), devices=3, batch_size=229, epochs=1)  # 231 = 229 + 2
    assert np.isfinite(result.history[0]["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["contrastive", "gradient_blending"])
def test_compiled_terms_and_streams_give_the_losses_of_plain_ones(method):
    """Both keep something between batches: a memory, and which streams are wanted."""
    rng = np.random.default_rng(0)
    a, b, presence = rng.normal(size=(90, 4)), rng.normal(size=(90, 3)), {"b": rng.random(90) < 0.8}
    split = np.repeat(["train", "valid", "test"], [54, 18, 18])
    ds = from_arrays({"a": a, "b": b}, labels=(a[:, 0] > 0).astype(int), name="c", split=split, presence=presence)
    options = {"epochs": 2, "batch_size": 20, "device": "cpu", "build": {"width": 8, "dropout": 0.0}}
    plain, compiled = (train_method(method, ds, compile=wanted, **options) for wanted in (False, True))
    assert [e["loss"] for e in compiled.history] == pytest.approx([e["loss"] for e in plain.history], rel=1e-5)


@pytest.mark.slow
def test_a_compiled_fit_gives_the_losses_of_a_plain_one():
    ds = dataset()
    plain, compiled = trained(ds), trained(ds, compile=True)
    assert [e["loss"] for e in compiled.history] == pytest.approx([e["loss"] for e in plain.history], rel=1e-6)
    assert set(compiled.model.state_dict()) == set(plain.model.state_dict())
