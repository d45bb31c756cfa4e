"""Products by tiles are numpy's, of any shape and layout, and touch nothing but their tile."""

import numpy as np
import pytest
from numba import njit

from mmcore.models.compiled.tiles import COLUMNS, product_before_reading, product_before_writing


def _callable(product):
    @njit(error_model="numpy")
    def call(a, a_at, a_row, a_k, rows, b, b_at, b_k, n, c, c_at, c_row, add, ahead, ahead_at):
        product(a, a_at, a_row, a_k, rows, b, b_at, b_k, n, c, c_at, c_row, add, ahead, ahead_at)

    return call


PRODUCTS = {"reading": _callable(product_before_reading), "writing": _callable(product_before_writing)}
_UNTOUCHED = np.float32(-12345.0)


def _whole(generator, *shape):
    """Small whole numbers: their sums of products are exact in float32, in whatever order."""
    return generator.integers(-8, 9, shape).astype(np.float32)


def _run(product, a, b, start, add, *, a_row, a_k, b_k, c_row, at):
    """Return C with what lies around it, of matrices laid out with these steps, `at` numbers from the first."""
    (rows, n), room = a.shape, at + 100
    spread_a = np.full(room + rows * a_row + n * a_k, np.nan, np.float32)
    spread_b = np.full(room + n * b_k + COLUMNS, np.nan, np.float32)
    around = np.full(room + rows * c_row + COLUMNS, _UNTOUCHED)
    for i in range(rows):
        around[at + i * c_row : at + i * c_row + COLUMNS] = start[i]
        for k in range(n):
            spread_a[at + i * a_row + k * a_k] = a[i, k]
    for k in range(n):
        spread_b[at + k * b_k : at + k * b_k + COLUMNS] = b[k]
    # What is asked for ahead lies far beyond the array: it is never read, so that is no fault.
    product(spread_a, at, a_row, a_k, rows, spread_b, at, b_k, n, around, at, c_row, add, spread_b, 1 << 40)
    return around


@pytest.mark.parametrize("which", PRODUCTS)
@pytest.mark.parametrize("add", [False, True])
def test_of_any_number_of_rows_and_terms_it_is_the_product(which, add):
    generator = np.random.default_rng(0)
    for rows in range(18):
        for n in (0, 1, 2, 7, 8, 31, 32, 33, 69, 70):
            a, b, start = _whole(generator, rows, n), _whole(generator, n, COLUMNS), _whole(generator, rows, COLUMNS)
            before = start.copy() if add else np.full_like(start, np.nan)
            found = _run(PRODUCTS[which], a, b, before, add, a_row=n, a_k=1, b_k=COLUMNS, c_row=COLUMNS, at=3)
            expected = a.astype(int) @ b.astype(int) + (start.astype(int) if add else 0)
            assert np.array_equal(found[3 : 3 + rows * COLUMNS].reshape(rows, COLUMNS), expected), (rows, n)
            assert (found[:3] == _UNTOUCHED).all() and (found[3 + rows * COLUMNS :] == _UNTOUCHED).all(), (rows, n)


@pytest.mark.parametrize("which", PRODUCTS)
@pytest.mark.parametrize(("rows", "n"), [(1, 5), (8, 33), (17, 12), (24, 1)])
@pytest.mark.parametrize("transposed", [False, True])
def test_of_any_steps_it_is_the_product_and_what_lies_between_rows_stays(which, rows, n, transposed):
    generator = np.random.default_rng(1)
    a, b = _whole(generator, rows, n), _whole(generator, n, COLUMNS)
    a_row, a_k = (1, rows + 2) if transposed else (n + 5, 1)
    start = np.zeros((rows, COLUMNS), np.float32)
    for b_k, c_row in ((COLUMNS, COLUMNS + 1), (COLUMNS + 7, 129)):
        found = _run(PRODUCTS[which], a, b, start, False, a_row=a_row, a_k=a_k, b_k=b_k, c_row=c_row, at=9)
        tile = 9 + np.arange(rows)[:, None] * c_row + np.arange(COLUMNS)
        assert np.array_equal(found[tile], a @ b)
        beside = np.ones(len(found), bool)
        beside[tile] = False
        assert (found[beside] == _UNTOUCHED).all()


def test_a_sum_has_the_same_bits_in_a_tile_of_any_number_of_rows():
    generator = np.random.default_rng(2)
    a, b = (generator.standard_normal(shape).astype(np.float32) for shape in ((17, 57), (57, COLUMNS)))
    zeros = np.zeros((17, COLUMNS), np.float32)
    steps = {"a_row": 57, "a_k": 1, "b_k": COLUMNS, "c_row": COLUMNS, "at": 0}
    whole = _run(PRODUCTS["reading"], a, b, zeros, False, **steps)[: 17 * COLUMNS].reshape(17, COLUMNS)
    assert np.allclose(whole, a.astype(float) @ b.astype(float), atol=1e-5)
    for which in PRODUCTS:
        for first, last in ((0, 1), (3, 12), (9, 17), (1, 16)):
            part = _run(PRODUCTS[which], a[first:last], b, zeros, False, **steps)
            assert np.array_equal(part[: (last - first) * COLUMNS].reshape(-1, COLUMNS), whole[first:last])


def test_terms_are_added_one_after_the_other():
    """2^24 + 1 + 1 - 2^24 is 0 in float32 from left to right, 2 or 1 in other orders."""
    a, b = np.array([[2.0**24, 1.0, 1.0, -(2.0**24)]], np.float32), np.ones((4, COLUMNS), np.float32)
    for rows in (1, 8):
        start = np.zeros((rows, COLUMNS), np.float32)
        found = _run(
            PRODUCTS["reading"], np.repeat(a, rows, 0), b, start, False, a_row=4, a_k=1, b_k=32, c_row=32, at=0
        )
        assert (found[: rows * COLUMNS] == 0.0).all()


def test_what_is_no_number_stays_in_its_row_and_column():
    generator = np.random.default_rng(3)
    a, b, start = _whole(generator, 9, 5), _whole(generator, 5, COLUMNS), np.zeros((9, COLUMNS), np.float32)
    a[a == 0], b[b == 0] = 1.0, 1.0
    a[2, 3], b[1, 17], b[4, 30] = np.nan, np.nan, np.inf
    found = _run(PRODUCTS["reading"], a, b, start, False, a_row=5, a_k=1, b_k=32, c_row=32, at=0)[: 9 * COLUMNS]
    lost = np.isnan(found.reshape(9, COLUMNS))
    assert lost[2].all() and lost[:, 17].all() and lost.sum() == COLUMNS + 9 - 1
    assert np.isinf(np.delete(found.reshape(9, COLUMNS)[:, 30], 2)).all()
