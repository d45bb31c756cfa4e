"""Many tables in one call: the same numbers as one by one, lean objects, and the backends against each other."""

import copy
import dataclasses
import gc
import json
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.information import pid


def batch(shape, size, seed=0, alpha=0.5):
    return np.random.default_rng(seed).dirichlet(np.full(int(np.prod(shape)), alpha), size=size).reshape(-1, *shape)


def values(results):
    return np.array([list(result.atoms.values()) for result in results])


@pytest.mark.parametrize("shape", [(2, 2, 2), (4, 3, 2), (1, 5, 2), (3, 3, 3)])
def test_a_batch_is_what_its_tables_are(shape):
    ps = batch(shape, 20)
    together = pid.decompose_many(ps)
    assert values(together) == pytest.approx(
        values([pid.decompose(p) for p in ps]), abs=1e-14 if shape[2] == 2 else 2e-9
    )
    assert [r.to_dict() for r in pid.decompose_many(list(ps))] == [r.to_dict() for r in together]
    atoms, gaps = pid.atoms_many(ps)
    assert atoms.tolist() == values(together).tolist()
    assert gaps.tolist() == [r.gap for r in together]


def test_tables_of_several_shapes_keep_their_places():
    ps = [batch(shape, 1, seed=k)[0] for k, shape in enumerate([(2, 2, 2), (3, 2, 2), (2, 2, 3), (2, 2, 2), (3, 2, 2)])]
    expected = values([pid.decompose(p) for p in ps])
    assert values(pid.decompose_many(ps)) == pytest.approx(expected, abs=2e-9)
    assert pid.atoms_many(ps)[0] == pytest.approx(expected, abs=2e-9)


def test_a_large_batch_is_cut_into_chunks_without_a_seam():
    ps = batch((2, 2, 2), 60_000)
    atoms, _ = pid.atoms_many(ps)
    assert atoms[49_990:50_010] == pytest.approx(pid.atoms_many(ps[49_990:50_010])[0], abs=1e-15)


def test_what_is_not_certified_is_not_a_number():
    ps = batch((2, 2, 2), 3)
    atoms, gaps = pid.atoms_many(ps, tol=1e-18)
    assert np.isnan(atoms).all()
    assert (gaps > 1e-18).all()
    with pytest.raises(pid.NotCertified):
        pid.decompose_many(ps, tol=1e-18)


def test_no_tables_no_results():
    assert pid.decompose_many([]) == []
    assert pid.atoms_many([])[0].shape == (0, 4)


def test_the_first_bad_table_is_named():
    ps = batch((2, 2, 2), 5)
    ps[3, 0, 0, 0] = np.nan
    for tables in (ps, list(ps)):
        with pytest.raises(InputError) as caught:
            pid.atoms_many(tables)
        assert caught.value.argument == "ps[3]"


def test_the_input_is_not_written_to():
    ps = batch((2, 2, 2), 5) * (1 + 1e-10)
    before = ps.copy()
    pid.decompose_many(ps)
    assert ps.tolist() == before.tolist()


def test_a_result_of_a_batch_is_a_result():
    ps = batch((2, 2, 2), 500)
    one = pid.decompose_many(ps)[7]
    # Pickled before anything was looked at: only its own table goes along.
    assert len(pickle.dumps(one)) < 2000
    for twin in (pickle.loads(pickle.dumps(pid.decompose_many(ps)[7])), copy.deepcopy(pid.decompose_many(ps)[7])):
        assert twin == one
        assert twin.table.tolist() == one.table.tolist()
    assert pid.PID.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert dataclasses.replace(pid.decompose_many(ps)[7], status="estimated").gap == one.gap
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.synergy = 0.0
    with pytest.raises(AttributeError, match="synergie"):
        pid.decompose_many(ps)[7].synergie  # noqa: B018


@pytest.mark.parametrize("shape", [(2, 2, 2), (1, 4, 2), (7, 5, 2), (30, 20, 2)])
@pytest.mark.parametrize("alpha", [1.0, 0.05])
def test_torch_agrees_with_numpy(shape, alpha):
    ps = batch(shape, 50, alpha=alpha)
    ps[0] = 0.0
    ps[0, 0, 0, :] = 0.5  # one symbol of each source, the rest empty
    expected, gaps = pid.atoms_many(ps)
    atoms, torch_gaps = pid.atoms_many(ps, backend="torch")
    assert atoms == pytest.approx(expected, abs=1e-12)
    assert torch_gaps == pytest.approx(gaps, abs=1e-12)
    assert values(pid.decompose_many(ps, backend="torch")).tolist() == atoms.tolist()


def with_something_to_presolve(shape, size, alpha=1.0):
    """Return tables of which the first have empty symbols, equal posteriors, a label alone and two labels alone."""
    ps = batch(shape, size, alpha=alpha)
    ps[0, 1], ps[0, :, 0] = 0.0, 0.0  # empty symbols
    ps[1] = ps[1, :, :, :1] * np.arange(1, shape[2] + 1)  # all posteriors equal: nothing is known
    ps[2, 0, :, 1:], ps[2, 1:, :, 0] = 0.0, 0.0  # the first symbol says "label 0": a component of one label
    ps[3, 0, :, 2:], ps[3, 1:, :, :2] = 0.0, 0.0  # labels 0 and 1 interact with each other only
    ps[4, :, :, 1] = 0.0  # a label without mass
    ps[5, 1:] = 0.0  # one symbol of a source
    return ps / ps.sum(axis=(1, 2, 3), keepdims=True)


def agree(ps, **options):
    expected, gaps = pid.atoms_many(ps)
    atoms, other_gaps = pid.atoms_many(ps, backend="torch", **options)
    assert max(gaps.max(), other_gaps.max()) <= 1e-9
    # Each atom is in its own interval around the truth, so two differ by the sum of the gaps at most.
    assert (np.abs(atoms - expected) <= (gaps + other_gaps + 1e-12)[:, None]).all()
    assert values(pid.decompose_many(ps, backend="torch", **options)).tolist() == atoms.tolist()


@pytest.mark.parametrize("alpha", [1.0, 0.1])
@pytest.mark.parametrize("shape", [(2, 2, 3), (4, 3, 5), (3, 5, 4)], ids=str)
def test_torch_agrees_for_more_labels(shape, alpha):
    agree(with_something_to_presolve(shape, 30, alpha))


def test_torch_solves_what_is_not_presolved_and_closed_forms_stay():
    found = pid.decompose_many(with_something_to_presolve((4, 3, 5), 12), backend="torch")
    assert sum(result.solver == "interior_torch" for result in found) >= 6
    assert found[1].solver == "presolve" and found[1].total < 1e-12
    assert found[3].solver == "interior_torch+two_labels"


def test_torch_takes_tables_of_several_shapes():
    ps = [batch(shape, 1, seed=k)[0] for k, shape in enumerate([(2, 2, 3), (3, 2, 2), (2, 2, 3), (3, 3, 4)])]
    assert values(pid.decompose_many(ps, backend="torch")) == pytest.approx(values(pid.decompose_many(ps)), abs=2e-9)


def test_a_torch_run_cut_short_is_not_certified():
    with pytest.raises(pid.NotCertified):
        pid.decompose_many(batch((3, 3, 4), 3), backend="torch", max_iter=3)


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(6, 5, 2), (4, 3, 5), (10, 10, 5)], ids=str)
def test_a_gpu_agrees_with_numpy(shape):
    if shape[2] > 2:
        agree(with_something_to_presolve(shape, 2000), device="cuda")
    else:
        ps = batch(shape, 2000)
        atoms, _ = pid.atoms_many(ps, backend="torch", device="cuda")
        assert atoms == pytest.approx(pid.atoms_many(ps)[0], abs=1e-12)


@pytest.mark.parametrize(
    ("options", "argument", "received"),
    [
        ({"backend": "jax"}, "backend", "'jax'"),
        ({"backend": "numpy", "device": "cuda"}, "device", "cuda"),
        ({"backend": "torch", "device": "tpu9"}, "device", "tpu9"),
        ({"backend": "torch", "solver": "cvxpy"}, "backend", "'torch' with solver 'cvxpy'"),
    ],
)
def test_backends_that_are_not_there(options, argument, received):
    with pytest.raises(InputError) as caught:
        pid.decompose_many(batch((2, 2, 2), 2), **options)
    assert (caught.value.argument, caught.value.received) == (argument, received)


def test_a_result_is_filled_in_once_from_any_side():
    ps = batch((2, 2, 2), 400)
    expected = pid.decompose_many(ps)
    for copied in (copy.copy, copy.deepcopy, dataclasses.replace, lambda r: pickle.loads(pickle.dumps(r, protocol=0))):
        fresh = pid.decompose_many(ps)[::-1]
        twins = [copied(result) for result in fresh]
        assert [twin.to_dict() for twin in twins] == [r.to_dict() for r in expected[::-1]]
        assert twins == fresh and list(map(hash, twins)) == list(map(hash, fresh))
    assert list(map(repr, pid.decompose_many(ps))) == list(map(repr, expected))
    lazy = pid.decompose_many(ps)[3]
    with pytest.raises(dataclasses.FrozenInstanceError):
        lazy.gap = 0.0
    assert not hasattr(lazy, "gaps") and lazy.gap == expected[3].gap


def test_threads_may_look_at_one_result_together():
    names = ["gap", "union_lower", "union_upper", "synergy"] * 4
    with ThreadPoolExecutor(8) as pool:
        for result in pid.decompose_many(batch((2, 2, 2), 200)):
            seen = list(pool.map(partial(getattr, result), names))
            assert seen == [getattr(result, name) for name in names]


def test_a_result_looked_at_does_not_hold_its_batch():
    results = pid.decompose_many(batch((2, 2, 2), 50))
    one = results.pop()
    other = weakref.ref(results[0])
    values_of_all = weakref.ref(one._batch[0])
    assert one.gap < 1e-12
    del results
    gc.collect()
    assert other() is None and values_of_all() is None
