"""q*: its two pair tables are those of p, and its information is the union information."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import WORLDS, planted, planted_shared

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.entropy import mutual_information

ALL = (*WORLDS, planted(), planted_shared())


def check(p):
    result = pid.decompose(p)
    q = result.coupling()
    assert q.shape == p.shape
    assert q.min() >= 0.0
    assert q.sum(axis=1) == pytest.approx(p.sum(axis=1), abs=1e-14)
    assert q.sum(axis=0) == pytest.approx(p.sum(axis=0), abs=1e-14)
    information = mutual_information(q.reshape(-1, p.shape[2]))
    assert information == pytest.approx(result.union_upper, abs=result.gap + 1e-9)
    # Without synergy: q has the atoms of p but for that one.
    assert pid.decompose(q / q.sum(), tol=1e-8).synergy == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("world", ALL, ids=lambda world: world.name)
def test_worlds(world):
    check(world.p)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_two_labels(seed):
    generator = np.random.default_rng(seed)
    shape = (*generator.integers(1, 8, 2), 2)
    p = generator.dirichlet(np.full(int(np.prod(shape)), generator.choice([1.0, 0.3, 0.05]))).reshape(shape)
    check(p)


@pytest.mark.parametrize("seed", range(6))
def test_more_labels(seed):
    generator = np.random.default_rng(seed)
    shape = (*generator.integers(2, 6, 2), int(generator.integers(3, 6)))
    check(generator.dirichlet(np.full(int(np.prod(shape)), generator.choice([1.0, 0.3]))).reshape(shape))


def test_and_by_hand():
    """AND: both inputs are the same channel from the label, hence the join of both, so under q* they are equal."""
    p = np.zeros((2, 2, 2))
    p[0, 0, 0] = p[0, 1, 0] = p[1, 0, 0] = p[1, 1, 1] = 0.25
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0], expected[1, 1, 0], expected[1, 1, 1] = 0.5, 0.25, 0.25
    assert pid.decompose(p).coupling() == pytest.approx(expected, abs=1e-15)


def test_a_result_without_its_table_says_so():
    restored = pid.PID.from_dict(pid.decompose(np.full((2, 2, 2), 0.125)).to_dict())
    with pytest.raises(InputError) as caught:
        restored.coupling()
    assert caught.value.received == "a result without its table"


def test_a_wrong_table_is_seen():
    result = pid.decompose(np.full((2, 2, 2), 0.125))
    copied = np.zeros((2, 2, 2))
    copied[0, 0, 0] = copied[1, 1, 1] = 0.5
    with pytest.raises(pid.NotCertified) as caught:
        dataclasses.replace(result, table=copied).coupling()
    assert caught.value.upper == pytest.approx(1.0)
