"""Laws that every term of the table keeps, whoever wrote it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model, standardise_from
from mmcore.models.randomness import seeded
from mmcore.models.standardisation import Prepared
from mmcore.models.trace import Trace
from mmcore.objectives import TERMS, available_terms, build_term, find_term
from mmcore.training import fit

N = 24
NAMES = available_terms()
MODELS = ("late_fusion", "early_fusion", "tensor_fusion", "mfm", "mvae")
OPTIONS = {"contrastive": {"negatives": 16, "dimension": 6}, "refnet inputs": {"target": "inputs"}}
VARIANTS = [*NAMES, "refnet inputs"]
# The noise of functional_entropy depends on the shape of the batch; its own tests have models where it cancels.
NOISELESS = [variant for variant in VARIANTS if variant != "functional_entropy"]


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(0)
    arrays = {
        "table": rng.normal(3.0, 2.0, size=(N, 4)),
        "words": [rng.normal(size=(int(t), 3)) for t in rng.integers(1, 8, size=N)],
        "image": rng.integers(0, 255, size=(N, 9, 7, 3), dtype=np.uint8),
    }
    kinds = {"table": "tabular", "words": "timeseries", "image": "image"}
    labels = {"kind": np.arange(N) % 3, "score": rng.normal(size=N), "tags": np.eye(3, dtype=int)[np.arange(N) % 3]}
    tasks = {"kind": "classification", "score": "regression", "tags": "multilabel"}
    split = ["train"] * 16 + ["valid"] * 8
    return from_arrays(arrays, labels=labels, name="terms", kinds=kinds, task=tasks, split=split)


def batch_of(ds):
    words = [torch.from_numpy(ds["words"][i]) for i in range(N)]
    inputs = {
        "table": torch.from_numpy(np.array(ds["table"])),
        "words": torch.nn.utils.rnn.pad_sequence(words, batch_first=True),
        "image": torch.from_numpy(np.array(ds["image"])),
    }
    return inputs, {"words": torch.tensor([len(each) for each in words])}


def masks(**rates):
    rng = np.random.default_rng(1)
    return {name: torch.from_numpy(rng.random(N) < rate) for name, rate in rates.items()}


def targets_of(ds, label):
    values = ds.labels(label)
    found = torch.from_numpy(np.array(values))
    return found if found.dtype == torch.int64 else found.double().reshape(N, -1)


def built(variant, ds, *, model="late_fusion", label="kind", seed=0):
    with seeded(seed):
        net = build_model(model, ds.spec, width=8, label=label, dropout=0.0)
        standardise_from(net, ds, np.arange(N))
        net.double()
        term = build_term(variant.split()[0], net, n_rows=N, **OPTIONS.get(variant, {})).double()
    return net, term


def test_the_table_is_complete_and_cheap_to_list():
    assert len(set(NAMES)) == len(TERMS)
    for entry in TERMS:
        assert entry.reference and entry.weight > 0 and set(entry.needs) <= {"representations", "fused", "prepared"}
        assert find_term(entry.name) is entry
    code = "import sys, mmcore.objectives as o; o.available_terms(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_finite_and_reach_every_parameter_of_the_term(ds, variant, name):
    inputs, lengths = batch_of(ds)
    model, term = built(variant, ds, model=name)
    presence = masks(table=0.7, words=0.7, image=0.7)
    inputs["table"][~presence["table"]] = float("nan")
    trace = model.trace(inputs, presence, lengths)
    loss = term(trace, targets_of(ds, "kind"), torch.arange(N))
    assert loss.shape == () and torch.isfinite(loss)
    loss.backward()
    for parameter_name, parameter in term.named_parameters():
        assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().sum() > 0, parameter_name
    reached = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(each).all() for each in reached)
    assert sum(each.abs().sum() for each in reached) > 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("label", ["kind", "score", "tags"])
def test_every_task_has_a_loss(ds, variant, label):
    inputs, lengths = batch_of(ds)
    model, term = built(variant, ds, label=label)
    loss = term(model.trace(inputs, None, lengths), targets_of(ds, label), torch.arange(N))
    assert torch.isfinite(loss) and loss != 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_weights_of_the_model_are_not_the_terms(ds, variant):
    model, term = built(variant, ds)
    own = {id(tensor) for tensor in (*term.parameters(), *term.buffers())}
    assert not own & {id(tensor) for tensor in (*model.parameters(), *model.buffers())}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_in_which_nothing_counts_is_an_exact_zero_with_a_graph(ds, variant):
    """Pairs: no row has two modalities. The others: no row has any."""
    inputs, lengths = batch_of(ds)
    model, _ = built(variant, ds)
    name = variant.split()[0]
    options = {"supervision": 0.0} if name == "agreement" else OPTIONS.get(variant, {})
    term = build_term(name, model, n_rows=N, **options).double()
    nowhere = torch.zeros(N, dtype=torch.bool)
    presence = dict.fromkeys(inputs, nowhere)
    if name in ("cca", "agreement", "contrastive"):
        presence["table"] = ~nowhere
    loss = term(model.trace(inputs, presence, lengths), targets_of(ds, "kind"), torch.arange(N))
    assert loss.item() == 0.0
    loss.backward()
    if name != "functional_entropy":
        assert all(p.grad is not None and p.grad.abs().sum() == 0 for p in term.parameters())


@pytest.mark.parametrize("variant", NOISELESS)
def test_rows_without_any_modality_change_nothing(ds, variant):
    inputs, lengths = batch_of(ds)
    seen = masks(any=0.6)["any"]
    model, term = built(variant, ds)
    term.eval()
    together = term(model.trace(inputs, dict.fromkeys(inputs, seen), lengths), targets_of(ds, "kind"), torch.arange(N))
    alone = model.trace({k: v[seen] for k, v in inputs.items()}, None, {"words": lengths["words"][seen]})
    apart = term(alone, targets_of(ds, "kind")[seen], torch.arange(N)[seen])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_of_one_works(ds, variant):
    inputs, lengths = batch_of(ds)
    model, term = built(variant, ds)
    trace = model.trace({k: v[:1] for k, v in inputs.items()}, None, {"words": lengths["words"][:1]})
    assert torch.isfinite(term(trace, targets_of(ds, "kind")[:1], torch.arange(1)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_state_dict_moves_a_term_whole(ds, variant):
    inputs, lengths = batch_of(ds)
    model, first = built(variant, ds)
    with seeded(9):
        second = build_term(variant.split()[0], model, n_rows=N, **OPTIONS.get(variant, {})).double()
    if hasattr(first, "seed"):
        second.seed = first.seed
    arguments = model.trace(inputs, None, lengths), targets_of(ds, "kind"), torch.arange(N)
    first(*arguments)  # terms with a memory have one now
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(*arguments), second(*arguments))


@pytest.mark.parametrize("variant", NOISELESS)
def test_padding_does_not_matter(ds, variant):
    inputs, lengths = batch_of(ds)
    model, term = built(variant, ds)
    term.eval()
    longer = {**inputs, "words": torch.cat([inputs["words"], torch.full((N, 5, 3), float("nan")).double()], 1)}
    arguments = targets_of(ds, "kind"), torch.arange(N)
    short = term(model.trace(inputs, None, lengths), *arguments)
    torch.testing.assert_close(term(model.trace(longer, None, lengths), *arguments), short, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["cca", "agreement", "refnet", "contrastive"])
def test_a_model_without_representations_is_refused(ds, name):
    model = build_model("mctn", ds.spec, width=8)
    with pytest.raises(InputError) as caught:
        build_term(name, model, n_rows=N)
    assert caught.value.argument == "terms" and "mctn" in caught.value.received


@pytest.mark.parametrize("name", ["refnet", "reconstruction"])
def test_a_model_without_a_fused_vector_is_refused(ds, name):
    class Bare(torch.nn.Linear):
        modalities, specs = ("table",), ds.spec.modalities[:1]

        def trace(self, inputs, presence=None, lengths=None):
            return Trace(self(inputs["table"]), prepared=[Prepared(inputs["table"], None, None)])

    with pytest.raises(InputError) as caught:
        build_term(name, Bare(4, 2), n_rows=N)
    assert "fused" in caught.value.received


@pytest.mark.parametrize("name", ["cca", "agreement", "contrastive"])
def test_one_modality_is_refused(ds, name):
    with pytest.raises(InputError) as caught:
        build_term(name, build_model("unimodal:table", ds.spec), n_rows=N)
    assert "1 modality" in caught.value.received


def test_unknown_names_are_refused_with_the_nearest(ds):
    with pytest.raises(InputError, match="'contrastive'"):
        find_term("contrastve")
    with pytest.raises(InputError, match="'ridge'"):
        build_term("cca", build_model("late_fusion", ds.spec), n_rows=N, rigde=1.0)
    with pytest.raises(InputError, match="inputs"):
        build_term("refnet", build_model("late_fusion", ds.spec), n_rows=N, target="input")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "64-true"])
@pytest.mark.parametrize("name", NAMES)
def test_a_fit_with_a_term_runs_and_repeats(ds, name, precision):
    results = []
    for _ in range(2):
        model = build_model("late_fusion", ds.spec, width=8)
        options = {"epochs": 2, "batch_size": 8, "modality_dropout": 0.3, "precision": precision}
        result = fit(model, ds, objective=name, device="cpu", **options)
        results.append([entry["loss"] for entry in result.history])
    assert np.isfinite(results).all() and results[0] == results[1]


def test_the_reconstruction_of_nothing_costs_one_a_modality(ds):
    """Standardised inputs have mean square 1 over the rows (and steps) that the statistics are of."""
    inputs, lengths = batch_of(ds)
    model, term = built("reconstruction", ds)
    with torch.no_grad():
        for parameter in term.parameters():
            parameter.zero_()
    found = term(model.trace(inputs, None, lengths), None, None)
    values = model.trace(inputs, None, lengths).prepared
    by_row = [(values[1].values[i, :t] ** 2).mean() for i, t in enumerate(lengths["words"])]
    expected = 2 + torch.stack(by_row).mean()
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("name", ["contrastive", "functional_entropy", "agreement"])
def test_a_killed_fit_with_a_term_resumes_to_the_same_bits(ds, name, tmp_path):
    """Memories, normalisers and the number of batches seen are part of the checkpoint."""

    def run(progress, directory):
        model = build_model("late_fusion", ds.spec, width=8)
        options = {"epochs": 4, "batch_size": 8, "patience": 9, "checkpoint_seconds": 0.0, "device": "cpu"}
        return fit(model, ds, objective=name, checkpoint_dir=directory, progress=progress, **options)

    def killed(epoch, epochs, metric):
        if epoch == 2:
            raise KeyboardInterrupt

    whole = run(None, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(killed, tmp_path / "killed")
    resumed = run(None, tmp_path / "killed")
    assert [entry["loss"] for entry in resumed.history] == [entry["loss"] for entry in whole.history]
    for key, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[key]), key
