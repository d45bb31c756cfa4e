"""Word alignment against an example worked by hand, every policy, and its invariances."""

import numpy as np
import pytest

from mmcore.align.words import align_words
from mmcore.errors import InputError

# frames      0-1   1-2   2-3   3-3.000004 (within the tolerance)   6-8
FRAMES = np.array([[1.0, 10.0], [3.0, 0.0], [8.0, 2.0], [100.0, 100.0], [6.0, 6.0]])
TIMES = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 3.000004], [6.0, 8.0]])
# words: two frames and a quarter; touches one at its end; too short; nothing there; half of the last frame
WORDS = np.array([[0.0, 2.25], [3.0, 4.0], [4.0, 4.000005], [4.5, 5.5], [7.0, 9.0]])


def by_hand(reduce):
    first = {
        "mean": [4.0, 4.0],  # (1 + 3 + 8) / 3, (10 + 0 + 2) / 3
        "overlap_mean": [(1 + 3 + 8 * 0.25) / 2.25, (10 + 0 + 2 * 0.25) / 2.25],
        "last": [8.0, 2.0],
        "max": [8.0, 10.0],
    }[reduce]
    return np.array([first, [0.0, 0.0], [0.0, 0.0], [6.0, 6.0]])


@pytest.mark.parametrize("reduce", ["mean", "overlap_mean", "last", "max"])
def test_reductions_by_hand(reduce):
    found = align_words(FRAMES, TIMES, WORDS, reduce=reduce)
    np.testing.assert_allclose(found.values, by_hand(reduce), rtol=1e-12)
    assert found.words.tolist() == [0, 1, 3, 4]
    assert found.too_short == 1
    assert found.covered.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(found.intervals, WORDS[[0, 1, 3, 4]])


def test_empty_policies():
    nan = align_words(FRAMES, TIMES, WORDS, empty="nan").values
    assert np.isnan(nan[1:3]).all() and np.isfinite(nan[[0, 3]]).all()
    previous = align_words(FRAMES, TIMES, WORDS, empty="previous")
    np.testing.assert_allclose(previous.values, [[4, 4], [4, 4], [4, 4], [6, 6]])
    assert previous.without_previous == 0
    dropped = align_words(FRAMES, TIMES, WORDS, empty="drop")
    assert dropped.words.tolist() == [0, 4] and dropped.dropped_empty == 2 and dropped.covered.all()


def test_previous_has_nothing_before_the_first():
    found = align_words(FRAMES[4:], TIMES[4:], WORDS, empty="previous")
    np.testing.assert_array_equal(found.values, [[0, 0], [0, 0], [0, 0], [6, 6]])
    assert found.without_previous == 3


def test_tolerance_decides_what_touches():
    frames, times, word = np.array([[5.0]]), np.array([[0.0, 1.0]]), np.array([[0.9999, 2.0]])
    assert align_words(frames, times, word, tolerance=1e-5).covered.all()
    assert not align_words(frames, times, word, tolerance=1e-3).covered.any()
    touching = np.array([[1.0, 2.0]])
    assert not align_words(frames, times, touching, tolerance=0.0).covered.any()  # open intersection


def test_order_of_frames_does_not_matter():
    order = np.array([3, 0, 4, 2, 1])
    for reduce in ("mean", "overlap_mean", "last", "max"):
        np.testing.assert_allclose(
            align_words(FRAMES[order], TIMES[order], WORDS, reduce=reduce).values,
            align_words(FRAMES, TIMES, WORDS, reduce=reduce).values,
        )


def test_shifting_the_clock_changes_nothing_but_the_times():
    moved = align_words(FRAMES, TIMES + 16.0, WORDS + 16.0, reduce="overlap_mean", tolerance=1.1e-5)
    still = align_words(FRAMES, TIMES, WORDS, reduce="overlap_mean", tolerance=1.1e-5)
    np.testing.assert_allclose(moved.values, still.values)


def test_overlap_mean_keeps_the_integral():
    rng = np.random.default_rng(0)
    edges = np.sort(rng.uniform(0, 10, 41))
    times, values = np.column_stack([edges[:-1], edges[1:]]), rng.normal(size=(40, 3))
    cuts = np.linspace(edges[0], edges[-1], 8)
    words = np.column_stack([cuts[:-1], cuts[1:]])
    found = align_words(values, times, words, reduce="overlap_mean", tolerance=0.0)
    lengths = np.diff(words)
    np.testing.assert_allclose((found.values * lengths).sum(0), (values * np.diff(times)).sum(0))


def test_a_nan_frame_stays_in_its_word():
    frames = FRAMES.copy()
    frames[0] = np.nan
    found = align_words(frames, TIMES, WORDS).values
    assert np.isnan(found[0]).all() and np.isfinite(found[3]).all()


def test_many_words_in_blocks_equal_one_by_one(monkeypatch):
    monkeypatch.setattr("mmcore.align.words._CELLS_AT_ONCE", 12)
    blocks = align_words(FRAMES, TIMES, WORDS, reduce="max").values
    np.testing.assert_array_equal(blocks, by_hand("max"))


def test_float32_stays():
    assert align_words(FRAMES.astype(np.float32), TIMES, WORDS).values.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"reduce": "meen"}, "reduce"),
        ({"empty": "fill"}, "empty"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"reference": np.array([[2.0, 1.0]])}, "reference"),
        ({"intervals": np.array([[0.0, np.nan]] * 5)}, "intervals"),
        ({"values": FRAMES[:2]}, "values"),
    ],
)
def test_bad_input(change, argument):
    call = {"values": FRAMES, "intervals": TIMES, "reference": WORDS, **change}
    with pytest.raises(InputError) as error:
        align_words(**call)
    assert error.value.argument == argument
