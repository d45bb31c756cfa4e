"""Every method on datasets: what was planted is undone, presence and clocks are respected, the record is JSON."""

import numpy as np
import pytest

from mmcore.align import METHODS, align_dataset, check_alignment
from mmcore.align.resample import delay
from mmcore.atomic import canonical_json
from mmcore.data import Ragged, from_arrays
from mmcore.errors import InputError

N = 12


def smooth(seed, n, t, d):
    noise = np.random.default_rng(seed).normal(size=(n, t + 40, d))
    kernel = np.hanning(9) / np.hanning(9).sum()
    return np.apply_along_axis(np.convolve, 1, noise, kernel, mode="same")[:, 20 : t + 20]


def dataset(modalities, **settings):
    n = len(next(iter(modalities.values())))
    kinds = dict.fromkeys(modalities, "timeseries") | settings.pop("kinds", {})
    return from_arrays(modalities, labels=[i % 2 for i in range(n)], name="my", kinds=kinds, seed=0, **settings)


def presence_without(row):
    return np.arange(N) != row


def series(a, b, **settings):
    return dataset({"a": a, "b": b, "table": np.ones((len(a), 3))}, kinds={"table": "tabular"}, **settings)


def checked(ds, **options):
    aligned, record = align_dataset(ds, **options)
    canonical_json(record)  # JSON-able, without NaN
    assert set(record["modalities"]) == set(ds.modalities) == set(aligned.modalities)
    assert record["modalities"]["table"]["operation"] == "static" if "table" in ds.modalities else True
    assert len(aligned) == len(ds)
    for name in aligned.modalities:
        absent = ~aligned.presence(name)
        assert (aligned.presence(name) <= ds.presence(name)).all()
        array = aligned[name]
        held = array.lengths[absent] if isinstance(array, Ragged) else array[absent]
        assert (held == 0).all()  # rows that are not present hold zeros
    return aligned, record["modalities"]


def test_none_passes_everything():
    ds = series(smooth(0, N, 30, 2), smooth(1, N, 20, 2))
    aligned, record = checked(ds)
    assert aligned is ds
    assert record["a"]["operation"] == "unchanged"


def test_words_with_presence_and_drop():
    words = [np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 2.0000001]])] * N
    frames = [np.column_stack([np.arange(0, 1.5, 0.5), np.arange(0.5, 2.0, 0.5)])] * N  # 0 to 1.5 s
    late = [f + 1.0 for f in frames]  # 1 to 2.5 s: nothing in the first word
    text, audio = [np.arange(6.0).reshape(3, 2)] * N, [np.array([[1.0], [3.0], [5.0]])] * N
    presence = {"video": presence_without(3), "text": presence_without(5)}
    ds = dataset(
        {"text": text, "audio": audio, "video": audio},
        kinds={"text": "text"},
        times={"text": words, "audio": frames, "video": late},
        presence=presence,
    )
    aligned, record = checked(ds, method="words", reference="text", empty="zero")
    assert aligned["audio"][0].ravel().tolist() == [2.0, 5.0]
    assert aligned["video"][0].ravel().tolist() == [0.0, 2.0]  # 1-2.5 s: frames of 1 and 3 lie within the second word
    np.testing.assert_array_equal(aligned["audio"].times_of(0), words[0][:2])
    assert not aligned.presence("audio")[5] and not aligned.presence("video")[3]
    assert record["text"] | {"detail": ""} == {
        "operation": "reference", "detail": "", "words": 33, "dropped_too_short": 11, "dropped_without_frame": 0,
        "rows_left_empty": 0,
    }  # fmt: skip
    assert record["video"]["words_without_frame"] == 10 and record["audio"]["rows_without_reference"] == 1

    dropped, record = checked(ds, method="words", reference="text", empty="drop")
    assert dropped["text"].lengths.tolist() == [1, 1, 1, 2, 1, 0] + [1] * 6  # row 3 has no video to miss a word
    assert (dropped["text"].lengths == dropped["audio"].lengths).all()
    assert record["text"]["dropped_without_frame"] == 10


def test_words_that_all_vanish_leave_the_row_absent():
    times = {"a": [np.array([[0.0, 1.0]])] * N, "b": [np.array([[5.0, 6.0]])] * N}
    ds = dataset({"a": [np.ones((1, 1))] * N, "b": [np.ones((1, 1))] * N}, times=times)
    aligned, record = checked(ds, method="words", reference="a", empty="drop")
    assert not aligned.presence("a").any() and record["a"]["rows_left_empty"] == N


def test_resampling_fixed_series_to_one_rate():
    t50, t20 = np.arange(200) / 50, np.arange(80) / 20
    phase = np.linspace(0, 3, N)[:, None]
    a = np.sin(2 * np.pi * 3 * t50 + phase)[..., None]
    b = np.sin(2 * np.pi * 3 * t20 + phase)[..., None]
    ds = series(a, b, rates={"a": 50.0, "b": 20.0}, presence={"a": presence_without(2)})
    aligned, record = checked(ds, method="resample", reference="b")
    assert aligned["a"].shape == aligned["b"].shape == (N, 80, 1)
    assert aligned.spec.modality("a").rate == 20.0
    rows = aligned.presence("a")
    assert np.abs(aligned["a"] - b)[rows][:, 8:-8].max() < 1e-2
    np.testing.assert_array_equal(aligned["b"], b)
    assert record["a"]["interpolation"] == {"band_limited": N - 1}


def test_resampling_ragged_series_that_start_apart():
    def tone(instants):
        return np.sin(2 * np.pi * 2 * instants)[:, None]

    grid_a = [0.1 * i + np.arange(150) / 50 for i in range(N)]
    grid_b = [0.1 * i + 0.333 + np.arange(120) / 40 for i in range(N)]
    times = {
        "a": [np.column_stack([g, g + 1 / 50]) for g in grid_a],
        "b": [np.column_stack([g, g + 1 / 40]) for g in grid_b],
    }
    ds = dataset({"a": [tone(g) for g in grid_a], "b": [tone(g) for g in grid_b]}, times=times)
    aligned, _ = checked(ds, method="resample", rate=25.0)
    for i in range(N):
        clock = aligned["a"].times_of(i)[:, 0]
        np.testing.assert_array_equal(aligned["b"].times_of(i)[:, 0], clock)
        assert clock[0] == pytest.approx(0.1 * i + 0.333) and len(clock) == 66  # 3 s - 0.333 s at 25 Hz
        for name in ("a", "b"):
            assert np.abs(aligned[name][i] - tone(clock))[6:-6].max() < 1e-2


def test_uneven_stamps_are_interpolated_and_not_band_limited():
    rng = np.random.default_rng(0)
    stamps = [np.sort(rng.uniform(0, 2, 60)) for _ in range(N)]
    times = {
        "a": [np.column_stack([s, s + 0.01]) for s in stamps],
        "b": [np.column_stack([np.arange(40) / 20] * 2)] * N,
    }
    times["b"] = [t + np.array([0.0, 0.05]) for t in times["b"]]
    line = [2.0 * s[:, None] + 1.0 for s in stamps]
    ds = dataset({"a": line, "b": [np.ones((40, 1))] * N}, times=times, rates={"b": 20.0})
    aligned, record = checked(ds, method="resample", reference="b")
    clock = aligned["a"].times_of(0)[:, 0]
    np.testing.assert_allclose(aligned["a"][0][:, 0], 2.0 * clock + 1.0, atol=1e-9)
    assert record["a"]["interpolation"] == {"linear": N}
    to_stamps, _ = checked(ds, method="resample", reference="a")
    np.testing.assert_allclose(to_stamps["b"][0], 1.0)
    assert np.isin(to_stamps["a"].times_of(0)[:, 0], stamps[0]).all()
    with pytest.raises(InputError) as error:
        align_dataset(ds, method="resample", reference="b", interpolation="band_limited")
    assert error.value.argument == "interpolation"


@pytest.mark.parametrize("scope", ["sample", "group", "dataset"])
def test_lag_is_removed(scope):
    a = smooth(2, N, 140, 2)
    lags = {"sample": np.arange(N) % 5 - 2.0, "group": np.repeat([3.0, -2.5, 0.0], 4), "dataset": np.full(N, 4.25)}[
        scope
    ]
    b = np.stack([delay(row, lag) for row, lag in zip(a, lags, strict=True)])
    # a shared lag is estimated on train rows; their split would cut a group in two
    groups = None if scope == "dataset" else np.repeat(["x", "y", "z"], 4)
    ds = series(
        a[:, 20:-20], b[:, 20:-20], rates={"a": 50.0, "b": 50.0}, groups=groups, presence={"b": presence_without(1)},
        split=np.array(["train"] * 8 + ["valid"] * 2 + ["test"] * 2) if scope == "dataset" else None,
    )  # fmt: skip
    aligned, record = checked(ds, method="lag", reference="a", scope=scope, max_lag=0.3)
    assert record["b"]["status"] == "found" and record["b"]["refused"] == 0
    present = [i for i in range(N) if i != 1]
    assert record["b"]["lag"]["max"] * 50 == pytest.approx(lags[present].max(), abs=0.05)
    assert record["b"]["lag"]["min"] * 50 == pytest.approx(lags[present].min(), abs=0.05)
    assert aligned["a"].shape == aligned["b"].shape and aligned["a"].shape[1] < 100
    assert np.abs(aligned["a"] - aligned["b"])[present][:, 8:-8].max() < 0.02
    assert not aligned.presence("b")[1] and aligned.presence("a").all()


def test_a_shared_lag_comes_from_train_rows():
    a = smooth(14, N, 140, 2)
    split = np.array(["train"] * 4 + ["valid"] * 4 + ["test"] * 4)
    b = np.stack([delay(row, 3.0 if part == "train" else 9.0) for row, part in zip(a, split, strict=True)])
    ds = series(a[:, 20:-20], b[:, 20:-20], rates={"a": 50.0, "b": 50.0}, split=split)
    _, record = checked(ds, method="lag", reference="a", max_lag=0.3)
    assert record["b"]["lag"]["max"] * 50 == pytest.approx(3.0, abs=0.05)


def test_lag_of_ragged_series_keeps_the_reference_instants():
    a = [smooth(i, 1, 90 + i, 1)[0] for i in range(N)]
    b = [np.vstack([np.zeros((3, 1)), row])[: len(row)] for row in a]
    times = [np.column_stack([np.arange(len(row)) / 10 + 5.0, np.arange(len(row)) / 10 + 5.1]) for row in a]
    ds = dataset({"a": a, "b": b}, times={"a": times, "b": times}, rates={"a": 10.0, "b": 10.0})
    aligned, _ = checked(ds, method="lag", reference="a", scope="dataset", subsample=False)
    for i in range(N):
        np.testing.assert_allclose(aligned["b"][i], a[i][: len(a[i]) - 3], atol=1e-12)
        np.testing.assert_allclose(aligned["b"].times_of(i), aligned["a"].times_of(i), atol=1e-9)


def test_unrelated_series_are_not_moved():
    a, b = smooth(5, N, 100, 1), smooth(6, N, 100, 1)
    ds = series(a, b, rates={"a": 50.0, "b": 50.0})
    aligned, record = checked(ds, method="lag", reference="a", max_lag=0.4)
    assert record["b"]["status"] == "refused" and record["b"]["reasons"]
    np.testing.assert_array_equal(aligned["b"], b)


def test_warping_undoes_a_warp_and_takes_the_reference_clock():
    u = np.linspace(0, 1, 60)
    rng = np.random.default_rng(7)
    powers = rng.uniform(0.7, 1.4, N)
    shape = rng.normal(size=(N, 3))
    signal = lambda s, k: np.column_stack([np.sin(5 * s + shape[k, 0]), np.cos(7 * s + shape[k, 1])])  # noqa: E731
    a = np.stack([signal(u, k) for k in range(N)])
    b = np.stack([signal(np.linspace(0, 1, 80) ** powers[k], k) for k in range(N)])
    ds = series(a, b, rates={"a": 30.0, "b": 40.0}, presence={"a": presence_without(4)})
    aligned, record = checked(ds, method="warping", reference="a", features="raw", band=0.3)
    assert aligned["b"].shape == (N, 60, 2) and aligned.spec.modality("b").rate == 30.0
    assert np.abs(aligned["b"] - a)[presence_without(4)].max() < 0.1
    assert not aligned.presence("b")[4] and record["b"]["rows_without_reference"] == 1


@pytest.mark.parametrize("method", ["transport", "soft"])
def test_shuffled_steps_are_put_back(method):
    rng = np.random.default_rng(8)
    a = rng.normal(size=(N, 25, 3))
    b = np.stack([row[rng.permutation(25)] for row in a]).astype(np.float32)
    options = {"temperature": 1e-4} if method == "soft" else {}
    aligned, record = checked(series(a, b), method=method, reference="a", **options)
    np.testing.assert_allclose(aligned["b"], a, atol=1e-5)
    assert aligned["b"].dtype == np.float32 and record["b"]["rows"] == N


def test_ragged_steps_take_the_reference_times():
    rng = np.random.default_rng(9)
    a = [rng.normal(size=(5 + i, 2)) for i in range(N)]
    b = [np.repeat(row, 2, axis=0) for row in a]
    times = [np.column_stack([np.arange(len(row)), np.arange(len(row)) + 1.0]) for row in a]
    b[2] = np.zeros((0, 2))
    ds = dataset({"a": a, "b": b}, times={"a": times})
    aligned, _ = checked(ds, method="warping", reference="a", features="raw")
    assert not aligned.presence("b")[2]
    for i in (0, 1, 11):
        np.testing.assert_allclose(aligned["b"][i], a[i])
        np.testing.assert_array_equal(aligned["b"].times_of(i), times[i])


def test_rows_are_matched_within_their_part():
    rng = np.random.default_rng(10)
    a = rng.normal(size=(40, 3))
    split = np.array(["train"] * 20 + ["valid"] * 10 + ["test"] * 10)
    order = np.concatenate([rng.permutation(20), 20 + rng.permutation(10), 30 + rng.permutation(10)])
    ds = dataset({"a": a, "b": a[order] * 4.0 + 1.0}, kinds={"a": "tabular", "b": "tabular"}, split=split)
    aligned, record = checked(ds, method="transport", reference="a", over="rows")
    np.testing.assert_allclose(aligned["b"], a * 4.0 + 1.0, atol=1e-9)
    assert record["b"]["rows"] == 40


def test_stopping_early_is_an_error():
    rng = np.random.default_rng(11)
    ds = series(rng.normal(size=(N, 20, 2)), rng.normal(size=(N, 20, 2)))
    with pytest.raises(InputError) as error:
        align_dataset(ds, method="transport", reference="a", solver="sinkhorn", regularisation=1e-3, max_iterations=2)
    assert error.value.argument == "max_iterations"


def test_correlation_is_fitted_on_train_rows_only():
    rng = np.random.default_rng(12)
    z = rng.normal(size=(300, 1))
    views = {"a": np.hstack([z, rng.normal(size=(300, 2))]), "b": np.hstack([rng.normal(size=(300, 1)), -3 * z])}
    views["b"] += 0.1 * rng.normal(size=(300, 2))
    split = np.array(["train"] * 200 + ["valid"] * 50 + ["test"] * 50)
    presence = {"b": np.arange(300) % 7 != 0}
    kinds = {"a": "tabular", "b": "embedding"}
    ds = dataset(views, kinds=kinds, split=split, presence=presence)
    aligned, record = checked(ds, method="correlation", reference="a", components=1)
    assert aligned["a"].shape == aligned["b"].shape == (300, 1)
    new = np.arange(300) >= 200
    both = new & presence["b"]
    assert np.corrcoef(aligned["a"][both, 0], aligned["b"][both, 0])[0, 1] > 0.99
    assert record["a"]["correlations"][0] > 0.99
    views["a"] = np.where(new[:, None], 1e6, views["a"])
    other = align_dataset(
        dataset(views, kinds=kinds, split=split, presence=presence), method="correlation", reference="a"
    )
    np.testing.assert_array_equal(other[1]["modalities"]["a"]["correlations"][:1], record["a"]["correlations"])


def test_correlation_over_steps():
    a = smooth(13, N, 50, 2)
    ds = series(a, a @ np.array([[1.0, 0.5], [0.0, 2.0]]), rates={"a": 5.0, "b": 5.0})
    aligned, record = checked(ds, method="correlation", reference="a", modality="b", over="steps", ridge=0.0)
    np.testing.assert_allclose(aligned["a"], aligned["b"], atol=1e-8)
    np.testing.assert_allclose(record["a"]["correlations"], 1.0)
    assert aligned.spec.modality("a").rate == 5.0


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"method": "wordz"}, "method"),
        ({"method": "soft"}, "reference"),
        ({"method": "soft", "reference": "c"}, "reference"),
        ({"method": "soft", "reference": "table"}, "reference"),
        ({"method": "soft", "reference": "a", "temperatur": 0.1}, "temperatur"),
        ({"method": "soft", "reference": "a", "temperature": "warm"}, "temperature"),
        ({"method": "words", "reference": "a", "reduce": "meen"}, "reduce"),
        ({"method": "words", "reference": "a"}, "clock of a"),
        ({"method": "resample"}, "reference"),
        ({"method": "lag", "reference": "a", "scope": "group", "max_lag": 3}, "scope"),
        ({"method": "transport", "reference": "a", "max_iterations": 1.5}, "max_iterations"),
        ({"method": "correlation", "reference": "a"}, "modality"),
    ],
)
def test_bad_options(options, argument):
    with pytest.raises(InputError) as error:
        align_dataset(series(smooth(0, N, 30, 2), smooth(1, N, 30, 2)), **options)
    assert error.value.argument == argument
    assert error.value.remedy


@pytest.mark.parametrize("method", ["words", "resample", "lag", "warping", "transport", "soft"])
def test_static_data_are_refused_by_methods_on_time(method):
    ds = dataset({"a": np.eye(N), "b": np.eye(N)}, kinds={"a": "tabular", "b": "embedding"})
    with pytest.raises(InputError) as error:
        align_dataset(ds, method=method, reference="a")
    assert "'none'" in error.value.remedy or "time axis" in error.value.allowed


def test_other_clocks_are_refused_by_lag():
    ds = series(smooth(0, N, 60, 1), smooth(1, N, 60, 1), rates={"a": 50.0, "b": 20.0})
    with pytest.raises(InputError) as error:
        align_dataset(ds, method="lag", reference="a")
    assert error.value.argument == "rate" and "resample" in error.value.remedy


def test_all_problems_of_a_block_at_once():
    block = {"method": "lag", "reference": "c", "scope": "samples", "alfa": 0.1, "subsample": 1}
    problems = check_alignment(block, ("a", "b"))
    assert [p.argument for p in problems] == ["reference", "scope", "alfa", "subsample"]
    assert "'sample'" in problems[1].remedy and "'alpha'" in problems[2].remedy
    assert check_alignment({}) == []


def test_the_table_is_whole():
    assert [m.name for m in METHODS] == [
        "none", "words", "resample", "lag", "warping", "transport", "correlation", "soft"
    ]  # fmt: skip
    for method in METHODS:
        assert method.summary
        for name, option in method.options.items():
            kind, default, text = option
            assert text and (default is None or isinstance(default, kind))
            assert default in method.choices.get(name, [default])
