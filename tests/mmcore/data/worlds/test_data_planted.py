"""The planted world: its formulas against the exact joint distribution, and its samples against both."""

from itertools import product

import numpy as np
import pytest

from mmcore.data.worlds import planted, planted_truth
from mmcore.data.worlds.planted import CLASSES, codebook
from mmcore.errors import InputError

NOISES = [{}, {"copy": 0.0, "unique": 0.0, "xor": 0.0}, {"copy": 0.3, "unique": 0.01, "xor": 0.2}, {"unique": 0.5}]
SOURCES = {"alpha": ("c", "a"), "beta": ("c", "b"), "gamma": ("u", "w")}


def exact_joint(noise):
    """Every outcome of bits and flips with its probability, written out: {variable: column}, probability."""
    flip = {"copy": 0.05, "unique": 0.10, "xor": 0.05} | noise
    table, probability = [], []
    for c, a, b, u, w, e1, e2, e3 in product((0, 1), repeat=8):
        p = 2.0**-5
        for key, e in zip(("copy", "unique", "xor"), (e1, e2, e3), strict=True):
            p *= flip[key] if e else 1 - flip[key]
        table.append((2 * c + a, 2 * c + b, 2 * u + w, 4 * (c ^ e1) + 2 * (u ^ e2) + (a ^ b ^ e3)))
        probability.append(p)
    columns = dict(zip(("alpha", "beta", "gamma", "y"), np.array(table).T, strict=True))
    return columns, np.array(probability)


def information(names, joint):
    """I(names; y) in bits, by summing p log p / (p p) over the table."""
    columns, p = joint
    x = sum(columns[name] * 4**i for i, name in enumerate(names))
    table = np.zeros((4 ** len(names), 8))
    np.add.at(table, (x, columns["y"]), p)
    product_of_margins = table.sum(axis=1, keepdims=True) * table.sum(axis=0)
    held = table > 0
    return float((table[held] * np.log2(table[held] / product_of_margins[held])).sum())


@pytest.mark.parametrize("noise", NOISES)
def test_the_truth_adds_up_to_the_exact_informations(noise):
    joint = exact_joint(noise)
    for pair in planted_truth(noise):
        r, u1, u2, s = (pair[atom] for atom in ("redundancy", "unique1", "unique2", "synergy"))
        first, second = pair["first"], pair["second"]
        assert r + u1 == pytest.approx(information([first], joint), abs=1e-12)
        assert r + u2 == pytest.approx(information([second], joint), abs=1e-12)
        assert r + u1 + u2 + s == pytest.approx(information([first, second], joint), abs=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_the_split_into_atoms_follows_without_a_solver(noise):
    """U1 is the least I_q(X1; Y | X2) over all q with the margins p(x1, y) and p(x2, y).

    (alpha, beta): the two margins are equal, so a q with X1 = X2 exists; there I_q(X1; Y | X2) = 0, hence U1 = U2 = 0.
    (alpha, gamma): let C be the first bit of Y. Under every q gamma is independent of C, so I_q(X1; Y | X2)
    >= I_q(X1; C | X2) = H(C) - H_q(C | X1, X2) >= H(C) - H(C | X1) = I(X1; C). Where that is all of I(X1; Y),
    U1 = I(X1; Y) and R = 0.
    """
    truth = {(t["first"], t["second"]): t for t in planted_truth(noise)}
    joint = exact_joint(noise)
    margins = {name: np.zeros((4, 8)) for name in SOURCES}
    for name, table in margins.items():
        np.add.at(table, (joint[0][name], joint[0]["y"]), joint[1])
    np.testing.assert_allclose(margins["alpha"], margins["beta"], atol=1e-15)
    assert truth["alpha", "beta"]["unique1"] == truth["alpha", "beta"]["unique2"] == 0

    first_bit = {**joint[0], "y": joint[0]["y"] // 4}
    assert information(["gamma"], (first_bit, joint[1])) == pytest.approx(0, abs=1e-12)
    for source in ("alpha", "beta"):
        whole = information([source], joint)
        assert information([source], (first_bit, joint[1])) == pytest.approx(whole, abs=1e-12)
        assert truth[source, "gamma"]["unique1"] == pytest.approx(whole, abs=1e-12)
        assert truth[source, "gamma"]["redundancy"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_vectors_tell_their_symbols_apart_and_symbols_are_the_bits(seed):
    for name in SOURCES:
        book = codebook(seed, name)
        distance = np.linalg.norm(book[:, None] - book, axis=-1)[np.triu_indices(4, 1)]
        assert distance.min() >= np.sqrt(12.0)
        assert np.ptp(book, axis=0).max() > 0


def test_samples_follow_the_exact_joint():
    noise = {"copy": 0.1, "unique": 0.2, "xor": 0.3}
    ds = planted(n_samples=40_000, noise=noise, seed=3)
    columns, p = exact_joint(noise)
    symbols = {}
    for name in SOURCES:
        vectors, symbols[name] = np.unique(ds[name], axis=0, return_inverse=True)
        book = codebook(3, name)
        decoded = (vectors[:, None] == book[None]).all(axis=-1)
        assert decoded.sum(axis=1).tolist() == [1] * 4, "each vector is one symbol's"
        symbols[name] = decoded.argmax(axis=1)[symbols[name]]
    expected, observed = np.zeros((4, 4, 4, 8)), np.zeros((4, 4, 4, 8))
    np.add.at(expected, tuple(columns[k] for k in (*SOURCES, "y")), p)
    np.add.at(observed, (*(symbols[k] for k in SOURCES), ds.labels()), 1)
    possible = expected > 0
    assert observed[~possible].sum() == 0
    chi2 = (np.square(observed - 40_000 * expected)[possible] / (40_000 * expected[possible])).sum()
    freedom = possible.sum() - 1
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)


def test_the_dataset_says_what_it_is():
    ds = planted(n_samples=1000, seed=0, n_folds=5, name="planted-tiny")
    assert ds.spec.label().classes == CLASSES
    assert CLASSES[0b101] == "c1u0x1"
    assert {m.kind for m in ds.spec.modalities} == {"embedding"}
    assert ds.spec.annotations["truth"] == planted_truth({})
    assert [len(ds.rows(p)) for p in ("train", "valid", "test")] == [700, 150, 150]
    assert ds.groups is None
    assert np.bincount(ds.folds).tolist() == [200] * 5


def test_the_seed_decides_and_noise_keeps_the_bits():
    first, again, other = (planted(n_samples=200, seed=s) for s in (0, 0, 1))
    noisy = planted(n_samples=200, seed=0, noise={"xor": 0.4})
    assert np.array_equal(first["alpha"], again["alpha"])
    assert first.samples.equals(again.samples)
    assert not np.array_equal(first["alpha"], other["alpha"])
    assert np.array_equal(first["alpha"], noisy["alpha"])
    assert np.array_equal(first.labels() // 2, noisy.labels() // 2)
    assert not np.array_equal(first.labels(), noisy.labels())


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"n_samples": 10}, "n_samples"),
        ({"noise": {"copy": 0.6}}, "noise.copy"),
        ({"noise": {"copie": 0.1}}, "noise"),
        ({"n_folds": 1}, "n_folds"),
    ],
)
def test_impossible_worlds_are_named(arguments, argument):
    with pytest.raises(InputError) as error:
        planted(**{"n_samples": 100, "seed": 0, **arguments})
    assert error.value.argument == argument
