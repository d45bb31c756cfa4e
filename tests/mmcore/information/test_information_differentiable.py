"""Atoms for two labels in torch: values against the certified ones, gradients, kinks, and use in training."""

import numpy as np
import pytest
import torch
from worlds import WORLDS

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.differentiable import Atoms, atoms, mutual_information, redundancy, union_information

TWO_LABELS = [world for world in WORLDS if world.p.shape[2] == 2]


def random_tables(n_tables, n1, n2, seed, sparse=False):
    generator = np.random.default_rng(seed)
    p = generator.gamma(0.5, size=(n_tables, n1, n2, 2)) + 1e-3
    if sparse:
        p *= generator.random(p.shape) > 0.6
        p[:, 0, 0] += 0.1
    return torch.from_numpy(p / p.sum(axis=(1, 2, 3), keepdims=True))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("n1", "n2"), [(2, 2), (3, 5), (12, 7), (1, 4)])
def test_values_are_those_of_the_certified_solver(n1, n2, sparse):
    tables = random_tables(30, n1, n2, seed=n1, sparse=sparse)
    found = atoms(tables)
    for k, exact in enumerate(pid.decompose_many(tables.numpy())):
        for name in pid.ATOMS:
            assert float(getattr(found, name)[k]) == pytest.approx(getattr(exact, name), abs=1e-10)


@pytest.mark.parametrize("world", TWO_LABELS, ids=lambda world: world.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_worlds_with_vanishing_masses_have_their_atoms_and_finite_gradients(world, dtype):
    p = torch.from_numpy(world.p).to(dtype).requires_grad_()
    found = atoms(p)
    for name, truth in world.atoms.items():
        value = getattr(found, name)
        assert value.dtype == dtype
        assert float(value.detach()) == pytest.approx(truth, abs=1e-5 if dtype == torch.float32 else 1e-10)
        assert torch.isfinite(torch.autograd.grad(value, p, retain_graph=True)[0]).all()


@pytest.mark.parametrize(("n1", "n2"), [(2, 2), (3, 4), (1, 3)])
def test_gradients_are_those_of_finite_differences(n1, n2):
    for tables in (random_tables(3, n1, n2, seed=1), random_tables(1, n1, n2, seed=2)[0]):
        assert torch.autograd.gradcheck(lambda p: tuple(atoms(p)), (tables.requires_grad_(),))


def test_second_derivatives_follow_the_moving_knots():
    assert torch.autograd.gradgradcheck(lambda p: tuple(atoms(p)), (random_tables(2, 2, 3, seed=3).requires_grad_(),))


def test_gradients_through_posteriors_labels_prior_and_weights():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.rand(30, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    labels = torch.randint(0, 2, (30,), generator=generator)
    weights = torch.rand(30, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: redundancy(a, b, labels, weights=weights), (first, second))
    assert torch.autograd.gradcheck(lambda a, b: redundancy(a, b, prior=0.3), (first, second))
    soft = torch.rand(30, 4, generator=generator, dtype=torch.float64).softmax(dim=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: redundancy(a.softmax(dim=1), first.detach(), labels), (soft,))


def test_tied_posteriors_within_a_source_are_no_kink():
    # two symbols with the posterior 1/2 each: moving them apart in either order gives the same slope
    a = torch.tensor([[0.1, 0.1], [0.2, 0.2], [0.3, 0.1]], dtype=torch.float64)
    b = torch.tensor([[0.5, 0.1], [0.1, 0.3]], dtype=torch.float64)
    direction = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    step = 1e-6
    up, down = (float(union_information(a + sign * step * direction, b)) for sign in (1, -1))
    here = float(union_information(a, b))
    assert (up - here) / step == pytest.approx((here - down) / step, abs=1e-4)
    a.requires_grad_()
    slope = float((torch.autograd.grad(union_information(a, b), a)[0] * direction).sum())
    assert slope == pytest.approx((up - down) / (2 * step), abs=1e-6)


def test_equal_sources_are_a_kink_and_get_the_mean_of_both_sides():
    a = torch.tensor([[0.4, 0.1], [0.1, 0.4]], dtype=torch.float64)
    direction = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    step = 1e-7
    here = float(union_information(a, a))
    right = (float(union_information(a + step * direction, a)) - here) / step
    left = (here - float(union_information(a - step * direction, a))) / step
    assert right > left + 0.1  # the maximum of two curves bends upwards
    table = a.clone().requires_grad_()
    slope = float((torch.autograd.grad(union_information(table, a), table)[0] * direction).sum())
    assert slope == pytest.approx(0.5 * (left + right), abs=1e-5)


def test_swapping_the_sources_swaps_atoms_and_gradients():
    p = random_tables(4, 3, 3, seed=5)
    q = p.transpose(1, 2).clone().requires_grad_()
    p.requires_grad_()
    first, second = atoms(p), atoms(q)
    assert torch.allclose(first.unique1, second.unique2, atol=1e-13)
    assert torch.allclose(first.redundancy, second.redundancy, atol=1e-13)
    of_p = torch.autograd.grad(first.redundancy.sum(), p)[0]
    of_q = torch.autograd.grad(second.redundancy.sum(), q)[0]
    assert torch.allclose(of_p, of_q.transpose(1, 2), atol=1e-12)


def test_posteriors_believed_or_counted_agree_where_they_are_the_truth():
    # four kinds of rows whose label shares are the posteriors: as symbols of their own, and as believed rows
    shares = torch.tensor([0.9, 0.7, 0.2, 0.2], dtype=torch.float64)
    kind = torch.repeat_interleave(torch.arange(4), 10)
    labels = torch.cat([torch.arange(10) < round(10 * float(share)) for share in shares]).long()
    symbols = torch.nn.functional.one_hot(kind, 4).double()
    believed = redundancy(shares[kind], shares[kind], prior=0.5)
    counted = redundancy(symbols, symbols, labels)
    assert float(believed) == pytest.approx(float(counted), abs=1e-12)
    table = torch.stack([1 - shares, shares], dim=1) / 4
    assert float(counted) == pytest.approx(float(mutual_information(table)), abs=1e-12)  # equal sources: all is shared


def encoded(seed):
    """One shared bit, hidden in one column of each source among noise; the label is that bit."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (600,), generator=generator)
    shared = (2.0 * labels - 1).unsqueeze(1)
    first, second = (torch.randn(600, 4, generator=generator) for _ in range(2))
    first[:, 1:2] += 2 * shared
    second[:, 2:3] -= 2 * shared
    return first, second, labels


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_raises_the_redundancy_of_two_encoders(dtype):
    first, second, labels = encoded(0)
    held = encoded(1)
    weights = [(0.01 * torch.randn(4, generator=torch.Generator().manual_seed(k))).to(dtype) for k in range(2)]
    weights = [w.requires_grad_() for w in weights]

    def value(x1, x2, y):
        s1, s2 = (torch.sigmoid(x.to(dtype) @ w) for x, w in zip((x1, x2), weights))
        return redundancy(s1, s2, y)

    start = float(value(*held).detach())
    for _ in range(150):
        for w, gradient in zip(weights, torch.autograd.grad(value(first, second, labels), weights)):
            w.data += 2.0 * gradient
    # P(error) of the better column alone is Phi(-2) = 0.023: 0.84 bits each; randomised decisions stay below
    assert start < 0.01
    assert 0.6 < float(value(*held).detach()) < 0.9


def test_labels_give_no_reward_for_blind_confidence():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (4000,), generator=generator)
    decided = torch.randint(0, 2, (4000,), generator=generator).float()
    assert float(redundancy(decided, decided, labels)) < 0.002
    assert float(redundancy(decided, decided, prior=0.5)) == pytest.approx(1.0, abs=1e-3)


P = random_tables(1, 2, 2, seed=0)[0]
S = torch.linspace(0.1, 0.9, 6)
Y = torch.tensor([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: atoms(P[..., :1]), "p"),
        (lambda: atoms(torch.ones(2, 2, 3) / 12), "p"),
        (lambda: atoms(P * 2), "p"),
        (lambda: atoms(-P), "p"),
        (lambda: atoms(P * float("nan")), "p"),
        (lambda: redundancy(S * 2, S, Y), "posteriors1"),
        (lambda: redundancy(S, S[:3], Y), "posteriors2"),
        (lambda: redundancy(S, S), "labels, prior"),
        (lambda: redundancy(S, S, Y, prior=0.5), "labels, prior"),
        (lambda: redundancy(S, S, Y[:3]), "labels"),
        (lambda: redundancy(S, S, Y + 1), "labels"),
        (lambda: redundancy(S, S, prior=1.5), "prior"),
        (lambda: redundancy(S, S, Y, weights=-S), "weights"),
        (lambda: redundancy(torch.full((6, 3), 1 / 3), S, prior=0.5), "posteriors1"),
        (lambda: redundancy(Y, S, Y), "posteriors1"),
    ],
)
def test_bad_input_is_named(call, argument):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.argument == argument


def test_the_names_are_those_of_a_decomposition():
    assert Atoms._fields == pid.ATOMS
