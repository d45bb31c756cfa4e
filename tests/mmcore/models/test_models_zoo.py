"""Laws that every model of the table keeps, whoever wrote it: gradients, storage, masks, padding, precision, tasks.

A new row is tested without a change here. What it is given depends on its tags and on the numbers it allows: one
modality for `one_modality`, sequences of equal lengths for `sequence`, a table and sequences otherwise.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.models import MODELS, available_models, build_model, load_model, save_model, standardise_from
from mmcore.models.randomness import seeded

N, WIDTH, LONGEST = 12, 16, 9
LENGTHS = torch.tensor([9, 4, 7, 1, 9, 2, 5, 6, 3, 8, 1, 9])
ENTRIES = {entry.name: entry for entry in MODELS}
NAMES = available_models()
# Present in every modality: rows 0, 5, 7 and 11. Nowhere present: row 3. The others miss one or two.
MASKS = {
    "table": torch.tensor([1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1], dtype=torch.bool),
    "series": torch.tensor([1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1], dtype=torch.bool),
    "words": torch.tensor([1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1], dtype=torch.bool),
    "sound": torch.tensor([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1], dtype=torch.bool),
}


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(0)
    arrays = {
        "table": rng.normal(3.0, 2.0, size=(N, 5)),
        "series": rng.normal(-1.0, 3.0, size=(N, 12, 3)),
        "words": [rng.normal(size=(int(t), 4)) for t in LENGTHS],
        "sound": [rng.normal(2.0, 0.5, size=(int(t), 3)) for t in LENGTHS],
    }
    kinds = {"table": "tabular", "series": "timeseries", "words": "timeseries", "sound": "timeseries"}
    labels = {"kind": np.arange(N) % 3, "score": rng.normal(size=N), "tags": np.eye(4, dtype=int)[np.arange(N) % 4]}
    tasks = {"kind": "classification", "score": "regression", "tags": "multilabel"}
    return from_arrays(arrays, labels=labels, name="zoo", kinds=kinds, task=tasks, split=["train"] * N)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    inputs = {
        "table": 3.0 + 2.0 * torch.randn(N, 5, generator=generator).double(),
        "series": 3.0 * torch.randn(N, 12, 3, generator=generator).double() - 1.0,
        "words": torch.randn(N, LONGEST, 4, generator=generator).double(),
        "sound": 2.0 + 0.5 * torch.randn(N, LONGEST, 3, generator=generator).double(),
    }
    return inputs, {"words": LENGTHS, "sound": LENGTHS}


def modalities_of(name):
    tags, most = ENTRIES[name].tags, ENTRIES[name].most
    names = ["words", "sound"] if "sequence" in tags else ["words", "table", "series"]
    return names[: 1 if "one_modality" in tags else most]


def model_of(name, ds, *, seed=4, label="kind"):
    """A model in double precision and evaluation mode, with statistics of the data."""
    model = build_model(name, ds.spec, seed=seed, width=WIDTH, label=label, modalities=modalities_of(name))
    standardise_from(model, ds, np.arange(N))
    return model.double().eval()


def row(batch, index):
    inputs, lengths = batch
    one = slice(index, index + 1)
    return {m: values[one] for m, values in inputs.items()}, {m: each[one] for m, each in lengths.items()}


def close(found, expected, tolerance=1e-10):
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def loss_of(model, inputs, presence, lengths):
    trace = model.trace(inputs, presence, lengths)
    return trace.outputs.square().sum() + sum(term.sum() for term in trace.auxiliary.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("masked", [False, True])
def test_every_parameter_receives_a_finite_gradient(ds, batch, name, masked):
    inputs, lengths = batch
    with seeded(zlib.crc32(name.encode())):
        model = model_of(name, ds).train()
        loss_of(model, inputs, MASKS if masked else None, lengths).backward()
    parameters = dict(model.named_parameters())
    assert parameters
    for parameter_name, parameter in parameters.items():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(each)


def hidden_weights(model):
    """Names of modules that hold a tensor with a gradient outside the state dict, as in a plain list."""
    known = {id(tensor) for tensor in model.state_dict(keep_vars=True).values()}
    registered = ("_parameters", "_buffers", "_modules")
    found = []
    for name, module in model.named_modules():
        own = {key: value for key, value in vars(module).items() if key not in registered}
        found += [name for tensor in tensors_in(own) if tensor.requires_grad and id(tensor) not in known]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_weight_is_hidden_from_the_state_dict(ds, name):
    """A tensor with a gradient in a plain list is never trained, stored or moved to a device (MultiBench's LRTF)."""
    assert hidden_weights(model_of(name, ds)) == []


def test_weights_in_a_plain_list_are_found():
    broken = torch.nn.Sequential(torch.nn.Linear(2, 2))
    broken[0].factors = [torch.nn.Parameter(torch.ones(2))]
    assert hidden_weights(broken) == ["0"]


@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_moves_a_model_whole(ds, batch, name):
    inputs, lengths = batch
    first, second = model_of(name, ds, seed=1), model_of(name, ds, seed=2)
    expected = first(inputs, MASKS, lengths)
    assert not torch.equal(second(inputs, MASKS, lengths), expected)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second(inputs, MASKS, lengths), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_gives_what_the_row_gives_in_a_batch(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    together = model(inputs, MASKS, lengths)
    assert together.shape == (N, 3)
    for index in range(N):
        alone_inputs, alone_lengths = row(batch, index)
        alone = model(alone_inputs, {m: mask[index : index + 1] for m, mask in MASKS.items()}, alone_lengths)
        close(alone[0], together[index])
        assert torch.isfinite(alone).all()


@pytest.mark.parametrize("name", NAMES)
def test_training_mode_works_on_a_batch_of_one(ds, batch, name):
    alone_inputs, alone_lengths = row(batch, 2)
    with seeded(0):
        loss = loss_of(model_of(name, ds).train(), alone_inputs, None, alone_lengths)
    assert torch.isfinite(loss)


@pytest.mark.parametrize("name", NAMES)
def test_permuting_rows_permutes_outputs(ds, batch, name):
    inputs, lengths = batch
    model, order = model_of(name, ds), torch.randperm(N, generator=torch.Generator().manual_seed(1))
    permuted = model(
        {m: values[order] for m, values in inputs.items()},
        {m: mask[order] for m, mask in MASKS.items()},
        {m: each[order] for m, each in lengths.items()},
    )
    close(permuted, model(inputs, MASKS, lengths)[order])


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_in_absent_rows_does_not_matter_and_what_stands_in_present_ones_does(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    before = model(inputs, MASKS, lengths)
    for modality in model.modalities:
        changed = {**inputs, modality: inputs[modality].clone()}
        changed[modality][~MASKS[modality]] = float("nan")
        assert torch.equal(model(changed, MASKS, lengths), before), modality
        # It would hold for a model that ignores the modality, as one with `one_source` ignores all but the first.
        changed[modality][MASKS[modality]] += torch.linspace(-3.0, 3.0, inputs[modality].shape[-1]).double()
        if "one_source" not in ENTRIES[name].tags or modality == model.modalities[0]:
            assert not torch.allclose(model(changed, MASKS, lengths)[0], before[0], rtol=0, atol=1e-9), modality


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_absent_rows_reaches_no_gradient(ds, batch, name):
    inputs, lengths = batch
    for modality, mask in MASKS.items():
        inputs[modality][~mask] = float("nan")
    with seeded(5):
        model = model_of(name, ds).train()
        loss_of(model, inputs, MASKS, lengths).backward()
    for parameter_name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_masks_of_present_rows_change_nothing(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    everywhere = {modality: torch.ones(N, dtype=torch.bool) for modality in MASKS}
    close(model(inputs, everywhere, lengths), model(inputs, None, lengths))


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_any_modality_all_give_the_same_finite_outputs(ds, batch, name):
    inputs, lengths = batch
    nowhere = {modality: torch.zeros(N, dtype=torch.bool) for modality in MASKS}
    outputs = model_of(name, ds)(inputs, nowhere, lengths)
    assert torch.isfinite(outputs).all()
    close(outputs, outputs[:1].expand(N, -1))
    # Absent sequences usually come with length 0.
    empty = {modality: torch.zeros_like(each) for modality, each in lengths.items()}
    close(model_of(name, ds)(inputs, nowhere, empty), outputs)


@pytest.mark.parametrize("name", NAMES)
def test_the_amount_and_content_of_padding_do_not_matter(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    longer = dict(inputs)
    for modality in ("words", "sound"):
        garbage = torch.full((N, 7, inputs[modality].shape[2]), float("nan"), dtype=torch.float64)
        longer[modality] = torch.cat([inputs[modality], garbage], 1)
    close(model(longer, MASKS, lengths), model(inputs, MASKS, lengths))
    inside = torch.arange(LONGEST)[None, :, None] < LENGTHS[:, None, None]
    for modality in ("words", "sound"):
        longer[modality] = torch.where(inside, inputs[modality], float("nan"))
    close(model(longer, MASKS, lengths), model(inputs, MASKS, lengths))


@pytest.mark.parametrize("name", NAMES)
def test_single_and_double_precision_agree(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    double = model(inputs, MASKS, lengths)
    single = model.float()({m: values.float() for m, values in inputs.items()}, MASKS, lengths)
    assert double.dtype == torch.float64 and single.dtype == torch.float32
    close(single.double(), double, 1e-3 * max(1.0, double.abs().max().item()))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_autocast_trains_and_stays_near(ds, batch, name):
    inputs, lengths = {m: values.float() for m, values in batch[0].items()}, batch[1]
    model = model_of(name, ds).float()
    with torch.no_grad():
        single = model(inputs, MASKS, lengths)
    with seeded(3), torch.autocast("cpu", dtype=torch.bfloat16):
        close(model(inputs, MASKS, lengths).float(), single, 0.1 * max(1.0, single.abs().max().item()))
        loss = loss_of(model.train(), inputs, MASKS, lengths)
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("label", "outputs"), [("score", 1), ("tags", 4)])
def test_every_task_has_its_outputs(ds, batch, name, label, outputs):
    inputs, lengths = batch
    model = model_of(name, ds, label=label)
    before = model(inputs, MASKS, lengths)
    assert before.shape == (N, outputs) and torch.isfinite(before).all()
    if label == "score":
        model.scale.shift.fill_(100.0)
        model.scale.scale.fill_(7.0)
        close(model(inputs, MASKS, lengths), 100.0 + 7.0 * before, 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_model_comes_back_with_the_same_bits(ds, batch, name, tmp_path):
    inputs, lengths = batch
    model = model_of(name, ds)
    save_model(model, tmp_path / "model.safetensors", ds.spec)
    loaded = load_model(tmp_path / "model.safetensors", ds.spec)
    assert torch.equal(loaded(inputs, MASKS, lengths), model(inputs, MASKS, lengths))


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_follow_the_seed_and_leave_the_global_generator(ds, name):
    before = torch.get_rng_state()
    first, second = (model_of(name, ds, seed=7).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
def test_a_trace_holds_what_objectives_look_at(ds, batch, name):
    inputs, lengths = batch
    model = model_of(name, ds)
    trace = model.trace(inputs, MASKS, lengths)
    close(trace.outputs, model(inputs, MASKS, lengths), 0.0)
    close(model.trace_prepared(model.inputs(inputs, MASKS, lengths)).outputs, trace.outputs, 0.0)
    assert len(trace.prepared) == len(model.modalities)
    assert len(trace.representations) in (0, len(model.modalities))
    for modality, representation in zip(model.modalities, trace.representations):
        assert representation.shape[0] == N
        assert not representation[~MASKS[modality]].any(), modality
    assert all(torch.isfinite(term).all() and term.dim() == 0 for term in trace.auxiliary.values())
