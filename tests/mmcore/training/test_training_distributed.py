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
from mmcore.training import fit, torch_threads

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


@pytest.mark.slow
def test_a_compiled_fit_gives_the_losses_of_a_plain_one():
    ds = dataset()
    plain, compiled = trained(ds), trained(ds, compile=True)
    assert [e["loss"] for e in compiled.history] == pytest.approx([e["loss"] for e in plain.history], rel=1e-6)
    assert set(compiled.model.state_dict()) == set(plain.model.state_dict())
