"""More than two modalities: published values, identities, agreement with the façade, and what is refused."""

import itertools

import numpy as np
import pytest
from worlds import planted, sample

from mmcore.errors import InputError, NotBuiltYetError
from mmcore.information import multivariate, pid
from mmcore.information.entropy import co_information, mutual_information

BITS = np.array(list(itertools.product((0, 1), repeat=3)))


def table_of(rows: np.ndarray) -> np.ndarray:
    shape = tuple(rows.max(axis=0) + 1)
    return np.bincount(np.ravel_multi_index(rows.T, shape), minlength=int(np.prod(shape))).reshape(shape) / len(rows)


def parity(n: int) -> np.ndarray:
    """n bits of which the last is the parity of the others."""
    free = np.array(list(itertools.product((0, 1), repeat=n - 1)))
    return table_of(np.c_[free, free.sum(axis=1) % 2])


def copies(n: int) -> np.ndarray:
    return table_of(np.array([[0] * n, [1] * n]))


@pytest.mark.parametrize("n", [3, 4, 5])
def test_o_information_of_parity_and_copies(n):
    # Rosas et al. 2019, section III: the extremes are n-bit copies with Omega = n - 2 and parity with 2 - n
    assert multivariate.o_information(copies(n)) == pytest.approx(n - 2, abs=1e-12)
    assert multivariate.o_information(parity(n)) == pytest.approx(2 - n, abs=1e-12)
    assert multivariate.total_correlation(copies(n)) == pytest.approx(n - 1, abs=1e-12)
    assert multivariate.dual_total_correlation(copies(n)) == pytest.approx(1, abs=1e-12)
    assert multivariate.total_correlation(parity(n)) == pytest.approx(1, abs=1e-12)
    assert multivariate.dual_total_correlation(parity(n)) == pytest.approx(n - 1, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_o_information_identities(seed):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(36, 0.5)).reshape(3, 4, 3)
    omega = multivariate.o_information(p)
    assert omega == pytest.approx(co_information(p), abs=1e-12)  # for three variables
    assert omega == pytest.approx(multivariate.total_correlation(p) - multivariate.dual_total_correlation(p), abs=1e-12)
    assert multivariate.o_information(p.transpose(2, 0, 1)) == pytest.approx(omega, abs=1e-12)
    found = pid.decompose(p)  # redundancy less synergy
    assert omega == pytest.approx(found.redundancy - found.synergy, abs=1e-12)
    # additive over independent systems, and nothing for independent variables
    free = np.einsum("i,j,k->ijk", *(generator.dirichlet(np.ones(3)) for _ in range(3)))
    assert multivariate.o_information(free) == pytest.approx(0.0, abs=1e-12)
    both = np.einsum("ijk,abc->iajbkc", p, copies(3)).reshape(6, 8, 6)
    assert multivariate.o_information(both) == pytest.approx(omega + 1.0, abs=1e-12)


def test_o_information_of_rows_is_that_of_their_table():
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 3, (200, 4))
    rows[:, 3] = (rows[:, 0] + rows[:, 1]) % 3
    named = {name: np.array(["x", "y", "z"])[rows[:, k]] for k, name in enumerate("abcd")}
    expected = multivariate.o_information(table_of(rows))
    assert multivariate.o_information_of_rows(named) == pytest.approx(expected, abs=1e-12)


def test_pairs_are_those_of_the_facade():
    i, j, y = sample(planted().p, 3000, 0)
    third = (i + y) % 3
    found = multivariate.pairwise({"image": i, "text": j, "audio": third}, y)
    assert list(found) == [("image", "text"), ("image", "audio"), ("text", "audio")]
    expected = pid.decompose(table_of(np.c_[i, j, y]))
    assert found["image", "text"].atoms == expected.atoms
    assert found["image", "text"].gap == expected.gap
    assert found["image", "text"].diagnostics["n_rows"] == 3000
    other = multivariate.pairwise({"text": j, "image": i}, y)["text", "image"]
    assert other.unique1 == pytest.approx(expected.unique2, abs=1e-9)


def test_pairs_under_another_measure():
    rows = np.tile(BITS[:, :2], (4, 1))
    found = multivariate.pairwise({"a": rows[:, 0], "b": rows[:, 1]}, 2 * rows[:, 0] + rows[:, 1], method="i_min")
    assert found["a", "b"].redundancy == pytest.approx(1.0)
    assert found["a", "b"].method == "i_min"


def test_three_bit_parity_is_seen_by_no_pair_but_against_the_rest():
    rows = np.tile(BITS, (4, 1))
    symbols = {name: rows[:, k] for k, name in enumerate("abc")}
    label = rows.sum(axis=1) % 2
    for result in multivariate.pairwise(symbols, label).values():
        assert list(result.atoms.values()) == pytest.approx([0.0] * 4, abs=1e-9)
    for result in multivariate.one_against_rest(symbols, label).values():
        assert list(result.atoms.values()) == pytest.approx([0.0, 0.0, 0.0, 1.0], abs=1e-9)


def test_what_only_one_modality_has_and_what_all_have():
    rows = np.tile(BITS, (8, 1))
    shared, own = rows[:, 0], rows[:, 1]
    symbols = {"a": 2 * shared + own, "b": shared, "c": shared}
    found = multivariate.one_against_rest(symbols, 2 * shared + own)
    assert list(found["a"].atoms.values()) == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=1e-9)
    assert list(found["b"].atoms.values()) == pytest.approx([1.0, 0.0, 1.0, 0.0], abs=1e-9)


def test_totals_are_the_information_of_everything():
    generator = np.random.default_rng(1)
    rows = generator.integers(0, 3, (4000, 4))
    rows[:, 3] = (rows[:, 0] * rows[:, 1] + rows[:, 2]) % 3
    symbols = {name: rows[:, k] for k, name in enumerate("abc")}
    everything = mutual_information(table_of(rows).reshape(27, 3))
    for name, result in multivariate.one_against_rest(symbols, rows[:, 3]).items():
        assert result.total == pytest.approx(everything, abs=1e-9)
        alone = mutual_information(table_of(rows[:, ["abc".index(name), 3]]))
        assert result.information1 == pytest.approx(alone, abs=1e-9)


def test_too_few_rows_are_refused_by_name():
    generator = np.random.default_rng(2)
    symbols = {name: generator.integers(0, 6, 100) for name in ("image", "text", "audio")}
    y = generator.integers(0, 3, 100)
    with pytest.raises(InputError) as caught:
        multivariate.one_against_rest(symbols, y)
    assert "'image'" in caught.value.argument
    assert "100 rows" in caught.value.received
    assert multivariate.one_against_rest(symbols, y, min_rows_per_cell=0.0)["image"].synergy > 0


def test_bad_input_is_named():
    a, y = np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])
    cases = [
        (lambda: multivariate.pairwise({"a": a}, y), "symbols"),
        (lambda: multivariate.pairwise({"a": a, "b": a[:3]}, y), "symbols['b']"),
        (lambda: multivariate.pairwise({"a": a, "b": np.array([0.0, 1.0, np.nan, 1.0])}, y), "symbols['b']"),
        (lambda: multivariate.pairwise({"a": a, "b": a}, np.zeros(4)), "y"),
        (lambda: multivariate.pairwise({"a": a, "b": a}, []), "y"),
        (lambda: multivariate.pairwise({"a": a, "b": a}, y, min_rows_per_cell=0, method="brjoa"), "method"),
        (lambda: multivariate.o_information(np.full((2, 2), 0.25)), "p"),
        (lambda: multivariate.o_information(np.full((2, 2, 2), 0.25)), "p"),
        (lambda: multivariate.o_information_of_rows({"a": a, "b": a}), "symbols"),
        (lambda: multivariate.o_information_of_rows({"a": a, "b": a, "c": a[:2]}), "symbols['c']"),
    ]
    for call, argument in cases:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.argument == argument


def test_there_is_no_full_lattice():
    with pytest.raises(NotBuiltYetError, match="one_against_rest"):
        multivariate.lattice({"a": [0], "b": [0], "c": [0]}, [0])
