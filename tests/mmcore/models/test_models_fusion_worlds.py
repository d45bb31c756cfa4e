"""What trained fusions can and cannot do: XOR of two one-hot modalities, whose best additive logits are known.

Parity of a + b, a and b one of 8 each, every cell equally often in every split. Additive logits are u = f(a) + g(b);
with s = +-1 the label, the mean of s u over the cells is zero, so by Jensen the cross-entropy, the mean of
softplus(-s u), is log 2 at least, whatever f and g are: no training of an additive model can do better than chance.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.models import MODELS, build_model
from mmcore.training import fit, predict, torch_threads

CATEGORIES = 8
ADDITIVE = ("late_fusion", "sum")
MULTIPLICATIVE = (
    "product",
    "tensor_fusion",
    "low_rank_tensor_fusion",
    "multiplicative_matrix",
    "multiplicative_vector",
    "multiplicative_scalar",
    "film",
    "gated_multimodal_unit",
    "bilinear_gated",
    "lower_order_interactions",
)
OTHERS = ("late_fusion_transformer", "attention_pooling")


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def parity():
    cells = np.array(list(itertools.product(range(CATEGORIES), repeat=2)))
    copies = {"train": 8, "valid": 2, "test": 2}
    rows = np.concatenate([np.repeat(cells, n, axis=0) for n in copies.values()])
    split = np.repeat(list(copies), [n * len(cells) for n in copies.values()])
    codes = np.eye(CATEGORIES)
    arrays = {"first": codes[rows[:, 0]], "second": codes[rows[:, 1]]}
    return from_arrays(arrays, labels=rows.sum(1) % 2, name="parity", split=split)


@pytest.fixture(scope="module")
def parity_of_three():
    cells = np.array(list(itertools.product(range(4), repeat=3)))
    copies = {"train": 8, "valid": 2, "test": 2}
    rows = np.concatenate([np.repeat(cells, n, axis=0) for n in copies.values()])
    split = np.repeat(list(copies), [n * len(cells) for n in copies.values()])
    arrays = {name: np.eye(4)[rows[:, m]] for m, name in enumerate(("first", "second", "third"))}
    return from_arrays(arrays, labels=rows.sum(1) % 2, name="parity_of_three", split=split)


def scores(name, ds, **arguments):
    """Accuracy and cross-entropy (nats) on the test rows."""
    model = build_model(name, ds.spec, width=32, dropout=0.0, **arguments)
    result = fit(model, ds, epochs=40, patience=40, batch_size=64, device="cpu")
    rows = ds.rows("test")
    logits, labels = predict(result.model, ds, rows), torch.from_numpy(ds.labels()[rows].astype(np.int64))
    logits = torch.as_tensor(logits).double()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return accuracy, torch.nn.functional.cross_entropy(logits, labels).item()


def test_the_lists_agree_with_the_tags():
    tags = {entry.name: entry.tags for entry in MODELS}
    assert all("additive" in tags[name] for name in ADDITIVE)
    assert all("multiplicative" in tags[name] for name in MULTIPLICATIVE)


@pytest.mark.parametrize("name", [*MULTIPLICATIVE, *OTHERS])
def test_fusions_that_multiply_solve_parity(parity, name):
    accuracy, loss = scores(name, parity)
    assert accuracy >= 0.95 and loss < 0.3


@pytest.mark.parametrize("name", ADDITIVE)
def test_additive_fusions_stay_at_chance(parity, name):
    accuracy, loss = scores(name, parity)
    assert accuracy < 0.6
    assert loss >= math.log(2.0) - 1e-6


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tensor_fusion", {}),
        ("low_rank_tensor_fusion", {}),
        ("multiplicative_matrix", {"interactions": "nested"}),
        ("lower_order_interactions", {"order": 3, "size": 4}),
    ],
)
def test_terms_of_third_order_solve_parity_of_three(parity_of_three, name, options):
    accuracy, loss = scores(name, parity_of_three, **options)
    assert accuracy >= 0.95 and loss < 0.3


@pytest.mark.parametrize("name", ["multiplicative_matrix", "lower_order_interactions", "bilinear_gated"])
def test_sums_over_pairs_stay_at_chance_on_parity_of_three(parity_of_three, name):
    """s u sums to zero for any u = f(a, b) + g(a, c) + h(b, c) too: the same bound."""
    accuracy, loss = scores(name, parity_of_three)
    assert accuracy < 0.75  # 1/2 in expectation; the cells that a fit of noise happens to get right add to it
    assert loss >= math.log(2.0) - 1e-6
