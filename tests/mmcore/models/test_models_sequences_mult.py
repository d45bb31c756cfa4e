"""MulT and its ablations: parameter counts, masks, lengths, padding, symmetry, attention against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sequence_inputs import NAMES, B, built, drawn, explicit, padded, ragged, sequences, unequal_inputs
from torch import nn
from torch.nn import functional

from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError
from mmcore.models import standardise_from
from mmcore.models.randomness import seeded
from mmcore.models.sequences.attention import default_heads
from mmcore.models.sequences.embedding import StepEmbedding, sinusoids
from mmcore.models.sequences.masks import attention_mask
from mmcore.models.sequences.mult import MulT
from mmcore.models.sequences.steps import Steps
from mmcore.models.sequences.transformers import EarlyFusionTransformer, LateFusionTransformer


@pytest.fixture
def unequal():
    return unequal_inputs()


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("channels", "width", "heads", "layers", "expected"),
    # The reference toolkit's registered parameters: "MulT affect", "MulT affect 5/20/300", "MulT defaults" (facts, 23).
    [((35, 74, 300), 40, 8, 4, 3_080_321), ((20, 5, 300), 40, 8, 4, 3_076_961), ((35, 74, 300), 9, 3, 3, 128_665)],
)
def test_with_self_pairs_the_number_of_parameters_is_the_published_one(channels, width, heads, layers, expected):
    model = MulT(sequences(*channels), 1, width=width, heads=heads, layers=layers, self_pairs=True)
    assert parameters(model) == expected


@pytest.mark.parametrize("self_pairs", [False, True])
@pytest.mark.parametrize("channels", [(3, 4), (3, 4, 5)])
@pytest.mark.parametrize("layers", [1, 4])
def test_the_number_of_parameters_is_that_of_the_equations(channels, self_pairs, layers):
    """A layer of width w: attention 4 w^2 + 4 w, perceptron 8 w^2 + 5 w, two norms 4 w; a norm after each stack."""
    d, outputs, modalities = 8, 2, len(channels)
    n = modalities if self_pairs else modalities - 1

    def stack(depth, w):
        return depth * (12 * w * w + 13 * w) + 2 * w

    head = modalities * n * d
    expected = sum(channels) * d + modalities * (n * stack(layers, d) + stack(max(layers, 3), n * d))
    expected += 2 * (head * head + head) + head * outputs + outputs
    model = MulT(sequences(*channels), outputs, width=d, heads=2, layers=layers, self_pairs=self_pairs)
    assert parameters(model) == expected
    if modalities == 3 and not self_pairs:
        assert model.head.in_features == 6 * d


def test_the_mask_law():
    four, six = (Steps(torch.zeros(1, t, 1), None) for t in (4, 6))
    seen = attention_mask(four, six, causal=True)[0, 0]
    assert seen[0].sum() == 3 and seen[0, :3].all()
    i, j = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    assert torch.equal(seen, j <= i + 2)
    reverse = attention_mask(six, four, causal=True)[0, 0]
    assert torch.equal(reverse, torch.arange(4) <= torch.arange(6)[:, None] + 2)
    assert attention_mask(four, six, causal=False) is None


def test_the_mask_law_holds_for_each_rows_own_lengths():
    target, source = (
        Steps(torch.zeros(2, 9, 1), torch.tensor([4, 5])),
        Steps(torch.zeros(2, 8, 1), torch.tensor([6, 5])),
    )
    seen = attention_mask(target, source, causal=True)[:, 0]
    four_six = attention_mask(Steps(torch.zeros(1, 4, 1), None), Steps(torch.zeros(1, 6, 1), None), causal=True)
    assert torch.equal(seen[0, :4, :6], four_six[0, 0])
    assert torch.equal(seen[1, :5, :5], torch.ones(5, 5).tril().bool())
    assert not seen[0, :, 6:].any() and not seen[1, :, 5:].any()


def crossmodal_layer(layer, slot, x, source, mask, heads):
    """One block of the paper's code, term by term: pre-norm, one norm for queries and sources, residuals."""
    first = {"weight": layer.gains[slot, 0], "bias": layer.offsets[slot, 0]}
    second = {"weight": layer.gains[slot, 1], "bias": layer.offsets[slot, 1]}
    width = x.shape[-1]
    query, s = (functional.layer_norm(z, (width,), **first) for z in (x, source))
    w, b = layer.projection[slot], layer.projection_bias[slot]
    q, k, v = (
        functional.linear(z, w[i * width : (i + 1) * width], b[i * width : (i + 1) * width])
        for i, z in enumerate((query, s, s))
    )
    parts = [z.unflatten(-1, (heads, -1)).transpose(1, 2) for z in (q, k, v)]
    x = x + functional.linear(explicit(*parts, mask), layer.output[slot], layer.output_bias[slot])
    hidden = functional.layer_norm(x, (width,), **second)
    hidden = torch.relu(functional.linear(hidden, layer.wide[slot], layer.wide_bias[slot]))
    return x + functional.linear(hidden, layer.narrow[slot], layer.narrow_bias[slot])


@pytest.mark.parametrize("features", ["low", "intermediate"])
@pytest.mark.parametrize("causal", [False, True])
def test_towers_are_the_papers_blocks_one_after_another(unequal, features, causal):
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5), features=features, causal=causal)
    with seeded(3):
        for p in model.towers.parameters():
            nn.init.normal_(p, std=0.4)
    prepared = model.inputs(inputs, None, lengths)
    embedded = [embed(steps) for embed, steps in zip(model.embeddings, model.steps(prepared))]
    states = {(t, s): embedded[t].values for t in range(3) for s in range(3) if s != t}
    for layers in model.towers.layers:
        before = dict(states)
        for (t, s), x in before.items():
            slot = [i for i in range(3) if i != t].index(s)
            source = embedded[s].values if features == "low" else before[s, t]
            mask = attention_mask(embedded[t], embedded[s], causal=causal)
            states[t, s] = crossmodal_layer(layers[str(t)], slot, x, source, mask, 2)
    crossed = model.crossed(prepared)
    for t, name in enumerate(NAMES):
        gain, offset = model.towers.gains[str(t)], model.towers.offsets[str(t)]
        expected = torch.cat(
            [
                functional.layer_norm(states[t, s], (8,), gain[i, 0, 0], offset[i, 0, 0])
                for i, s in enumerate(s for s in range(3) if s != t)
            ],
            2,
        )
        valid = embedded[t].valid()
        torch.testing.assert_close(crossed[name].values[valid], expected[valid], rtol=0, atol=1e-11)


OPTIONS = [
    {},
    {"causal": True},
    {"kernel": 3},
    {"kernel": {"audio": 4}, "causal": True},
    {"self_pairs": True},
    {"towards": "text"},
    {"features": "intermediate"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_random_padding_added_changes_nothing(unequal, options):
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5), **options)
    expected = model(inputs, None, lengths)
    found = model(padded(inputs, lengths, (3, 1, 9)), None, lengths)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_row_alone_without_its_padding_gives_what_it_gives_in_the_batch(unequal, options):
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5), **options)
    together = model(inputs, None, lengths)
    for row in range(B):
        alone = {name: values[row : row + 1, : lengths[name][row]] for name, values in inputs.items()}
        own = {name: each[row : row + 1] for name, each in lengths.items()}
        torch.testing.assert_close(model(alone, None, own)[0], together[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_nan_in_absent_rows_is_harmless_and_absence_is_the_same_as_an_empty_sequence(unequal, options):
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5), **options).train()
    model.requires_grad_(True)
    presence = {"vision": torch.tensor([1, 0, 1, 0, 0]).bool(), "text": torch.tensor([0, 0, 1, 1, 0]).bool()}
    poisoned = {
        n: x.masked_fill(~presence[n][:, None, None], float("nan")) if n in presence else x for n, x in inputs.items()
    }
    model.eval()
    found = model(poisoned, presence, lengths)
    empty = {n: each * presence[n] if n in presence else each for n, each in lengths.items()}
    torch.testing.assert_close(found, model(inputs, None, empty), rtol=0, atol=1e-12)
    found.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("kind", [MulT, EarlyFusionTransformer, LateFusionTransformer])
def test_full_lengths_are_as_good_as_none(kind):
    inputs = dict(zip(NAMES, drawn((B, 6, 3), (B, 6, 4), (B, 6, 5))))
    model = built(kind, sequences(3, 4, 5, steps=6))
    full = {name: torch.full((B,), 6) for name in NAMES}
    torch.testing.assert_close(model(inputs, None, full), model(inputs), rtol=0, atol=1e-12)


def test_an_absent_source_adds_nothing_and_an_absent_target_is_zero(unequal):
    """With only the text there, the towers towards it are perceptrons of the text alone."""
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5))
    nobody = torch.zeros(B, dtype=torch.bool)
    trace = model.trace(inputs, {"vision": nobody, "audio": nobody}, lengths)
    assert not trace.representations[0].any() and not trace.representations[1].any()
    assert trace.representations[2].abs().sum() > 0
    for layers in model.towers.layers:
        layers["2"].output.data.add_(1.0)
        layers["2"].output_bias.data.add_(1.0)
    again = model.trace(inputs, {"vision": nobody, "audio": nobody}, lengths)
    torch.testing.assert_close(again.outputs, trace.outputs, rtol=0, atol=0)


def towers_gradient(model, target, source, step):
    """Which source steps the towers' state of `target` at `step` depends on."""
    inputs = dict(zip(NAMES, drawn((1, 6, 3), (1, 6, 4), (1, 6, 5))))
    inputs[source].requires_grad_()
    crossed = model.crossed(model.inputs(inputs))[target].values
    (weight,) = drawn((crossed.shape[-1],), seed=1)  # a plain sum is the same for every normalised state
    (gradient,) = torch.autograd.grad((crossed[0, step] * weight).sum(), inputs[source])
    return gradient.abs().sum((0, 2)) > 1e-12


@pytest.mark.parametrize("kernel", [1, 3])
def test_causal_towers_see_no_later_step_and_others_see_all(kernel):
    causal = built(MulT, sequences(3, 4, 5, steps=6), causal=True, kernel=kernel)
    free = built(MulT, sequences(3, 4, 5, steps=6), kernel=kernel)
    for step in range(6):
        for target, source in (("text", "vision"), ("audio", "text"), ("vision", "vision")):
            seen = towers_gradient(causal, target, source, step)
            assert not seen[step + 1 :].any() and seen[step], (target, source, step)
        assert towers_gradient(free, "text", "vision", step).all()


def test_causal_self_attention_reads_the_whole_past_when_it_pools(unequal):
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5), causal=True)
    before = model(inputs, None, lengths)
    inputs["vision"][:, 0] += 1.0
    assert ((model(inputs, None, lengths) - before).abs().sum(1) > 1e-9).all()


def swapped_model(model, order, width):
    """The same weights in a model whose modalities come in another order."""
    specs = [model.specs[i] for i in order]
    other = built(MulT, specs, seed=9)
    new = {old: position for position, old in enumerate(order)}
    with torch.no_grad():
        for old, embed in enumerate(model.embeddings):
            other.embeddings[new[old]].load_state_dict(embed.state_dict())
        n = len(order)
        columns = torch.zeros(n * (n - 1) * width, dtype=torch.long)  # of the new h, in the old h
        for old in range(n):
            old_sources = [s for s in range(n) if s != old]
            new_sources = [s for s in range(n) if s != new[old]]
            slots = [old_sources.index(order[s]) for s in new_sources]
            inner = torch.cat([torch.arange(width) + slot * width for slot in slots])
            part = torch.arange((n - 1) * width)
            columns[new[old] * (n - 1) * width + part] = old * (n - 1) * width + inner
            for mine, theirs in zip(other.towers.layers, model.towers.layers):
                for key, value in theirs[str(old)].state_dict().items():
                    mine[str(new[old])].state_dict()[key].copy_(value[slots])
            other.towers.gains[str(new[old])].copy_(model.towers.gains[str(old)][slots])
            other.towers.offsets[str(new[old])].copy_(model.towers.offsets[str(old)][slots])
        other.first.weight.copy_(model.first.weight[columns][:, columns])
        other.first.bias.copy_(model.first.bias[columns])
        other.second.weight.copy_(model.second.weight[columns][:, columns])
        other.second.bias.copy_(model.second.bias[columns])
        other.head.weight.copy_(model.head.weight[:, columns])
        other.head.bias.copy_(model.head.bias)
        for old in range(n):
            other.memories[str(new[old])].load_state_dict(model.memories[str(old)].state_dict())
    return other


def test_swapping_the_order_of_modalities_permutes(unequal):
    """With two modalities each target has one source, so self-attention's width needs no permutation of its own."""
    inputs, lengths = unequal
    model = built(MulT, ragged(3, 4, 5)[:2])
    other = swapped_model(model, [1, 0], 8)
    assert other.modalities == ("audio", "vision")
    torch.testing.assert_close(other(inputs, None, lengths), model(inputs, None, lengths), rtol=0, atol=1e-12)
    mine, theirs = (m.trace(inputs, None, lengths).representations for m in (other, model))
    torch.testing.assert_close(mine[0], theirs[1], rtol=0, atol=1e-12)


def test_towards_one_modality_computes_what_the_whole_model_computes_for_it(unequal):
    inputs, lengths = unequal
    whole, part = built(MulT, ragged(3, 4, 5)), built(MulT, ragged(3, 4, 5), towards="audio", seed=1)
    weights = {k: v for k, v in whole.state_dict().items() if k in part.state_dict() and k.split(".")[0] != "head"}
    own = {k: v for k, v in weights.items() if v.shape == part.state_dict()[k].shape}
    part.load_state_dict(own, strict=False)
    assert part.head.in_features == 2 * 8
    prepared = whole.inputs(inputs, None, lengths)
    found, expected = part.crossed(prepared), whole.crossed(prepared)
    assert list(found) == ["audio"]
    torch.testing.assert_close(found["audio"].values, expected["audio"].values, rtol=0, atol=1e-12)


def test_what_is_no_sequence_enters_as_one_step():
    modalities = [
        ModalitySpec("table", "tabular", (5,), "float32"),
        ModalitySpec("picture", "image", (8, 8), "float32"),
        ModalitySpec("series", "timeseries", (6, 3), "float32"),
    ]
    model = built(MulT, modalities)
    inputs = dict(zip(("table", "picture", "series"), drawn((B, 5), (B, 8, 8), (B, 6, 3))))
    crossed = model.crossed(model.inputs(inputs))
    assert {name: each.values.shape[1] for name, each in crossed.items()} == {"table": 1, "picture": 1, "series": 6}
    assert model(inputs).shape == (B, 3)
    presence = {name: torch.tensor([1, 0, 1, 0, 1]).bool() for name in inputs}
    assert torch.isfinite(model(inputs, presence)).all()


def test_a_zero_in_the_first_channel_is_no_padding():
    """The official code gives such a step no position."""
    embed = StepEmbedding(2, 4).eval()
    embedded = embed(Steps(torch.zeros(1, 3, 2), None)).values
    torch.testing.assert_close(embedded[0], sinusoids(3, 4))


def test_bad_input_says_what_is_allowed():
    modalities = sequences(3, 4, 5)
    with pytest.raises(InputError) as error:
        MulT(modalities, 1, width=8, heads=3)
    assert error.value.argument == "heads"
    with pytest.raises(InputError) as error:
        MulT(modalities[:1], 1)
    assert error.value.argument == "modalities"
    for option, value in (("towards", "sound"), ("features", "high"), ("kernel", {"sound": 3})):
        with pytest.raises(InputError) as error:
            MulT(modalities, 1, **{option: value})
        assert error.value.argument == option
    for option in ("dropout", "embedding_dropout", "crossmodal_dropout", "input_dropout", "output_dropout"):
        with pytest.raises(InputError):
            MulT(modalities, 1, **{option: 1.0})
    with pytest.raises(InputError):
        MulT(modalities, 1, towards="text", features="intermediate")
    assert [default_heads(width) for width in (40, 30, 64, 7)] == [8, 6, 8, 7]


def test_training_drops_by_the_seed_and_every_dropout_acts():
    inputs = {name: x.float() for name, x in zip(NAMES, drawn((2, 6, 3), (2, 6, 4), (2, 6, 5)))}
    silent = dict.fromkeys(("attention_dropout", "relu_dropout", "residual_dropout", "embedding_dropout"), 0.0)
    for name in (*silent, "crossmodal_dropout", "input_dropout", "output_dropout"):
        model = built(MulT, sequences(3, 4, 5, steps=6), **{**silent, name: 0.5}).float()
        steady = model(inputs)
        with seeded(1):
            first = model.train()(inputs)
        with seeded(1):
            assert torch.equal(model(inputs), first)
        assert not torch.allclose(first, steady), name
    assert torch.equal(
        built(MulT, sequences(3, 4, 5, steps=6), **silent).float().train()(inputs),
        built(MulT, sequences(3, 4, 5, steps=6), **silent).float()(inputs),
    )


def test_standardisation_reaches_the_model():
    from mmcore.data import from_arrays

    rng = np.random.default_rng(0)
    ds = from_arrays(
        {"vision": rng.normal(5.0, 3.0, (6, 4, 2)), "audio": rng.normal(size=(6, 4, 3))},
        labels=[0, 1] * 3,
        name="tiny",
        kinds={"vision": "timeseries", "audio": "timeseries"},
    )
    model = built(MulT, ds.spec.modalities)
    standardise_from(model, ds, np.arange(6))
    np.testing.assert_allclose(model.inputs.each[0].mean.numpy(), ds["vision"].reshape(-1, 2).mean(0), rtol=1e-5)
