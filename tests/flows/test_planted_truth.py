"""The planted dataset of the committed parameters: atoms within 0.02 bit of the formula and inside their intervals."""

from __future__ import annotations

import pytest
from projects import ROOT

from mmcore.data.formats import read
from mmcore.information.pairs import estimate_dataset
from tasks.parameters import load_parameters


@pytest.fixture(scope="module")
def estimate() -> dict:
    parameters = load_parameters(ROOT)
    planted = parameters.datasets["planted"]
    ds = read({"seed": parameters.seed, **planted.source}, ROOT, name="planted")
    options = parameters.estimate.of(planted).options
    return estimate_dataset(ds, label=None, options=options, seed=parameters.seed)


@pytest.mark.parametrize("pair", range(3))
@pytest.mark.parametrize("atom", ["redundancy", "unique1", "unique2", "synergy"])
def test_atoms_of_the_shipped_planted_dataset(estimate, pair, atom):
    found = estimate["pairs"][pair]
    low, high = found["interval"][atom]
    assert abs(found["corrected"][atom] - found["truth"][atom]) < 0.02
    assert low <= found["truth"][atom] <= high
