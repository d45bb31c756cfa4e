"""The bad inputs that people give the zoo: each ends with the argument, what came, what is allowed and a remedy."""

from __future__ import annotations

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model, load_model, save_model
from mmcore.training import NonFiniteLossError, fit, train_method

SPLIT = np.repeat(["train", "valid", "test"], [40, 10, 10])
LABELS = np.tile([0, 1], 30)


def dataset(**arrays):
    rng = np.random.default_rng(0)
    shapes = {"table": (60, 4), "series": (60, 12, 3), "longer": (60, 15, 2)}
    every = {name: rng.normal(size=shape) for name, shape in shapes.items()} | arrays
    kinds = {"table": "tabular", "series": "timeseries", "longer": "timeseries"}
    return from_arrays(every, labels=LABELS, split=SPLIT, name="bad", kinds={k: kinds[k] for k in every if k in kinds})


@pytest.fixture(scope="module")
def ds():
    return dataset()


def test_unknown_model(ds):
    with pytest.raises(InputError, match="tensor_fusion"):
        train_method("tensor_fuson", ds)


def test_unknown_option_of_the_fit(ds):
    with pytest.raises(InputError, match="epochs"):
        train_method("sum", ds, modalities=("table", "series"), epocs=3)


def test_unknown_encoder(ds):
    with pytest.raises(InputError, match="lstm"):
        build_model("late_fusion", ds.spec, encoders={"series": "lstmm"})


def test_encoder_for_a_modality_that_is_not_there(ds):
    with pytest.raises(InputError, match="series"):
        build_model("late_fusion", ds.spec, encoders={"serie": "lstm"})


def test_encoder_of_another_kind_names_those_that_fit(ds):
    with pytest.raises(InputError) as caught:
        build_model("late_fusion", ds.spec, encoders={"table": "lstm"})
    assert caught.value.argument == "encoders.table" and "mlp" in str(caught.value)


def test_unknown_option_of_an_encoder(ds):
    with pytest.raises(InputError, match="layers"):
        build_model("late_fusion", ds.spec, encoders={"series": {"name": "gru", "layer": 2}})


def test_unequal_lengths_where_they_must_agree_name_both(ds):
    with pytest.raises(InputError) as caught:
        train_method("early_fusion_steps", ds, modalities=("series", "longer"), epochs=1, device="cpu")
    assert "12" in str(caught.value) and "15" in str(caught.value)


def test_label_out_of_range():
    with pytest.raises(InputError) as caught:
        from_arrays({"a": np.zeros((3, 1))}, labels=["no", "yes", "maybe"], name="three", classes=["no", "yes"])
    assert "maybe" in str(caught.value) and "no, yes" in str(caught.value)


def test_one_class_in_the_training_rows():
    one = np.where(SPLIT == "train", 0, LABELS)
    ds = from_arrays({"a": np.ones((60, 1))}, labels=one, split=SPLIT, name="one")
    with pytest.raises(InputError, match="the same value in all 40 training rows"):
        train_method("unimodal:a", ds, epochs=1, device="cpu")


def test_a_loss_that_is_not_finite_names_the_samples_of_its_batch():
    rng = np.random.default_rng(0)
    ds = dataset(table=rng.normal(size=(60, 4)) * 1e30)
    with pytest.raises(NonFiniteLossError) as caught:
        fit(
            build_model("tensor_fusion", ds.spec, modalities=("table", "series"), width=8), ds, epochs=30,
            learning_rate=1e18, batch_size=8, device="cpu",
        )  # fmt: skip
    assert 1 <= len(caught.value.sample_ids) <= 9
    assert set(caught.value.sample_ids) <= set(ds.samples["sample_id"].astype(str))


def test_weights_of_a_model_for_other_data(ds, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(build_model("tensor_fusion", ds.spec, width=8), path, ds.spec)
    other = dataset(table=np.zeros((60, 5)))
    with pytest.raises(InputError, match="spec"):
        load_model(path, other.spec)


def test_a_checkpoint_of_another_fit_is_never_gone_on_with(ds, tmp_path):
    options = {"epochs": 2, "device": "cpu", "checkpoint_dir": tmp_path}
    first = train_method("sum", ds, modalities=("table", "series"), build={"width": 8}, **options)
    second = train_method("product", ds, modalities=("table", "series"), build={"width": 8}, **options)
    assert first.checkpoint != second.checkpoint
    second.checkpoint.write_bytes(first.checkpoint.read_bytes())
    with pytest.raises(InputError, match="checkpoint_dir"):
        train_method("product", ds, modalities=("table", "series"), build={"width": 8}, **options)
