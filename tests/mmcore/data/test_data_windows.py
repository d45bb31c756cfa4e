"""Windows: every step lands where its time says, tails are dropped, what a recording knows its windows know."""

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.data.windows import cut_windows
from mmcore.errors import InputError


def clock(seconds, rate):
    """A recording whose value is the time of its step."""
    return (np.arange(int(seconds * rate)) / rate)[:, None]


def recordings(**options):
    lengths = [10.0, 4.9, 7.3]
    modalities = {
        "fast": [clock(s, 50.0) for s in lengths],
        "slow": [clock(s, 12.5) for s in lengths],
        "profile": np.array([[1.0], [2.0], [3.0]]),
    }
    options = {
        "rates": {"fast": 50.0, "slow": 12.5},
        "labels": ["x", "y", "x"],
        "sample_ids": ["r", "s", "t"],
    } | options
    return from_arrays(modalities, **options)


def test_windows_are_consecutive_and_the_tail_is_dropped():
    windows = cut_windows(recordings(), seconds=2.0)
    assert windows.samples["sample_id"].tolist() == [f"r-{i}" for i in range(5)] + ["s-0", "s-1"] + [
        f"t-{i}" for i in range(3)
    ]
    assert windows["fast"].shape == (10, 100, 1)
    assert windows["slow"].shape == (10, 25, 1)
    np.testing.assert_allclose(windows["fast"][:5, :, 0].ravel(), clock(10.0, 50.0)[:, 0])
    np.testing.assert_allclose(windows["fast"][:, 0, 0], windows["slow"][:, 0, 0])
    assert windows["profile"][:, 0].tolist() == [1.0] * 5 + [2.0] * 2 + [3.0] * 3
    assert windows.labels().tolist() == [0] * 5 + [1] * 2 + [0] * 3
    assert not windows.spec.modality("fast").ragged
    assert windows.spec.modality("slow").rate == 12.5


def test_what_is_known_of_a_recording_is_carried():
    ds = recordings(groups=["p", "q", "p"], folds=[0, 1, 0], split=["train", "test", "train"])
    windows = cut_windows(ds, seconds=2.0)
    assert set(windows.groups[[0, 5, 9]]) == {"p", "q"}
    assert windows.groups.tolist() == ["p"] * 5 + ["q"] * 2 + ["p"] * 3
    assert windows.folds.tolist() == [0] * 5 + [1] * 2 + [0] * 3
    assert windows.rows("test").tolist() == [5, 6]


def test_the_recording_is_the_group_where_none_is_known():
    assert cut_windows(recordings(), seconds=2.0).groups.tolist() == ["r"] * 5 + ["s"] * 2 + ["t"] * 3


def test_strides_may_overlap():
    windows = cut_windows(recordings(), seconds=2.0, stride=1.0)
    starts = [round(float(v), 6) for v in windows["fast"][:, 0, 0]]
    assert starts == [*range(9), 0, 1, 2, *range(6)]


def test_rates_that_do_not_divide_stay_together_over_a_long_recording():
    ds = from_arrays(
        {"a": [clock(1000.0, 30.0)] * 3, "b": [clock(1000.0, 7.3)] * 3}, rates={"a": 30.0, "b": 7.3}, labels=[0, 1, 0]
    )
    windows = cut_windows(ds, seconds=0.7)
    assert windows["b"].shape[1] == 5
    drift = np.abs(windows["a"][:, 0, 0] - windows["b"][:, 0, 0])
    assert drift.max() <= 0.5 / 30.0 + 0.5 / 7.3 + 1e-9, "never more than half a step of each clock"
    assert len(windows) == 3 * 1428


def test_fixed_recordings_are_cut_like_ragged_ones():
    lengths = {"a": np.stack([clock(9.0, 10.0) + k for k in range(3)])}
    fixed = cut_windows(from_arrays(lengths, rates={"a": 10.0}), seconds=4.0)
    ragged = cut_windows(
        from_arrays({"a": [*lengths["a"], clock(1.0, 10.0)]}, rates={"a": 10.0}, split=["train"] * 4), seconds=4.0
    )
    np.testing.assert_array_equal(fixed["a"], ragged["a"])


def test_an_absent_modality_stays_absent_and_does_not_limit_the_rest():
    ds = from_arrays(
        {"a": [clock(4.0, 10.0)] * 3 + [None], "b": [clock(6.0, 5.0), None, clock(6.0, 5.0), None]},
        rates={"a": 10.0, "b": 5.0},
        split=["train"] * 4,
    )
    windows = cut_windows(ds, seconds=2.0)
    assert windows.presence("b").tolist() == [True, True, False, False, True, True]
    assert windows.presence("a").all()
    assert not windows["b"][2:4].any()


def test_recordings_too_short_for_a_window_are_counted():
    windows = cut_windows(recordings(), seconds=5.0)
    record = windows.spec.annotations["windows"]
    assert record == {"seconds": 5.0, "stride": 5.0, "n_recordings": 3, "n_too_short": 1}
    assert set(windows.groups) == {"r", "t"}


@pytest.mark.parametrize(
    ("ds", "options", "argument"),
    [
        (recordings(rates={"fast": 50.0}), {"seconds": 2.0}, "rate of slow"),
        (recordings(), {"seconds": 0.0}, "seconds"),
        (recordings(), {"seconds": 2.0, "stride": -1.0}, "stride"),
        (recordings(), {"seconds": 0.001}, "seconds"),
        (recordings(), {"seconds": 60.0}, "seconds"),
        (from_arrays({"a": np.ones((3, 2))}), {"seconds": 1.0}, "windows"),
        (
            from_arrays({"a": [np.ones((2, 1))] * 3}, times={"a": [[[0, 1], [1, 2]]] * 3}, rates={"a": 1.0}),
            {"seconds": 1.0},
            "times of a",
        ),
    ],
)
def test_what_cannot_be_cut_is_named(ds, options, argument):
    with pytest.raises(InputError) as error:
        cut_windows(ds, **options)
    assert error.value.argument == argument
