"""The same rows in any container, unit or order give the same atoms, and no estimator touches a global generator."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest

from mmcore.information import ATOMS, PID, pid
from mmcore.selection import recommend

FAST = {
    "batch": {"n_seeds": 1, "epochs": 2, "coupling_epochs": 1, "min_steps": 20, "n_folds": 3},
    "posteriors": {"classifier": "logistic"},
}
METHODS = (pytest.param("batch", marks=pytest.mark.slow), "clusters", "gaussian", "neighbours", "posteriors")


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 240)
    return y + 0.8 * generator.normal(size=240), y + 0.8 * generator.normal(size=240), y


X1, X2, Y = rows()


def estimated(method: str, x1=X1, x2=X2, y=Y, **options) -> PID:
    return pid.estimate(x1, x2, y, method=method, **FAST.get(method, {}), **options)


def difference(one: PID, other: PID, names: tuple[str, ...] = ATOMS) -> float:
    return max(abs(getattr(one, name) - getattr(other, mirrored)) for name, mirrored in zip(ATOMS, names))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
def test_containers_and_global_generators(method):
    import pandas as pd
    import torch

    pid.estimate(X1, X2, Y, method="clusters")  # imports of others may draw
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone(), random.getstate()  # noqa: NPY002
    draws = {} if method == "batch" else {"n_boot": 3, "n_null": 2}
    found = estimated(method, **draws)
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    assert random.getstate() == before[2]
    assert found == estimated(method, **draws, seed=np.int64(0))
    names = np.array(["no", "yes"])[Y]
    found = estimated(method)
    same = [
        estimated(method, X1.tolist(), X2.tolist(), Y.tolist()),
        estimated(method, X1.astype(object), X2[:, None], Y.astype(bool)),
        estimated(method, pd.DataFrame({"a": X1}), pd.Series(X2), pd.Series(Y, index=range(5, 245), dtype="Int64")),
        estimated(method, torch.tensor(X1, requires_grad=True), torch.tensor(X2), torch.tensor(Y)),
        estimated(method, y=pd.Categorical(names)),
        estimated(method, y=pd.Series(names, dtype="string")),
    ]
    assert max(difference(found, other) for other in same) < 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_units_of_a_column_do_not_matter(method):
    assert difference(estimated(method), estimated(method, X1 * 2.0**20, X2 * 2.0**-20)) < 1e-9


@pytest.mark.parametrize(
    ("method", "tolerance"),
    [
        ("clusters", 1e-9),
        ("gaussian", 1e-9),
        ("neighbours", 1e-9),
        ("posteriors", 0.02),
        pytest.param("batch", 0.1, marks=pytest.mark.slow),
    ],
)
def test_exchanged_sources_exchange_their_unique_information(method, tolerance):
    """Exact but for those that fit a classifier to both sources: its start and splits depend on their order."""
    exchanged = ("redundancy", "unique2", "unique1", "synergy")
    assert difference(estimated(method), estimated(method, X2, X1), exchanged) < tolerance


@pytest.mark.parametrize("method", ["gaussian", "neighbours"])
def test_order_of_rows_does_not_matter_where_nothing_is_cross_fitted(method):
    order = np.random.default_rng(1).permutation(len(Y))
    assert difference(estimated(method), estimated(method, X1[order], X2[order], Y[order])) < 1e-12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("draws", [{}, {"n_boot": 4}, {"n_null": 4}, {"n_boot": 2, "n_null": 2}])
def test_what_a_result_holds(method, draws):
    found = estimated(method, groups=np.arange(240) % 24, **draws)
    assert found.status == "estimated"
    assert (found.interval is None) == ("n_boot" not in draws)
    assert (found.null is None) == ("n_null" not in draws)
    assert found.corrected is not None
    for held in (found.corrected, found.interval, found.null):
        assert held is None or tuple(held) == ATOMS
    assert found.null is None or {len(values) for values in found.null.values()} == {draws["n_null"]}
    assert PID.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert pickle.loads(pickle.dumps(found)) == found
    assert recommend(found).verdict in {"one_modality", "late_fusion", "fusion"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
def test_one_row_far_away_leaks_no_warning(method):
    assert np.isfinite(estimated(method, np.r_[1e12, X1[1:]]).total)


def test_gaussian_takes_two_names_as_it_takes_two_numbers():
    names = np.array(["a", "b"])[(X1 > 0).astype(int)]
    assert difference(estimated("gaussian", names), estimated("gaussian", (X1 > 0).astype(float))) < 1e-12
