"""CTC alignment: the loss by enumeration, the soft alignment, rows that have none, what reads the result."""

from __future__ import annotations

import itertools

import pytest
import torch

from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError
from mmcore.models.randomness import seeded
from mmcore.models.sequences.ctc import CTCAligner, CTCAlignment
from mmcore.models.sequences.steps import Steps

B = 4


def ragged(*kinds_channels):
    return [
        ModalitySpec(name, kind, (None, channels), "float32", ragged=True) for name, kind, channels in kinds_channels
    ]


SPECS = ragged(("video", "timeseries", 3), ("words", "text", 5), ("sound", "audio", 4))


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def aligner(positions=3, channels=2, seed=0):
    with seeded(seed):
        return CTCAligner(channels, positions, hidden=4).double()


def built(specs=SPECS, seed=0, **options):
    with seeded(seed):
        return CTCAlignment(specs, 2, **{"width": 6, **options}).double().eval()


@pytest.fixture
def batch():
    inputs = dict(zip(("video", "words", "sound"), drawn((B, 7, 3), (B, 4, 5), (B, 9, 4))))
    lengths = {"video": [7, 3, 2, 5], "words": [4, 2, 4, 1], "sound": [6, 9, 5, 1]}
    return inputs, {name: torch.tensor(each) for name, each in lengths.items()}


def loss_by_enumeration(logs, steps, positions):
    """Minus the logarithm of the probability of all paths that read 1 .. positions once repeats and blanks go."""
    total = 0.0
    for path in itertools.product(range(logs.shape[1]), repeat=steps):
        merged = [label for label, _ in itertools.groupby(path)]
        if [label for label in merged if label] == list(range(1, positions + 1)):
            total += torch.stack([logs[t, label] for t, label in enumerate(path)]).sum().exp()
    return -torch.log(total)


def test_the_loss_is_that_of_every_path_that_spells_the_positions():
    align = aligner()
    (values,) = drawn((2, 5, 2))
    steps, positions = torch.tensor([5, 4]), torch.tensor([3, 2])
    logs = align.log_probabilities(Steps(values, steps))
    expected = torch.stack(
        [loss_by_enumeration(logs[row], int(steps[row]), int(positions[row])) / positions[row] for row in range(2)]
    )
    found = align(Steps(values, steps), positions)[1]
    torch.testing.assert_close(found, expected.mean(), rtol=0, atol=1e-12)


def test_the_alignment_is_the_probability_of_each_position_at_each_valid_step():
    align = aligner()
    (values,) = drawn((2, 5, 2))
    source = Steps(values, torch.tensor([5, 2]))
    aligned, _ = align(source, torch.tensor([3, 2]))
    probabilities = align.log_probabilities(source).exp()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(2, 5).double(), rtol=0, atol=1e-12)
    for row, (steps, positions) in enumerate(((5, 3), (2, 2))):
        for position in range(3):
            expected = sum(probabilities[row, t, position + 1] * values[row, t] for t in range(steps))
            expected = expected if position < positions else torch.zeros(2).double()
            torch.testing.assert_close(aligned[row, position], expected, rtol=0, atol=1e-12)


def test_an_alignment_may_be_sharp():
    """Logits are not bounded, as an LSTM's own outputs would be: a step may belong to one position almost surely."""
    align = aligner(positions=2)
    with torch.no_grad():
        align.classify.weight.zero_()
        align.classify.bias.copy_(torch.tensor([0.0, 20.0, 0.0]))
    assert align.log_probabilities(Steps(torch.zeros(1, 1, 2).double(), None)).exp()[0, 0, 1] > 0.999999


def test_a_source_too_short_to_spell_the_reference_is_left_out_of_the_loss():
    align = aligner()
    (values,) = drawn((3, 5, 2))
    steps, positions = torch.tensor([5, 2, 4]), torch.tensor([3, 3, 0])
    found = align(Steps(values, steps), positions)[1]
    alone = align(Steps(values[:1], steps[:1]), positions[:1])[1]
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-12)
    none = align(Steps(values[1:2], steps[1:2]), positions[1:2])[1]
    assert none == 0
    found.backward()
    assert all(torch.isfinite(p.grad).all() for p in align.parameters())


def test_training_the_loss_puts_the_positions_in_order():
    """The loss alone makes the expected source step of a position grow with the position."""
    align = aligner(positions=4, channels=3, seed=1)
    time = torch.linspace(0.0, 3.0, 8, dtype=torch.float64)
    curve = torch.stack([time, time.sin(), time.cos()], 1)
    steps = Steps(curve + 0.1 * drawn((4, 8, 3))[0], None)
    lengths = torch.full((4,), 4)
    optimiser = torch.optim.Adam(align.parameters(), lr=0.03)
    first = align(steps, lengths)[1].item()
    for _ in range(120):
        optimiser.zero_grad()
        loss = align(steps, lengths)[1]
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3 * first
    weight = align.log_probabilities(steps).exp()[..., 1:]
    centre = (weight * torch.arange(8)[None, :, None]).sum(1) / weight.sum(1)
    assert (centre.diff(dim=1) > 0).all()


@pytest.mark.parametrize("reader", ["lstm", "rmfn"])
def test_sources_of_any_length_come_to_the_references_steps(batch, reader):
    inputs, lengths = batch
    model = built(reader=reader)
    assert model.modalities[model.reference] == "words"
    steps, loss = model.aligned(model.inputs(inputs, None, lengths))
    assert {tuple(each.values.shape[:2]) for each in steps} == {(B, 4)}
    assert all(each.lengths.tolist() == [4, 2, 4, 1] for each in steps)
    trace = model.trace(inputs, None, lengths)
    assert trace.outputs.shape == (B, 2) and set(trace.auxiliary) == {"ctc"}
    torch.testing.assert_close(trace.auxiliary["ctc"], loss, rtol=0, atol=0)
    doubled = built(reader=reader, ctc_weight=2.0).trace(inputs, None, lengths).auxiliary["ctc"]
    torch.testing.assert_close(doubled, 2.0 * loss, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reader", ["lstm", "rmfn"])
def test_padding_and_nan_in_absent_rows_change_nothing(batch, reader):
    inputs, lengths = batch
    model = built(reader=reader)
    presence = {"words": torch.tensor([1, 0, 1, 1]).bool(), "sound": torch.tensor([1, 1, 0, 0]).bool()}
    expected = model.trace(inputs, presence, lengths)
    longer = {}
    for name, values in inputs.items():
        values = torch.nn.functional.pad(values, (0, 0, 0, 2))
        inside = (torch.arange(values.shape[1]) < lengths[name][:, None])[..., None]
        if name in presence:
            inside = inside & presence[name][:, None, None]
        longer[name] = torch.where(inside, values, float("nan"))
    found = model.trace(longer, presence, lengths)
    torch.testing.assert_close(found.outputs, expected.outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.auxiliary["ctc"], expected.auxiliary["ctc"], rtol=0, atol=1e-12)
    (found.outputs.sum() + found.auxiliary["ctc"]).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_rows_without_the_reference_stay_out_of_the_loss(batch):
    inputs, lengths = batch
    model = built()
    presence = {"words": torch.tensor([0, 1, 1, 1]).bool()}
    rest = {name: values[1:] for name, values in inputs.items()}
    expected = model.trace(rest, None, {name: each[1:] for name, each in lengths.items()}).auxiliary["ctc"]
    torch.testing.assert_close(model.trace(inputs, presence, lengths).auxiliary["ctc"], expected, rtol=0, atol=1e-12)


def test_the_reference_may_be_named_and_must_fit(batch):
    inputs, lengths = batch
    assert built(reference="sound").reference == 2
    fixed = [ModalitySpec("beats", "timeseries", (6, 2), "float32"), SPECS[0]]
    assert built(fixed).positions == 6 and built(fixed).reference == 0
    with pytest.raises(InputError) as error:
        built(positions=3)(inputs, None, lengths)
    assert error.value.argument == "positions"
    for options in ({"reference": "smell"}, {"reader": "gru"}, {"positions": 0}):
        with pytest.raises(InputError) as error:
            built(**options)
        assert error.value.argument == next(iter(options))
    with pytest.raises(InputError) as error:
        built([ModalitySpec("table", "tabular", (3,), "float32")])
    assert error.value.argument == "modalities"
