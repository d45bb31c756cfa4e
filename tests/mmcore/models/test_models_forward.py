"""Laws that every model's forward pass keeps: masks, permutations, padding, additivity, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model, standardise_from

NAMES = ["unimodal:vector", "unimodal:sequence", "unimodal:image", "unimodal:ragged", "early_fusion", "late_fusion"]
N = 10


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(0)
    arrays = {
        "vector": rng.normal(3.0, 2.0, size=(N, 5)),
        "sequence": rng.normal(size=(N, 40, 3)),
        "image": rng.integers(0, 255, size=(N, 12, 10, 3), dtype=np.uint8),
        "ragged": [rng.normal(size=(int(t), 4)) for t in rng.integers(1, 20, size=N)],
        "short": rng.normal(size=(N, 6, 2)),
    }
    kinds = {"vector": "tabular", "sequence": "timeseries", "image": "image", "ragged": "timeseries"}
    kinds["short"] = "timeseries"
    return from_arrays(arrays, labels=np.arange(N) % 3, name="laws", kinds=kinds, seed=0)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "vector": torch.randn(N, 5, generator=generator).double(),
        "sequence": torch.randn(N, 40, 3, generator=generator).double(),
        "image": torch.randint(0, 255, (N, 12, 10, 3), generator=generator, dtype=torch.uint8),
        "ragged": torch.randn(N, 20, 4, generator=generator).double(),
        "short": torch.randn(N, 6, 2, generator=generator).double(),
    }
    return inputs, {"ragged": torch.tensor([20, 1, 7, 0, 13, 2, 20, 5, 6, 19])}


def model_of(name, ds):
    """A model in double precision, so that laws hold to 1e-12 rather than to rounding in float32."""
    model = build_model(name, ds.spec, seed=4, width=16)
    standardise_from(model, ds, np.arange(N))
    return model.double().eval()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_gives_what_the_row_gives_in_a_batch(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    together = model(inputs, None, lengths)
    assert together.shape == (N, 3)
    for row in range(N):
        alone = model(
            {k: v[row : row + 1] for k, v in inputs.items()}, None, {"ragged": lengths["ragged"][row : row + 1]}
        )
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_training_mode_works_on_a_batch_of_one(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds).train()
    assert torch.isfinite(model({k: v[:1] for k, v in inputs.items()}, None, {"ragged": lengths["ragged"][:1]})).all()


@pytest.mark.parametrize("name", NAMES)
def test_permuting_rows_permutes_outputs(ds, batch, name):
    inputs, lengths = batch
    model, order = model_of(name, ds), torch.randperm(N, generator=torch.Generator().manual_seed(1))
    mask = {"vector": torch.arange(N) % 2 == 0, "ragged": torch.arange(N) % 3 == 0}
    permuted = model(
        {k: v[order] for k, v in inputs.items()},
        {k: v[order] for k, v in mask.items()},
        {"ragged": lengths["ragged"][order]},
    )
    torch.testing.assert_close(permuted, model(inputs, mask, lengths)[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["unimodal:ragged", "early_fusion", "late_fusion"])
def test_the_amount_and_content_of_padding_do_not_matter(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    garbage = torch.full((N, 9, 4), float("nan"), dtype=torch.float64)
    longer = {**inputs, "ragged": torch.cat([inputs["ragged"], garbage], 1)}
    torch.testing.assert_close(model(longer, None, lengths), model(inputs, None, lengths), rtol=0, atol=1e-12)


def test_a_ragged_sequence_of_full_length_equals_a_fixed_one(ds, batch):
    inputs, _ = batch
    encoder = model_of("unimodal:ragged", ds).encoders[0]
    full = torch.full((N,), 20)
    torch.testing.assert_close(encoder(inputs["ragged"], full), encoder(inputs["ragged"], None), rtol=0, atol=1e-12)


def test_a_ragged_modality_without_lengths_is_refused(ds, batch):
    with pytest.raises(InputError) as caught:
        model_of("late_fusion", ds)(batch[0])
    assert caught.value.argument == "lengths" and "ragged" in caught.value.received


@pytest.mark.parametrize("name", NAMES)
def test_masks_of_present_rows_change_nothing(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    everywhere = {modality: torch.ones(N, dtype=torch.bool) for modality in ds.modalities}
    assert torch.equal(model(inputs, everywhere, lengths), model(inputs, None, lengths))
    mask = torch.arange(N) % 2 == 0
    partly = model(inputs, {"vector": mask}, lengths)
    torch.testing.assert_close(partly[mask], model(inputs, None, lengths)[mask], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("modality", ["vector", "sequence", "image", "ragged", "short"])
def test_an_absent_modality_cannot_influence_anything(ds, batch, name, modality):
    inputs, lengths = batch
    model, mask = model_of(name, ds), torch.arange(N) % 2 == 0
    before = model(inputs, {modality: mask}, lengths)
    changed = inputs[modality].clone()
    changed[~mask] = 77 if changed.dtype == torch.uint8 else float("nan")
    after = model({**inputs, modality: changed}, {modality: mask}, lengths)
    assert torch.equal(before, after)
    # The law above would hold for a model that ignores the modality: present rows must respond.
    if modality in model.modalities:
        changed = inputs[modality].clone()
        changed[mask] = changed[mask] // 2 if changed.dtype == torch.uint8 else changed[mask] + 1.0
        assert not torch.allclose(model({**inputs, modality: changed}, {modality: mask}, lengths)[0], before[0])


def test_late_fusion_logits_add_over_modalities_and_early_fusion_logits_do_not(ds, batch):
    inputs, lengths = batch
    pair = ["vector", "sequence"]
    nowhere = torch.zeros(N, dtype=torch.bool)

    def interaction(name):
        model = build_model(name, ds.spec, seed=4, width=16, modalities=pair).double().eval()
        without = [{}, {"vector": nowhere}, {"sequence": nowhere}, {"vector": nowhere, "sequence": nowhere}]
        both, second, first, none = (model(inputs, masks, lengths) for masks in without)
        return (both - first - second + none).abs().max().item()

    assert interaction("late_fusion") < 1e-14
    assert interaction("early_fusion") > 1e-3


def test_unimodal_absent_rows_put_out_the_bias(ds, batch):
    model = model_of("unimodal:vector", ds)
    outputs = model(batch[0], {"vector": torch.zeros(N, dtype=torch.bool)})
    assert torch.equal(outputs, model.head.bias.expand(N, 3))


def test_untrained_early_fusion_mean_imputes_exactly(ds, batch):
    inputs, lengths = batch
    model = model_of("early_fusion", ds)
    imputed = {**inputs, "vector": model.inputs.each[0].mean.expand(N, 5)}
    absent = model(inputs, {"vector": torch.zeros(N, dtype=torch.bool)}, lengths)
    torch.testing.assert_close(absent, model(imputed, None, lengths), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["early_fusion", "late_fusion"])
def test_every_parameter_receives_a_finite_gradient(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds).train()
    masks = {"ragged": torch.arange(N) % 2 == 0, "vector": torch.arange(N) % 3 != 0}
    inputs["vector"][0] = float("nan")  # row 0 lacks it
    model(inputs, masks, lengths).square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_statistics_come_from_present_training_rows_only():
    rng = np.random.default_rng(3)
    vector = rng.normal(5.0, 3.0, size=(40, 2)).astype(np.float32)
    vector[:, 1] = 0.1  # constant: centred, not scaled
    ragged = [rng.normal(-2.0, 4.0, size=(int(t), 3)) for t in rng.integers(0, 9, size=40)]
    present = rng.random(40) < 0.7
    ds = from_arrays(
        {"v": vector, "r": ragged}, labels=np.arange(40) % 2, name="stats", presence={"v": present}, seed=0
    )
    rows = np.arange(0, 40, 2)
    model = build_model("late_fusion", ds.spec)
    standardise_from(model, ds, rows)
    used = ds["v"][rows[present[rows]]].astype(np.float64)
    by_name = dict(zip(model.inputs.names, model.inputs.each))
    np.testing.assert_allclose(by_name["v"].mean.numpy(), used.mean(0), rtol=1e-6)
    np.testing.assert_allclose(by_name["v"].std.numpy(), [used[:, 0].std(), 1.0], rtol=1e-6)
    steps = np.concatenate([ragged[i] for i in rows])
    np.testing.assert_allclose(by_name["r"].mean.numpy(), steps.mean(0), rtol=1e-5)
    np.testing.assert_allclose(by_name["r"].std.numpy(), steps.std(0), rtol=1e-5)


@pytest.mark.parametrize("name", ["values", "keys", "type", "train", "forward"])
def test_modalities_may_be_called_like_attributes_of_a_module(name):
    ds = from_arrays({name: np.eye(4), "b": np.eye(4)}, labels=[0, 1, 0, 1], name="names", seed=0)
    for model in ("early_fusion", "late_fusion", f"unimodal:{name}"):
        assert build_model(model, ds.spec)({name: torch.eye(4), "b": torch.eye(4)}).shape == (4, 2)
