"""Laws that every encoder of the table keeps: shapes, batches of one, padding, permutations, gradients, precisions."""

from __future__ import annotations

import copy

import pytest
import torch

from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError, NotBuiltYetError
from mmcore.models.encoders import ENCODERS, build_encoder, encoder_name

SHAPES = {
    "vector": ModalitySpec("a", "tabular", (5,), "float32"),
    "sequence": ModalitySpec("a", "timeseries", (None, 3), "float32", ragged=True),
    "image": ModalitySpec("a", "image", (9, 14, 2), "float32"),
    "frames": ModalitySpec("a", "image", (None, 8, 6, 2), "float32", ragged=True),
    "set": ModalitySpec("a", "set", (None, 3), "float32", ragged=True),
}
N, TIME = 6, 9
OPTIONS = {"resnet": {"filters": 4}, "preactivation_resnet": {"filters": 4}}
CASES = [(entry.name, layout, {}) for entry in ENCODERS for layout in entry.layouts]
CASES += [(name, "sequence", {"layers": 2, "bidirectional": True}) for name in ("gru", "lstm")]
CASES += [(name, "sequence", {"pooling": how}) for name in ("gru", "causal_convolution") for how in ("mean", "max")]
CASES += [("transformer", "sequence", {"pooling": how}) for how in ("cls", "last")]
CASES += [(name, "image", {"norm": "group"}) for name in ("lenet", "resnet", "preactivation_resnet")]
CASES += [
    ("frame_lstm", "frames", {"frame": "lenet", "bidirectional": True}),
    ("deep_sets", "set", {"pooling": ["sum"]}),
]
PADDED = [case for case in CASES if case[1] in ("sequence", "frames", "set")]


def built(name, layout, options, *, dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    choice = {"name": name, **OPTIONS.get(name, {}), **options}
    return build_encoder(SHAPES[layout], choice, width=8, dropout=0.0).to(dtype).eval()


def batch_of(layout, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shape = [TIME if size is None else size for size in SHAPES[layout].shape]
    values = torch.randn(N, *shape, generator=generator, dtype=torch.float64).to(dtype)
    if not SHAPES[layout].ragged:
        return values, None
    lengths = torch.tensor([TIME, 1, 4, 0, 7, 2])
    for row, length in enumerate(lengths.tolist()):
        values[row, length:] = 0.0
    return values, lengths


def rows_of(values, lengths, rows):
    return values[rows], None if lengths is None else lengths[rows]


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
def test_a_batch_of_one_gives_what_the_row_gives_in_a_batch(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options), batch_of(layout)
    together = encoder(values, lengths)
    assert together.shape == (N, encoder.features)
    for row in range(N):
        alone = encoder(*rows_of(values, lengths, slice(row, row + 1)))
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
def test_every_parameter_receives_a_finite_gradient(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options).train(), batch_of(layout)
    encoder(values.requires_grad_(), lengths).square().sum().backward()
    assert torch.isfinite(values.grad).all() and values.grad.abs().sum() > 0
    for parameter_name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
@pytest.mark.parametrize("row", [0, 3])
def test_training_on_a_batch_of_one_is_finite(name, layout, options, row):
    """Row 3 of a layout with lengths is empty."""
    encoder, (values, lengths) = built(name, layout, options).train(), batch_of(layout)
    outputs = encoder(*rows_of(values, lengths, slice(row, row + 1)))
    if outputs.requires_grad:
        outputs.sum().backward()
    assert torch.isfinite(outputs).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in encoder.parameters())
    assert all(torch.isfinite(buffer).all() for buffer in encoder.buffers())


@pytest.mark.parametrize(("name", "layout", "options"), PADDED)
@pytest.mark.parametrize("training", [False, True])
def test_the_amount_and_content_of_padding_do_not_matter(name, layout, options, training):
    """Also in training: padded steps must not enter a batch norm's statistics."""
    encoder, (values, lengths) = built(name, layout, options).train(training), batch_of(layout)
    before = copy.deepcopy(encoder)(values, lengths)
    longer = torch.cat([values, torch.zeros_like(values)], 1)
    torch.testing.assert_close(copy.deepcopy(encoder)(longer, lengths), before, rtol=0, atol=1e-12)
    for row, length in enumerate(lengths.tolist()):
        longer[row, length:] = 1e3
    if name != "temporal_convolution":  # that one is promised zeros
        torch.testing.assert_close(encoder(longer, lengths), before, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "layout", "options"), PADDED)
def test_full_lengths_are_no_lengths(name, layout, options):
    encoder, (values, _) = built(name, layout, options), batch_of(layout)
    full = torch.full((N,), TIME)
    torch.testing.assert_close(encoder(values, full), encoder(values, None), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "layout", "options"), PADDED)
def test_a_batch_of_empty_sequences_works(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options).train(), batch_of(layout)
    nothing = torch.zeros_like(lengths)
    one = encoder(values[:, :1] * 0.0, nothing)
    assert torch.isfinite(one).all() and torch.equal(one, one[:1].expand_as(one))
    if name != "temporal_convolution":
        torch.testing.assert_close(encoder(values[:, :0], nothing), one, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
def test_inputs_matter(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options), batch_of(layout)
    changed = encoder(values + 1.0 if lengths is None else values * 1.5, lengths)
    assert (changed - encoder(values, lengths)).abs().amax(1)[0] > 1e-6


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
@pytest.mark.filterwarnings("error:.*non-writable")
def test_mixed_precision_on_a_cpu_stays_near_full_precision(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options, dtype=torch.float32).train(), batch_of(layout)
    values = values.float()
    full = copy.deepcopy(encoder)(values, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(values, lengths)
    torch.testing.assert_close(mixed.float(), full, rtol=0.06, atol=0.06)
    if mixed.requires_grad:
        mixed.float().square().sum().backward()
    for parameter in encoder.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().max() < 1e4


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
def test_gradients_agree_with_finite_differences(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options), batch_of(layout)
    values, lengths = rows_of(values[:, :4] if lengths is not None else values, lengths, slice(2, 4))
    assert torch.autograd.gradcheck(lambda x: encoder(x, lengths), values.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize(("name", "layout", "options"), CASES)
def test_a_state_dict_holds_everything(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options), batch_of(layout)
    other = built(name, layout, options, seed=7)
    if list(encoder.parameters()):
        assert not torch.equal(other(values, lengths), encoder(values, lengths))
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(values, lengths), encoder(values, lengths))


STEPPED = [case for case in PADDED if "steps" in next(e.tags for e in ENCODERS if e.name == case[0])]


@pytest.mark.parametrize(("name", "layout", "options"), STEPPED)
def test_steps_are_zero_beyond_the_end_and_do_not_see_it(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options), batch_of(layout)
    steps, found = encoder.steps(values, lengths)
    assert steps.shape == (N, TIME, encoder.step_features) and torch.equal(found, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert (steps[row, length:] == 0).all()
        if length:
            alone, none = encoder.steps(values[row : row + 1, :length])
            assert none is None
            torch.testing.assert_close(steps[row, :length], alone[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "layout", "options"), [case for case in CASES if case[1] == "set"])
def test_the_order_of_a_set_does_not_matter_but_its_elements_do(name, layout, options):
    encoder, (values, lengths) = built(name, layout, options), batch_of(layout)
    generator, shuffled = torch.Generator().manual_seed(2), values.clone()
    for row, length in enumerate(lengths.tolist()):
        shuffled[row, :length] = values[row, torch.randperm(length, generator=generator)]
    assert not torch.equal(shuffled, values)
    torch.testing.assert_close(encoder(shuffled, lengths), encoder(values, lengths), rtol=0, atol=1e-12)


def test_every_layout_has_a_default():
    assert {layout: encoder_name(modality) for layout, modality in SHAPES.items()} == {
        "vector": "mlp",
        "sequence": "temporal_convolution",
        "image": "convolution",
        "frames": "frame_lstm",
        "set": "deep_sets",
    }
    with pytest.raises(NotBuiltYetError, match="graph"):
        encoder_name(ModalitySpec("a", "graph", (None, 3), "float32", ragged=True))


@pytest.mark.parametrize(
    ("layout", "choice", "argument"),
    [
        ("sequence", {"name": "gru", "pooling": "lasst"}, "pooling"),
        ("sequence", {"name": "transformer", "pooling": "max"}, "pooling"),
        ("sequence", {"name": "transformer", "heads": 3}, "heads"),
        ("sequence", {"name": "lstm", "bidirectional": True, "width": 5}, "width"),
        ("set", {"name": "deep_sets", "pooling": ["size"]}, "pooling"),
        ("set", {"name": "gru"}, "encoders.a"),
        ("image", {"name": "resnet", "stem": "big"}, "stem"),
        ("image", {"name": "lenet", "norm": "layer"}, "norm"),
        ("frames", {"frame": "gru"}, "encoders.frame"),
        ("frames", {"kind": "elman"}, "kind"),
        ("vector", {"name": "maxout", "pools": 3}, "encoders.a (maxout)"),
    ],
)
def test_wrong_options_are_refused(layout, choice, argument):
    with pytest.raises(InputError) as caught:
        build_encoder(SHAPES[layout], choice, width=8, dropout=0.0)
    assert caught.value.argument == argument
