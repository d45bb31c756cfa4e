"""Attention pooling, the late-fusion transformer and the non-local gate: weights, masks, symmetries, formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.models.fusions.attention_pooling import AttentionPooling
from mmcore.models.fusions.late_transformer import LateTransformer
from mmcore.models.fusions.non_local_gate import attend

B, SIZES = 6, (3, 4, 2)
PRESENT = [
    torch.tensor([1, 1, 0, 0, 1, 0], dtype=torch.bool),
    torch.tensor([1, 0, 1, 0, 1, 0], dtype=torch.bool),
    torch.tensor([1, 1, 1, 1, 0, 0], dtype=torch.bool),
]


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def close(found, expected, tolerance=1e-12):
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def built(fusion, sizes=SIZES, **options):
    torch.manual_seed(0)
    return fusion(list(sizes), width=8, **options).double().eval()


def of_some(fusion, kept):
    """The same fusion for some of its modalities, in the given order."""
    fewer = built(type(fusion), [SIZES[m] for m in kept])
    state = fusion.state_dict()
    for target, m in enumerate(kept):
        for part in ("weight", "bias"):
            state[f"moved.{target}.{part}"] = state[f"project.maps.{m}.{part}"]
    state = {key: value for key, value in state.items() if not key.startswith("project.maps")}
    fewer.load_state_dict({key.replace("moved", "project.maps"): value for key, value in state.items()})
    return fewer


def test_attention_weights_are_a_distribution_over_the_present(draw):
    fusion, values = built(AttentionPooling), [draw(B, size) for size in SIZES]
    present = torch.stack(PRESENT, 1)
    weights = fusion.weights(torch.stack(fusion.project(values, PRESENT), 1), present)
    some = present.any(1)
    close(weights.sum(1)[some], torch.ones(int(some.sum()), fusion.heads).double())
    assert not weights[~present].any() and (weights[present] > 0).all()


def test_attention_pooling_of_nobody_is_zero(draw):
    values = [draw(B, size) for size in SIZES]
    nowhere = [torch.zeros(B, dtype=torch.bool)] * 3
    assert not built(AttentionPooling)(values, nowhere).any()


def test_one_modality_is_pooled_to_its_own_token(draw):
    fusion, value = built(AttentionPooling, [3]), draw(B, 3)
    close(fusion([value], [None]), fusion.project.maps[0](value))


@pytest.mark.parametrize("kind", [AttentionPooling, LateTransformer])
@pytest.mark.parametrize("kept", [(0, 1), (1, 2), (2,)])
def test_an_absent_modality_is_as_if_it_had_never_been_there(draw, kind, kept):
    fusion, values = built(kind), [draw(B, size) for size in SIZES]
    presence = [None if m in kept else torch.zeros(B, dtype=torch.bool) for m in range(3)]
    blanked = [z if m in kept else torch.zeros_like(z) for m, z in enumerate(values)]
    expected = of_some(fusion, kept)([values[m] for m in kept], [None] * len(kept))
    close(fusion(blanked, presence), expected)


@pytest.mark.parametrize("kind", [AttentionPooling, LateTransformer])
def test_the_order_of_modalities_does_not_matter(draw, kind):
    fusion, values = built(kind), [draw(B, size) for size in SIZES]
    order = (2, 0, 1)
    found = of_some(fusion, order)([values[m] for m in order], [PRESENT[m] for m in order])
    close(found, fusion(values, PRESENT))


def test_one_head_leaves_the_numerator_of_every_output_additive(draw):
    """(w . z + c) sum_m exp(s_m) adds over modalities, so that its sign, the decision, cannot be XOR."""
    fusion = built(AttentionPooling, (3, 3), heads=1)
    w, c = draw(8), draw(1)

    def numerator(first, second, model):
        values = [first[None], second[None]]
        tokens = torch.stack(model.project(values, [None, None]), 1)
        total = model.score(tokens).exp().sum(1)
        return (model(values, [None, None]) @ w + c) * (total if model.heads == 1 else 1.0)

    def interaction(model):
        a, b, x, y = draw(3), draw(3), draw(3), draw(3)
        found = numerator(a, x, model) - numerator(a, y, model) - numerator(b, x, model) + numerator(b, y, model)
        return found.abs().max().item()

    assert interaction(fusion) < 1e-11
    assert interaction(built(AttentionPooling, (3, 3), heads=4)) > 1e-4


@pytest.mark.parametrize("kind", [AttentionPooling, LateTransformer])
@pytest.mark.parametrize("heads", [0, 3])
def test_heads_must_divide_the_width(kind, heads):
    with pytest.raises(InputError) as caught:
        kind([3, 4], width=8, heads=heads)
    assert caught.value.argument == "heads"


def test_the_late_transformer_is_torch_s_encoder_over_tokens(draw):
    fusion, values = built(LateTransformer), [draw(B, size) for size in SIZES]
    layer = nn.TransformerEncoderLayer(8, 4, 32, 0.1, "gelu", batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False).double().eval()
    encoder.load_state_dict(
        {f"layers.{k}": v for k, v in fusion.layers.state_dict().items()}
        | {f"norm.{k}": v for k, v in fusion.norm.state_dict().items()}
    )
    tokens = [one(z) for one, z in zip(fusion.project.maps, values)]
    joined = torch.stack([fusion.class_token.expand(B, 8), *tokens], 1)
    mask = torch.stack([torch.zeros(B, dtype=torch.bool), *(~present for present in PRESENT)], 1)
    close(fusion(values, PRESENT), encoder(joined, src_key_padding_mask=mask)[:, 0])
    first, second = (layer.linear1.weight for layer in fusion.layers)
    assert not torch.equal(first, second)  # not copies of one initialisation


def test_attend_is_softmax_over_visible_steps(draw):
    query, keys, values = draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 4)
    visible = torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    found = attend(query, keys, values, visible)
    for t in range(3):
        scores = [math.exp(float(query[0, t] @ keys[0, s]) / 2.0) for s in (0, 1, 3)]
        expected = sum(e / sum(scores) * values[0, s] for e, s in zip(scores, (0, 1, 3)))
        close(found[0, t], expected)
    assert not found[1].any()


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(0)
    arrays = {
        "table": rng.normal(size=(B, 5)),
        "series": rng.normal(size=(B, 7, 3)),
        "words": [rng.normal(size=(int(t), 4)) for t in (1, 5, 3, 2, 5, 4)],
    }
    kinds = {"table": "tabular", "series": "timeseries", "words": "timeseries"}
    return from_arrays(arrays, labels=np.arange(B) % 2, name="gate", kinds=kinds, split=["train"] * B)


def gate_and_batch(ds, draw):
    model = build_model(
        "non_local_gate", ds.spec, encoders={"series": "identity", "words": "identity"}, width=4, tokens=3
    )
    inputs = {"table": draw(B, 5), "series": draw(B, 7, 3), "words": draw(B, 5, 4)}
    return model.double().eval(), inputs, {"words": torch.tensor([1, 5, 3, 2, 5, 4])}


def gated_by_hand(model, inputs, lengths, absent=()):
    """q_t + sum_m softmax(q_t k / sqrt(c)) v, mean over t; the table's vector as 3 tokens, words at 4 channels."""
    expected = []
    for b in range(B):
        query = inputs["series"][b] if "series" not in absent else torch.zeros(1, 3).double()
        vector = model.encoders[0](inputs["table"][b : b + 1])
        sources = {
            "table": model.sources[0](vector).reshape(3, 6),
            "words": model.sources[1](inputs["words"][b, : lengths["words"][b]]),
        }
        steps = query.clone()
        for name, source in sources.items():
            if name not in absent:
                weights = torch.softmax(query @ source[:, :3].T / math.sqrt(3.0), 1)
                steps = steps + weights @ source[:, 3:]
        expected.append(steps.mean(0))
    return torch.stack(expected)


@pytest.mark.parametrize("absent", [(), ("words",), ("table",), ("series",), ("table", "words")])
def test_the_non_local_gate_is_its_formula(ds, draw, absent):
    model, inputs, lengths = gate_and_batch(ds, draw)
    presence = {name: torch.zeros(B, dtype=torch.bool) for name in absent}
    close(model.trace(inputs, presence, lengths).fused, gated_by_hand(model, inputs, lengths, absent))


def test_an_absent_ragged_query_finds_the_mean_values_of_the_others(ds, draw):
    encoders = {"series": "identity", "words": "identity"}
    model = build_model("non_local_gate", ds.spec, query="words", encoders=encoders, width=8, tokens=3).double().eval()
    _, inputs, _ = gate_and_batch(ds, draw)
    empty, nowhere = {"words": torch.zeros(B, dtype=torch.long)}, {"words": torch.zeros(B, dtype=torch.bool)}
    table = model.sources[0](model.encoders[0](inputs["table"])).reshape(B, 3, 8)[..., 4:].mean(1)
    series = model.sources[1](inputs["series"])[..., 4:].mean(1)
    for presence in (nowhere, None):  # absent, or present and empty
        close(model.trace(inputs, presence, empty).fused, table + series)
    close(model.trace({**inputs, "words": inputs["words"][:, :0]}, nowhere, empty).fused, table + series)


def test_any_sequence_may_ask_and_nothing_else_may(ds):
    assert build_model("non_local_gate", ds.spec).query == 1
    assert build_model("non_local_gate", ds.spec, query="words").query == 2
    for options in ({"query": "table"}, {"modalities": ["table", "series"], "query": "words"}, {"tokens": 0}):
        with pytest.raises(InputError):
            build_model("non_local_gate", ds.spec, **options)
    vectors = from_arrays({"a": np.eye(4), "b": np.eye(4)}, labels=[0, 1, 0, 1], name="vectors")
    with pytest.raises(InputError, match="without steps"):
        build_model("non_local_gate", vectors.spec)
    with pytest.raises(InputError, match="without steps"):
        build_model("non_local_gate", ds.spec, encoders={"series": "temporal_convolution"})


def test_an_encoder_without_steps_makes_tokens_of_its_vector(ds, draw):
    model = build_model("non_local_gate", ds.spec, encoders={"words": "temporal_convolution"}, tokens=3, width=8)
    assert model.stepped == (False, True, False)
    assert model.sources[1].out_features == 3 * 2 * 8
    _, inputs, lengths = gate_and_batch(ds, draw)
    assert model({name: values.float() for name, values in inputs.items()}, None, lengths).shape == (B, 2)
