"""LSTHM, the multistage fusion process, RMFN, the LSTM baselines: identities, ablations, aligned lengths."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError
from mmcore.models.randomness import seeded
from mmcore.models.sequences.lsthm import HybridMemories
from mmcore.models.sequences.lstm import EarlyFusionLSTM, LateFusionLSTM
from mmcore.models.sequences.multistage import IndependentAttentions, MultistageFusion
from mmcore.models.sequences.rmfn import FUSIONS, RMFN
from mmcore.models.sequences.steps import Steps, align_steps, by_modality, last_steps, last_valid, longest_lengths

NAMES = ("language", "visual", "acoustic")
CHANNELS = (5, 3, 4)
B, T = 4, 6


def modalities(ragged=True):
    steps = None if ragged else T
    return [ModalitySpec(n, "timeseries", (steps, c), "float32", ragged=ragged) for n, c in zip(NAMES, CHANNELS)]


def built(kind, specs=None, seed=0, **options):
    with seeded(seed):
        return kind(specs or modalities(), 2, **{"width": 6, **options}).double().eval()


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@pytest.fixture
def aligned():
    own = torch.tensor([6, 2, 1, 5])
    return dict(zip(NAMES, drawn(*((B, T, c) for c in CHANNELS)))), dict.fromkeys(NAMES, own)


def as_lstm(cells, index, channels):
    """torch's LSTM with the weights of one hybrid memory."""
    lstm = nn.LSTM(channels, cells.hidden, batch_first=True).double()
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(cells.input_weights[index])
        lstm.weight_hh_l0.copy_(cells.hidden_weight[index])
        lstm.bias_ih_l0.copy_(cells.bias[index])
        lstm.bias_hh_l0.zero_()
    return lstm


@pytest.mark.parametrize("cross", [0, 7])
def test_hybrid_memories_without_anything_crossing_are_torchs_lstms(cross):
    with seeded(0):
        cells = HybridMemories(CHANNELS, 6, cross).double()
    values = drawn(*((B, T, c) for c in CHANNELS))
    projected, state = cells.project(values), cells.start(B)
    z = torch.zeros(B, cross, dtype=torch.float64)
    outputs = []
    for t in range(T):
        state = cells.step(projected[t], state, z)
        outputs.append(state[0])
    for m, channels in enumerate(CHANNELS):
        expected, (h, c) = as_lstm(cells, m, channels)(values[m])
        torch.testing.assert_close(torch.stack([each[m] for each in outputs], 1), expected, rtol=0, atol=1e-13)
        torch.testing.assert_close(state[0][m], h[0], rtol=0, atol=1e-13)
        torch.testing.assert_close(state[1][m], c[0], rtol=0, atol=1e-13)


def test_what_crosses_enters_every_gate_as_the_equations_say():
    with seeded(1):
        cells = HybridMemories([3], 2, 4).double()
    x, h, c, z = drawn((B, 1, 3), (1, B, 2), (1, B, 2), (B, 4))
    i, f, g, o = (
        x[:, 0] @ cells.input_weights[0].T
        + h[0] @ cells.hidden_weight[0].T
        + z @ cells.cross_weight[0].T
        + cells.bias[0]
    ).split(2, 1)
    memory = torch.sigmoid(f) * c[0] + torch.sigmoid(i) * torch.tanh(g)
    found = cells.step(cells.project([x])[0], (h, c), z)
    torch.testing.assert_close(found[1][0], memory, rtol=0, atol=1e-13)
    torch.testing.assert_close(found[0][0], torch.sigmoid(o) * torch.tanh(memory), rtol=0, atol=1e-13)


def test_rmfn_without_fusion_is_a_late_fusion_of_torchs_lstms(aligned):
    inputs, _ = aligned
    model = built(RMFN, modalities(False), fusion="none")
    last = [as_lstm(model.recurrence.cells, m, c)(inputs[n])[1][0][0] for m, (n, c) in enumerate(zip(NAMES, CHANNELS))]
    torch.testing.assert_close(model(inputs), model.head(torch.cat(last, 1)), rtol=0, atol=1e-12)


def multistage_by_hand(fusion, h):
    """The equations of the thesis (8.1 to 8.6), cell by cell, without torch's LSTM cell."""

    def cell(lstm, x, hidden, memory):
        gates = functional.linear(x, lstm.weight_ih, lstm.bias_ih) + functional.linear(
            hidden, lstm.weight_hh, lstm.bias_hh
        )
        i, f, g, o = gates.chunk(4, 1)
        memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(memory), memory

    a, hidden, memory = torch.zeros_like(h), torch.zeros_like(h), functional.linear(h, *fusion.memory.parameters())
    s, s_memory = torch.zeros(len(h), 5, dtype=h.dtype), fusion.fuse_memory.expand(len(h), -1)
    found, attention = [], []
    for _ in range(fusion.stages):
        hidden, memory = cell(fusion.highlight, a, hidden, memory)
        a = hidden.exp() / hidden.exp().sum(1, keepdim=True)
        s, s_memory = cell(fusion.fuse, h * a * fusion.gain, s, s_memory)
        found.append(s)
        attention.append(a)
    return fusion.summarise(torch.cat(found, 1)), torch.stack(attention, 1)


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("stages", [1, 3])
def test_the_multistage_process_is_that_of_the_equations(stages, rescale):
    with seeded(2):
        fusion = MultistageFusion(8, 4, stages=stages, fused=5, rescale=rescale).double()
    (h,) = drawn((B, 8))
    for found, expected in zip(fusion(h), multistage_by_hand(fusion, h)):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    assert fusion.gain == (8.0 if rescale else 1.0)


def test_the_initial_fuse_memory_is_a_row_of_an_orthogonal_matrix():
    fusion = MultistageFusion(8, 4, fused=5)
    assert fusion.fuse_memory.square().sum().item() == pytest.approx(1.0, abs=1e-6)
    assert fusion.fuse_memory.requires_grad


@pytest.mark.parametrize("fusion", ["multistage", "independent"])
def test_highlights_sum_to_one_and_differ_between_stages(aligned, fusion):
    inputs, lengths = aligned
    model = built(RMFN, fusion=fusion, stages=3)
    attention = model.highlights(model.inputs(inputs, None, lengths))
    assert attention.shape == (B, T, 3, 3 * 6)
    torch.testing.assert_close(attention.sum(-1), torch.ones(B, T, 3).double(), rtol=0, atol=1e-12)
    assert (attention > 0).all()
    assert not torch.allclose(attention[:, :, 0], attention[:, :, 1], atol=1e-6)


@pytest.mark.parametrize("fusion", ["no_highlight", "none"])
def test_ablations_without_attention_have_none(aligned, fusion):
    inputs, lengths = aligned
    model = built(RMFN, fusion=fusion)
    assert model.highlights(model.inputs(inputs, None, lengths)) is None
    names = {name.split(".")[2] for name, _ in model.named_parameters() if name.startswith("recurrence.fusion")}
    assert names == ({"fuse", "fuse_memory", "summarise"} if fusion == "no_highlight" else set())


def test_without_highlighting_every_stage_fuses_everything():
    with seeded(0):
        fusion = MultistageFusion(8, 4, stages=3, fused=5, highlight=False).double()
    (h,) = drawn((B, 8))
    s, memory = torch.zeros(B, 5).double(), fusion.fuse_memory.expand(B, -1)
    stages = []
    for _ in range(3):
        s, memory = fusion.fuse(h, (s, memory))
        stages.append(s)
    torch.testing.assert_close(fusion(h)[0], fusion.summarise(torch.cat(stages, 1)), rtol=0, atol=0)


def test_independent_attentions_know_nothing_of_each_other():
    """Changing the second attention's weights moves no other attention; in the multistage process it would."""
    with seeded(0):
        fusion = IndependentAttentions([3, 5], 4, stages=3, fused=2).double()
    (h,) = drawn((B, 8))
    before = fusion(h)[1]
    fusion.attention.weight.data[8:16].mul_(2.0)
    after = fusion(h)[1]
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]]) and not torch.allclose(before[:, 1], after[:, 1])


@pytest.mark.parametrize("stages", [1, 2, 6])
def test_the_number_of_parameters_is_that_of_the_equations(stages):
    """LSTM of x to h: 4 h (x + h) and its biases (one in LSTHM, two in torch's cells); perceptrons with biases."""
    d, z, s, outputs = 6, 7, 5, 2
    h = 3 * d
    cells = sum(4 * d * (c + d + z + 1) for c in CHANNELS)
    highlight, fuse = 4 * h * (h + h + 2) + h * h + h, 4 * s * (h + s + 2) + s
    summary = (stages * s + 1) * z + (z + 1) * z
    expected = cells + highlight + fuse + summary + (h + z + 1) * outputs
    model = RMFN(modalities(), outputs, width=d, cross=z, fused=s, stages=stages)
    assert sum(p.numel() for p in model.parameters()) == expected


KINDS = [(RMFN, {"fusion": fusion}) for fusion in FUSIONS] + [(EarlyFusionLSTM, {}), (LateFusionLSTM, {})]
KINDS += [(EarlyFusionLSTM, {"layers": 2, "bidirectional": True}), (LateFusionLSTM, {"bidirectional": True})]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_random_padding_added_changes_nothing(aligned, kind, options):
    inputs, lengths = aligned
    model = built(kind, **options)
    longer = {}
    for name, values in inputs.items():
        inside = torch.arange(T + 3) < lengths[name][:, None]
        longer[name] = torch.where(inside[..., None], functional.pad(values, (0, 0, 0, 3)), float("nan"))
    expected = model(inputs, None, lengths)
    torch.testing.assert_close(model(longer, None, lengths), expected, rtol=0, atol=1e-12)
    for row in range(B):
        alone = {name: values[row : row + 1, : lengths[name][row]] for name, values in inputs.items()}
        own = {name: each[row : row + 1] for name, each in lengths.items()}
        torch.testing.assert_close(model(alone, None, own)[0], expected[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_nan_in_absent_rows_is_harmless_and_absence_is_an_empty_sequence(aligned, kind, options):
    inputs, lengths = aligned
    model = built(kind, **options)
    presence = {"visual": torch.tensor([1, 0, 0, 1]).bool(), "language": torch.tensor([0, 1, 0, 1]).bool()}
    poisoned = dict(inputs)
    for name, there in presence.items():
        poisoned[name] = inputs[name].masked_fill(~there[:, None, None], float("nan"))
    found = model(poisoned, presence, lengths)
    empty = {n: each * presence[n] if n in presence else each for n, each in lengths.items()}
    torch.testing.assert_close(found, model(inputs, None, empty), rtol=0, atol=1e-12)
    found.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_the_memory_of_an_absent_modality_stays_zero(aligned):
    inputs, lengths = aligned
    model = built(RMFN)
    presence = {"visual": torch.tensor([1, 0, 0, 1]).bool()}
    visual = model.trace(inputs, presence, lengths).representations[1]
    assert not visual[[1, 2]].any() and visual[[0, 3]].abs().sum() > 0


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_row_without_any_modality_gives_the_heads_bias(aligned, kind, options):
    """Neither states nor z move in such a row, whatever its neighbours do."""
    inputs, lengths = aligned
    model = built(kind, **options)
    found = model(inputs, dict.fromkeys(NAMES, torch.tensor([True, False, True, True])), lengths)
    torch.testing.assert_close(found[1], model.head.bias, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [RMFN, EarlyFusionLSTM])
def test_unequal_lengths_are_refused(aligned, kind):
    inputs, lengths = aligned
    with pytest.raises(InputError) as error:
        built(kind)(inputs, None, {**lengths, "visual": torch.tensor([6, 2, 2, 5])})
    assert error.value.argument == "lengths" and "row 2" in error.value.received
    specs = [*modalities(False)[:2], ModalitySpec("acoustic", "timeseries", (T + 1, 4), "float32")]
    with pytest.raises(InputError) as error:
        kind(specs, 2)
    assert error.value.argument == "modalities"


def test_late_fusion_takes_unequal_lengths_and_is_one_lstm_a_modality():
    model = built(LateFusionLSTM)
    inputs = dict(zip(NAMES, drawn((B, 6, 5), (B, 9, 3), (B, 2, 4))))
    lengths = {"language": [6, 1, 3, 2], "visual": [4, 9, 9, 1], "acoustic": [1, 2, 2, 1]}
    tensors = {name: torch.tensor(each) for name, each in lengths.items()}
    found = model.trace(inputs, None, tensors).representations
    for m, name in enumerate(NAMES):
        for row in range(B):
            _, (h, _) = model.lstms[m](inputs[name][row : row + 1, : lengths[name][row]])
            torch.testing.assert_close(found[m][row], h[0, 0], rtol=0, atol=1e-12)


def test_early_fusion_is_one_lstm_over_the_joint_channels(aligned):
    inputs, _ = aligned
    model = built(EarlyFusionLSTM, modalities(False))
    _, (h, _) = model.joint.lstm(torch.cat(list(inputs.values()), 2))
    torch.testing.assert_close(model(inputs), model.head(h[0]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [RMFN, EarlyFusionLSTM])
def test_a_table_is_repeated_at_every_step(aligned, kind):
    inputs, lengths = aligned
    table = ModalitySpec("age", "tabular", (2,), "float32")
    repeated = ModalitySpec("age", "timeseries", (None, 2), "float32", ragged=True)
    (age,) = drawn((B, 2), seed=5)
    static = built(kind, [*modalities(), table])
    moving = built(kind, [*modalities(), repeated])
    expected = moving({**inputs, "age": age[:, None].expand(-1, T, -1)}, None, {**lengths, "age": lengths["visual"]})
    torch.testing.assert_close(static({**inputs, "age": age}, None, lengths), expected, rtol=0, atol=1e-12)


def test_steps_are_aligned_and_pooled_by_their_lengths():
    short = Steps(torch.ones(3, 2, 1), torch.tensor([2, 0, 1]))
    long, static = Steps(torch.ones(3, 4, 1), torch.tensor([2, 4, 1])), Steps(torch.full((3, 1, 1), 7.0), None)
    one, two, three = align_steps([short, long, static], [True, True, False])
    assert [each.values.shape[1] for each in (one, two, three)] == [4, 4, 4]
    assert three.lengths.tolist() == [2, 4, 1] and longest_lengths([one, two]).tolist() == [2, 4, 1]
    assert last_valid(one).flatten().tolist() == [1.0, 0.0, 1.0]
    assert last_steps(long).tolist() == [[1], [3], [0]] and last_steps(static).tolist() == [[0], [0], [0]]
    assert by_modality("kernel", 3, ["a", "b"], 1) == [3, 3]


def test_swapping_the_order_of_modalities_permutes(aligned):
    """Late fusion exactly; RMFN with weights moved along, in the one part that mixes: here none of them does."""
    inputs, lengths = aligned
    for kind, options in ((LateFusionLSTM, {}), (RMFN, {"fusion": "none"})):
        model, other = built(kind, **options), built(kind, modalities()[::-1], seed=3, **options)
        with torch.no_grad():
            if kind is LateFusionLSTM:
                for mine, theirs in zip(other.lstms, list(model.lstms)[::-1]):
                    mine.load_state_dict(theirs.state_dict())
            else:
                mine, theirs = other.recurrence.cells, model.recurrence.cells
                mine.bias.copy_(theirs.bias.flip(0))
                mine.hidden_weight.copy_(theirs.hidden_weight.flip(0))
                for to, of in zip(mine.input_weights, list(theirs.input_weights)[::-1]):
                    to.copy_(of)
            other.head.weight.copy_(model.head.weight.unflatten(1, (3, 6)).flip(1).flatten(1))
            other.head.bias.copy_(model.head.bias)
        torch.testing.assert_close(other(inputs, None, lengths), model(inputs, None, lengths), rtol=0, atol=1e-12)


def test_bad_options_say_what_is_allowed():
    for options in ({"fusion": "attention"}, {"stages": 0}, {"dropout": 1.0}):
        with pytest.raises(InputError) as error:
            RMFN(modalities(), 2, **options)
        assert error.value.argument == next(iter(options))
    with pytest.raises(InputError) as error:
        EarlyFusionLSTM(modalities(), 2, layers=0)
    assert error.value.argument == "layers"
    with pytest.raises(InputError) as error:
        RMFN(modalities(), 2, encoders={"smell": "gru"})
    assert error.value.argument == "encoders"


def test_an_encoder_with_steps_may_stand_before_a_sequence_model(aligned):
    inputs, lengths = aligned
    model = built(RMFN, encoders={"visual": "gru"})
    assert model.steps.channels[1] != CHANNELS[1] and torch.isfinite(model(inputs, None, lengths)).all()
