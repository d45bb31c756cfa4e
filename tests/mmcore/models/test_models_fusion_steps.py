"""Early fusion by steps: what is put side by side, which lengths are refused, and what absence means."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model

B = 4
LENGTHS = [5, 2, 1, 4]


def dataset(**more):
    rng = np.random.default_rng(0)
    arrays = {
        "series": rng.normal(size=(B, 5, 2)),
        "steps": rng.normal(size=(B, 5, 3)),
        "short": rng.normal(size=(B, 4, 3)),
        "words": [rng.normal(size=(t, 2)) for t in LENGTHS],
        "sound": [rng.normal(size=(t, 3)) for t in LENGTHS],
        "table": rng.normal(size=(B, 2)),
        "image": rng.integers(0, 255, size=(B, 6, 6), dtype=np.uint8),
    }
    kinds = dict.fromkeys(("series", "steps", "short", "words", "sound"), "timeseries") | {"table": "tabular"}
    return from_arrays(arrays, labels=np.arange(B) % 2, name="steps", kinds=kinds, split=["train"] * B)


@pytest.fixture(scope="module")
def ds():
    return dataset()


def drawn(time=5):
    generator = torch.Generator().manual_seed(0)
    channels = {"series": 2, "steps": 3, "words": 2, "sound": 3}
    inputs = {m: torch.randn(B, time, c, generator=generator) for m, c in channels.items()}
    return {**inputs, "table": torch.randn(B, 2, generator=generator)}


def test_channels_stand_side_by_side_at_every_step_and_vectors_at_all_of_them(ds):
    model, inputs = build_model("early_fusion_steps", ds.spec, modalities=["series", "table", "steps"]), drawn()
    presence = {"steps": torch.tensor([True, False, True, True])}
    joint, lengths = model.joined(model.inputs(inputs, presence))
    assert lengths is None and joint.shape == (B, 5, 2 + 2 + 3 + 3)
    for b in range(B):
        for t in range(5):
            steps = inputs["steps"][b, t] if b != 1 else torch.zeros(3)
            indicators = torch.tensor([0.0, 0.0, float(b == 1)])
            expected = torch.cat([inputs["series"][b, t], inputs["table"][b], steps, indicators])
            assert torch.equal(joint[b, t], expected)


def test_ragged_steps_end_where_the_sequences_end(ds):
    model, inputs = build_model("early_fusion_steps", ds.spec, modalities=["words", "sound", "table"]), drawn()
    given = torch.tensor(LENGTHS)
    inputs["sound"] = torch.nn.functional.pad(inputs["sound"], (0, 0, 0, 3), value=float("nan"))
    joint, lengths = model.joined(model.inputs(inputs, None, {"words": given, "sound": given}))
    assert lengths.tolist() == LENGTHS and joint.shape[1] == 8
    for b, length in enumerate(LENGTHS):
        assert not joint[b, length:].any()
        assert torch.equal(joint[b, :length, :2], inputs["words"][b, :length])


@pytest.mark.parametrize(("pair", "named"), [(("series", "short"), "series: 5 steps, short: 4 steps")])
def test_fixed_lengths_that_differ_are_refused_when_it_is_built(ds, pair, named):
    with pytest.raises(InputError) as caught:
        build_model("early_fusion_steps", ds.spec, modalities=list(pair))
    assert caught.value.received == named and caught.value.allowed == "equal lengths"


def test_ragged_lengths_that_differ_are_refused_in_their_batch(ds):
    model, inputs = build_model("early_fusion_steps", ds.spec, modalities=["words", "sound"]), drawn()
    lengths = {"words": torch.tensor(LENGTHS), "sound": torch.tensor([5, 2, 3, 4])}
    with pytest.raises(InputError) as caught:
        model(inputs, None, lengths)
    assert "words: 1 steps, sound: 3 steps (row 2" in caught.value.received
    # Where one of the two is absent, its length says nothing.
    presence = {"sound": torch.tensor([True, True, False, True])}
    assert model.joined(model.inputs(inputs, presence, lengths))[1].tolist() == LENGTHS
    presence = {"words": torch.tensor([True, True, False, True])}
    assert model.joined(model.inputs(inputs, presence, lengths))[1].tolist() == [5, 2, 3, 4]


def test_a_fixed_sequence_beside_a_ragged_one_must_fit_its_lengths(ds):
    model, inputs = build_model("early_fusion_steps", ds.spec, modalities=["series", "words"]), drawn()
    full = {"words": torch.full((B,), 5)}
    assert model(inputs, None, full).shape == (B, 2)
    with pytest.raises(InputError, match="series: 5 steps, words: 2 steps"):
        model(inputs, None, {"words": torch.tensor(LENGTHS)})


def test_a_row_without_steps_is_one_step_that_holds_the_vectors(ds):
    model, inputs = build_model("early_fusion_steps", ds.spec, modalities=["words", "table"]), drawn()
    nowhere = {"words": torch.zeros(B, dtype=torch.bool)}
    joint, lengths = model.joined(model.inputs(inputs, nowhere, {"words": torch.zeros(B, dtype=torch.long)}))
    assert lengths.tolist() == [1] * B
    assert torch.equal(
        joint[:, 0], torch.cat([torch.zeros(B, 2), inputs["table"], torch.ones(B, 1), torch.zeros(B, 1)], 1)
    )


def test_the_encoder_is_the_one_named(ds):
    pair = ["series", "steps"]
    assert build_model("early_fusion_steps", ds.spec, modalities=pair).encoder.network.__class__.__name__ == "GRU"
    for name in ("lstm", "temporal_convolution", "causal_convolution", "transformer"):
        model = build_model("early_fusion_steps", ds.spec, modalities=pair, encoder={"name": name}, width=8)
        assert model(drawn()).shape == (B, 2)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"modalities": ["series", "image"]}, "modalities"),
        ({"modalities": ["table"]}, "modalities"),
        ({"modalities": ["series", "steps"], "encoder": "gruu"}, "encoder"),
        ({"modalities": ["series", "steps"], "encoder": "lenet"}, "encoders.steps"),
        ({"modalities": ["series", "steps"], "encoders": {"series": "gru"}}, "encoders"),
    ],
)
def test_what_has_no_steps_is_refused(ds, options, argument):
    with pytest.raises(InputError) as caught:
        build_model("early_fusion_steps", ds.spec, **options)
    assert caught.value.argument == argument
