"""The factorised, the variational and the translating model: what they promise, and that they learn it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError
from mmcore.models import build_model, standardise_from
from mmcore.models.generative.decoders import build_decoder, decoding_target, reconstruction_error
from mmcore.models.generative.experts import divergence_from_normal, product_of_experts
from mmcore.models.generative.mmd import mmd_to_normal
from mmcore.models.generative.translation import AttentiveDecoder, SequenceEncoder, shortened
from mmcore.models.randomness import seeded
from mmcore.models.standardisation import Prepared

N = 10


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(0)
    arrays = {
        "words": [rng.normal(size=(int(t), 4)) for t in rng.integers(1, 12, size=N)],
        "sound": [rng.normal(size=(int(t), 3)) for t in rng.integers(1, 40, size=N)],
        "table": rng.normal(3.0, 2.0, size=(N, 5)),
        "image": rng.normal(size=(N, 9, 7, 2)),
    }
    kinds = {"words": "timeseries", "sound": "timeseries", "table": "tabular", "image": "image"}
    return from_arrays(arrays, labels=np.arange(N) % 3, name="generative", kinds=kinds)


def batch_of(ds):
    inputs, lengths = {}, {}
    for name in ds.modalities:
        if ds.spec.modality(name).ragged:
            each = [torch.from_numpy(ds[name][i]) for i in range(N)]
            inputs[name] = torch.nn.utils.rnn.pad_sequence(each, batch_first=True)
            lengths[name] = torch.tensor([len(one) for one in each])
        else:
            inputs[name] = torch.from_numpy(np.array(ds[name]))
    return inputs, lengths


def model_of(name, ds, **options):
    model = build_model(name, ds.spec, width=8, seed=1, **options)
    standardise_from(model, ds, np.arange(N))
    return model.double()


def some(seed, rate=0.6):
    return torch.from_numpy(np.random.default_rng(seed).random(N) < rate)


@pytest.mark.parametrize("name", ["mfm", "mvae", "mctn"])
def test_evaluation_has_no_added_losses_and_training_has(ds, name):
    inputs, lengths = batch_of(ds)
    model = model_of(name, ds)
    assert model.eval().trace(inputs, None, lengths).auxiliary == {}
    added = model.train().trace(inputs, None, lengths).auxiliary
    assert len(added) == 2 and all(value.shape == () and value > 0 for value in added.values())


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("mfm", "reconstruction", "prior"), ("mvae", "reconstruction", "divergence"), ("mctn", "translation", "cycle")],
)
def test_weights_scale_their_own_loss(ds, name, first, second):
    inputs, lengths = batch_of(ds)
    found = []
    for weights in ({first: 1.0, second: 1.0}, {first: 2.0, second: 3.0}, {first: 0.0, second: 0.0}):
        model = model_of(name, ds, dropout=0.0, **weights).train()
        with seeded(0):
            found.append(model.trace(inputs, None, lengths).auxiliary)
    for key, factor in ((first, 2.0), (second, 3.0)):
        assert found[1][key].item() == pytest.approx(factor * found[0][key].item(), rel=1e-12)
        assert found[2][key].item() == 0.0
    for key in (first, second):
        with pytest.raises(InputError) as caught:
            build_model(name, ds.spec, **{key: -1.0})
        assert caught.value.argument == key


@pytest.mark.parametrize("name", ["mfm", "mvae", "mctn"])
def test_added_losses_look_at_present_rows_only(ds, name):
    """The batch with a mask, and the batch without the rows that have nothing, have the same losses."""
    inputs, lengths = batch_of(ds)
    seen = some(3)
    model = model_of(name, ds, dropout=0.0).train()
    if name == "mvae":
        for head in model.log_variances:  # no noise to speak of, so that draws do not matter
            torch.nn.init.zeros_(head.weight)
            torch.nn.init.constant_(head.bias, -60.0)
    broken = {key: values.clone() for key, values in inputs.items()}
    for values in broken.values():
        values[~seen] = float("nan")
    presence = dict.fromkeys(inputs, seen)
    together = model.trace(broken, presence, lengths).auxiliary
    alone = model.trace({k: v[seen] for k, v in inputs.items()}, None, {k: v[seen] for k, v in lengths.items()})
    for key, value in alone.auxiliary.items():
        if (name, key) in {("mfm", "prior"), ("mvae", "divergence")}:
            continue  # the joint factor of a row without any modality is a row too
        torch.testing.assert_close(together[key], value, rtol=0, atol=1e-8)


def test_a_decoder_has_the_shape_of_its_modality(ds):
    inputs, lengths = batch_of(ds)
    for name in ds.modalities:
        modality = ds.spec.modality(name)
        target = decoding_target(modality, Prepared(inputs[name], None, lengths.get(name)))
        decoded = build_decoder(modality, 6, width=8).double()(torch.zeros(N, 6).double(), target.values)
        assert decoded.shape == target.values.shape == inputs[name].shape, name


@pytest.mark.parametrize("kind", ["vector", "sequence", "ragged", "image", "set"])
def test_a_decoder_learns_any_values(kind):
    """Values far outside (-1, 1): a decoder that emits a bounded state could not reach them."""
    shapes = {"vector": (6,), "sequence": (8, 3), "ragged": (None, 3), "image": (6, 5, 2), "set": (None, 3)}
    kinds = {"vector": "tabular", "sequence": "timeseries", "ragged": "timeseries", "image": "image", "set": "set"}
    modality = ModalitySpec("a", kinds[kind], shapes[kind], "float32", ragged=None in shapes[kind])
    rng = np.random.default_rng(0)
    lengths = torch.tensor([8, 3, 5]) if modality.ragged else None
    values = torch.from_numpy(3 * rng.normal(size=(3, *(8 if size is None else size for size in shapes[kind])))).float()
    if lengths is not None:
        values = values * (torch.arange(8) < lengths[:, None])[..., None]
    target = decoding_target(modality, Prepared(values, None, lengths))
    with seeded(0):
        decoder = build_decoder(modality, 4, width=24)
        latent = torch.randn(3, 4)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        error = reconstruction_error(decoder(latent, target.values), target)
        error.backward()
        optimizer.step()
    assert error.item() < 0.05


def test_mfm_losses_are_those_of_its_equation(ds):
    inputs, lengths = batch_of(ds)
    presence = {"table": some(1), "words": some(2)}
    model = model_of("mfm", ds, dropout=0.0, reconstruction=1.0, prior=1.0).train()
    trace = model.trace(inputs, presence, lengths)
    joint = model.discriminative(torch.cat(trace.representations, 1))
    torch.testing.assert_close(trace.fused, model.transform_joint(joint))
    factors = [own(part) for own, part in zip(model.generative, trace.representations)]
    present = [torch.ones(N, dtype=torch.bool) if each.present is None else each.present for each in trace.prepared]
    prior = mmd_to_normal(joint) + sum(mmd_to_normal(z[rows]) for z, rows in zip(factors, present))
    torch.testing.assert_close(trace.auxiliary["prior"], prior)
    position = model.modalities.index("table")
    latent = torch.cat([trace.fused, model.transform[position](factors[position])], 1)
    decoded = model.decoders[position](latent, inputs["table"])
    expected = (decoded - trace.prepared[position].values)[presence["table"]].square().mean()
    others = 0.0
    for other in set(range(4)) - {position}:
        target = decoding_target(model.specs[other], trace.prepared[other])
        factor = model.transform[other](factors[other])
        others += reconstruction_error(
            model.decoders[other](torch.cat([trace.fused, factor], 1), target.values), target
        )
    torch.testing.assert_close(trace.auxiliary["reconstruction"], expected + others)


def test_mfm_predicts_from_the_discriminative_factor_alone(ds):
    inputs, lengths = batch_of(ds)
    model = model_of("mfm", ds).eval()
    before = model(inputs, None, lengths)
    for parameter in (*model.generative.parameters(), *model.transform.parameters(), *model.decoders.parameters()):
        parameter.data.add_(1.0)
    assert torch.equal(model(inputs, None, lengths), before)


def test_mvae_predicts_from_the_mean_in_both_modes(ds):
    inputs, lengths = batch_of(ds)
    model = model_of("mvae", ds, dropout=0.0)
    training = model.train().trace(inputs, None, lengths)
    torch.testing.assert_close(training.outputs, model.eval()(inputs, None, lengths), rtol=0, atol=0)
    heads = [
        [head(part) for head, part in zip(h, training.representations)] for h in (model.means, model.log_variances)
    ]
    torch.testing.assert_close(training.fused, product_of_experts(*heads, [None] * 4)[0])


def test_mvae_divergences_are_of_the_joint_and_of_each_posterior(ds):
    inputs, lengths = batch_of(ds)
    seen = some(5)
    model = model_of("mvae", ds, dropout=0.0, divergence=1.0).train()
    trace = model.trace(inputs, {"table": seen}, lengths)
    means, variances = (
        [head(part) for head, part in zip(h, trace.representations)] for h in (model.means, model.log_variances)
    )
    present = [each.present for each in trace.prepared]
    expected = divergence_from_normal(*product_of_experts(means, variances, present)).mean()
    for m, v, rows in zip(means, variances, present):
        alone = divergence_from_normal(*product_of_experts([m], [v], [None]))
        expected = expected + (alone if rows is None else alone[rows]).mean()
    torch.testing.assert_close(trace.auxiliary["divergence"], expected)


def test_mvae_without_modalities_predicts_from_the_prior(ds):
    inputs, lengths = batch_of(ds)
    model = model_of("mvae", ds).eval()
    nowhere = dict.fromkeys(inputs, torch.zeros(N, dtype=torch.bool))
    expected = model.head(torch.zeros(1, model.means[0].out_features).double())
    torch.testing.assert_close(model(inputs, nowhere, lengths), expected.expand(N, 3))


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("source", [None, "sound", "table", "image"])
def test_mctn_outputs_depend_on_the_source_alone(ds, mode, source):
    inputs, lengths = batch_of(ds)
    model = model_of("mctn", ds, dropout=0.0, source=source)
    model.train(mode == "train")
    before = model(inputs, None, lengths)
    source = source or "words"
    absent = {name: torch.zeros(N, dtype=torch.bool) for name in inputs if name != source}
    broken = {name: values if name == source else values * float("nan") for name, values in inputs.items()}
    assert torch.equal(model(broken, absent, lengths), before)
    changed = {**inputs, source: inputs[source] * 0.5 + 1.0}
    assert (model(changed, None, lengths) - before).abs().min(0).values.max() > 1e-6


def test_mctn_is_the_same_function_in_training_and_evaluation(ds):
    inputs, lengths = batch_of(ds)
    model = model_of("mctn", ds, dropout=0.0)
    training = model.train().trace(inputs, None, lengths)
    evaluation = model.eval().trace(inputs, None, lengths)
    assert torch.equal(training.outputs, evaluation.outputs) and torch.equal(training.fused, evaluation.fused)


def test_mctn_rows_without_a_source_get_one_output(ds):
    inputs, lengths = batch_of(ds)
    model = model_of("mctn", ds).eval()
    outputs = model(inputs, {"words": torch.arange(N) < 4}, lengths)
    assert (outputs[4:] == outputs[4]).all() and not torch.equal(outputs[0], outputs[4])


def test_mctn_padding_changes_no_loss(ds):
    inputs, lengths = batch_of(ds)
    model = model_of("mctn", ds, dropout=0.0).train()
    longer = {
        name: torch.cat([values, torch.full((N, 25, values.shape[2]), float("nan")).double()], 1)
        if name in lengths
        else values
        for name, values in inputs.items()
    }
    short, long = (model.trace(each, None, lengths) for each in (inputs, longer))
    for key, value in short.auxiliary.items():
        torch.testing.assert_close(long.auxiliary[key], value, rtol=0, atol=1e-10)


def test_attention_weights_sum_to_one_over_each_sequences_own_steps():
    with seeded(0):
        decoder = AttentiveDecoder(4)
        keys, hidden = torch.randn(2, 5, 4), torch.randn(2, 4)
    inside = torch.tensor([[True] * 5, [True, True, False, False, False]])
    weights = decoder.attention(hidden, keys, inside)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert (weights[~inside] == 0).all() and (weights[inside] > 0).all()


def test_the_encoder_reads_each_sequence_from_its_own_end():
    with seeded(0):
        encoder, steps = SequenceEncoder(3, 4), torch.randn(2, 6, 3)
    padded = encoder(steps, torch.tensor([6, 2]))
    torch.testing.assert_close(padded[1:, :2], encoder(steps[1:, :2], None))
    assert (padded[1, 2:] == 0).all()


def test_shortened_sequences_keep_the_mean_of_equal_stretches():
    values = torch.arange(12.0).reshape(1, 12, 1).repeat(2, 1, 1)
    found = shortened(Prepared(values, None, torch.tensor([12, 6])), 3)
    assert found.values[..., 0].tolist() == [[1.5, 5.5, 9.5], [0.5, 2.5, 4.5]]
    assert found.lengths.tolist() == [3, 3]
    fixed = shortened(Prepared(values, None, None), 3)
    assert fixed.values[0, :, 0].tolist() == [1.5, 5.5, 9.5] and fixed.lengths is None


def test_mctn_learns_to_translate_and_to_come_back():
    """The target is a linear map of the source's steps, so both losses can fall far below that of the mean, 1."""
    rng = np.random.default_rng(0)
    source = rng.normal(size=(64, 1, 2)).repeat(3, 1)
    arrays = {"a": source, "b": 2.0 * source @ rng.normal(size=(2, 2)) + 5.0}
    kinds = {"a": "timeseries", "b": "timeseries"}
    ds = from_arrays(arrays, labels=np.arange(64) % 2, name="two", kinds=kinds)
    model = build_model("mctn", ds.spec, width=16, translation=1.0, cycle=1.0)
    standardise_from(model, ds, np.arange(64))
    inputs = {name: torch.from_numpy(values).float() for name, values in arrays.items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        added = model.trace(inputs).auxiliary
        sum(added.values()).backward()
        optimizer.step()
    assert added["translation"].item() < 0.1 and added["cycle"].item() < 0.1


@pytest.mark.parametrize(
    ("name", "options", "argument"),
    [
        ("mfm", {"factor": 0}, "factor"),
        ("mvae", {"latent": 0}, "latent"),
        ("mctn", {"source": "word"}, "source"),
        ("mctn", {"steps": 0}, "steps"),
        ("mctn", {"modalities": ["words"]}, "modalities"),
    ],
)
def test_wrong_options_are_refused(ds, name, options, argument):
    with pytest.raises(InputError) as caught:
        build_model(name, ds.spec, **options)
    assert caught.value.argument == argument
