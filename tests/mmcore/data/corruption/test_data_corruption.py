"""Corruptions: identity, nesting, independence of other samples, expected rates and strengths, and the old traps."""

import itertools

import numpy as np
import pytest

from mmcore.data import Ragged, from_arrays, load_dataset, save_dataset
from mmcore.data.corruption import CORRUPTIONS, DEFAULTS, corrupt, fit_statistics, form_of
from mmcore.data.corruption.image import light_gains
from mmcore.errors import InputError

LEVELS = (0.1, 0.3, 0.6, 1.0)
WORDS = "Several people noticed interesting differences between yesterday and today's measurements, 100% certainly!"


def rng(seed=0):
    return np.random.default_rng(seed)


def dataset(form="timeseries", n=12, seed=0, dtype=np.float32, **kw):
    draw, labels = rng(seed), np.arange(n) % 2
    split = ["train"] * (n - 4) + ["test"] * 4
    arrays = {
        "timeseries": lambda: draw.normal(3.0, 2.0, (n, 20, 3)).astype(dtype),
        "ragged": lambda: [draw.normal(3.0, 2.0, (5 + i, 3)).astype(dtype) for i in range(n)],
        "tabular": lambda: draw.normal(3.0, 2.0, (n, 6)).astype(dtype),
        "embedding": lambda: draw.normal(3.0, 2.0, (n, 6)).astype(dtype),
        "image": lambda: draw.integers(20, 230, (n, 10, 12, 3)).astype(np.uint8),
        "audio": lambda: [draw.normal(0, 1000, (200 + i, 1)).astype(np.int16) for i in range(n)],
        "tokens": lambda: draw.integers(1, 50, (n, 15)),
        "raw_text": lambda: [WORDS] * n,
        "set": lambda: [draw.normal(3.0, 2.0, (5 + i, 3)).astype(dtype) for i in range(n)],
    }
    kinds = {"ragged": "timeseries", "tokens": "text", "raw_text": "text"}
    values = arrays[form]() if "values" not in kw else kw["values"]
    return from_arrays({"x": values}, labels=labels, split=split, kinds={"x": kinds.get(form, form)},
                       presence=kw.get("presence"), name="my")  # fmt: skip


def values_of(ds):
    return ds["x"].values if isinstance(ds["x"], Ragged) else ds["x"]


FORMS = ("timeseries", "ragged", "tabular", "embedding", "image", "audio", "tokens", "raw_text", "set")
PAIRS = [
    (form, c.name)
    for form in FORMS
    for c in CORRUPTIONS
    if (form if form != "ragged" else "timeseries") in c.forms
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_level_zero_returns_the_very_data(form):
    ds = dataset(form)
    assert values_of(corrupt(ds, "x", 0.0, seed=1)) is values_of(ds)


@pytest.mark.parametrize(("form", "method"), [*PAIRS, *((form, None) for form in FORMS)])
def test_noise_keeps_everything_but_values_and_repeats_byte_for_byte(form, method):
    ds = dataset(form)
    first, again = (corrupt(ds, "x", 0.6, seed=5, method=method) for _ in range(2))
    assert values_of(first).tobytes() == values_of(again).tobytes()
    assert first.spec == ds.spec and first.samples.equals(ds.samples)
    other = corrupt(ds, "x", 0.6, seed=6, method=method)
    assert values_of(other).tobytes() != values_of(first).tobytes()
    assert values_of(first).tobytes() != values_of(ds).tobytes()


@pytest.mark.parametrize(("form", "method"), [*PAIRS, *((form, None) for form in FORMS)])
def test_a_sample_takes_the_same_noise_in_any_company(form, method):
    ds = dataset(form)
    statistics = fit_statistics(ds, "x")
    whole = corrupt(ds, "x", 0.6, seed=5, method=method, statistics=statistics)
    order = np.array([9, 2, 11])
    few = corrupt(ds.select(order), "x", 0.6, seed=5, method=method, statistics=statistics)
    for place, row in enumerate(order):
        assert np.array_equal(few["x"][place], whole["x"][row])


@pytest.mark.parametrize("method", ["drop_entries", "drop_steps", "structured_dropout"])
@pytest.mark.parametrize("form", ["timeseries", "ragged", "audio"])
def test_what_is_dropped_at_a_level_is_dropped_at_every_higher_one(form, method):
    ds = dataset(form, dtype=np.float32)
    gone = [values_of(corrupt(ds, "x", level, seed=3, method=method)) == 0 for level in LEVELS]
    assert all((a <= b).all() for a, b in itertools.pairwise(gone))
    assert gone[0].sum() < gone[-2].sum() and gone[-1].all()


def test_gaussian_is_one_draw_scaled_by_level_and_by_each_feature_s_spread():
    base = rng().normal(size=(60, 50, 2)) * np.array([1e-3, 1e4]) + np.array([5.0, -7.0])
    ds = from_arrays({"x": base}, labels=np.arange(60) % 2, split=["train"] * 60)
    low, high = (np.asarray(corrupt(ds, "x", level, seed=0, method="gaussian")["x"]) - base for level in (0.25, 1.0))
    np.testing.assert_allclose(high, 4 * low, rtol=1e-6, atol=1e-12)
    spread = base.reshape(-1, 2).std(axis=0)
    # 3000 normals a feature: the standard error of their deviation is 1 / sqrt(6000) = 1.3 %
    assert (high.reshape(-1, 2).std(axis=0) / spread) == pytest.approx([1, 1], abs=0.06)


def test_noise_differs_between_steps_and_features_and_no_whole_sample_is_lost():
    # the toolkit's trap: one scalar a sample, and whole samples dropped
    ds = dataset("timeseries", n=40)
    added = np.asarray(corrupt(ds, "x", 0.5, seed=0, method="gaussian")["x"] - ds["x"])
    assert len(np.unique(added[0].round(6))) == added[0].size
    dropped = np.asarray(corrupt(ds, "x", 0.3, seed=0, method="drop_entries")["x"]) == 0
    assert dropped.mean(axis=(1, 2)).min() > 0 and dropped.mean(axis=(1, 2)).max() < 1


@pytest.mark.parametrize("method", ["drop_entries", "drop_steps", "structured_dropout"])
def test_the_expected_share_dropped_is_the_level(method):
    ds = dataset("timeseries", values=np.ones((200, 500, 2), np.float32), n=200)
    share = 1 - corrupt(ds, "x", 0.3, seed=0, method=method)["x"].mean()
    # the fewest independent draws: 200 samples of 50 blocks, standard error sqrt(.21 / 10000) = .0046
    assert share == pytest.approx(0.3, abs=0.02)


def test_dropped_steps_go_whole_and_together_in_aligned_modalities():
    both = {m: np.ones((30, 40, d), np.float32) for m, d in (("a", 2), ("b", 5))}
    ds = from_arrays(both, labels=np.arange(30) % 2, split=["train"] * 30)
    a, b = (corrupt(ds, m, 0.4, seed=0, method="drop_steps")[m] for m in ("a", "b"))
    assert np.array_equal(a.max(axis=2), a.min(axis=2)) and np.array_equal(a[..., 0], b[..., 0])
    a, b = (corrupt(ds, m, 0.4, seed=0, method="drop_entries")[m] for m in ("a", "b"))
    assert not np.array_equal(a[..., 0], b[..., 0])


def test_swap_exchanges_and_invents_nothing():
    ds = dataset("tabular", values=np.tile(np.arange(1.0, 8.0), (50, 1)), n=50)
    for level in LEVELS:
        out = corrupt(ds, "x", level, seed=0, method="swap_neighbours")["x"]
        assert np.array_equal(np.sort(out, axis=1), np.asarray(ds["x"]))
        assert np.abs(out - ds["x"]).max() <= 1
    moved = (out != ds["x"]).sum(axis=1)
    assert (moved == 6).all()  # level 1: three disjoint pairs of seven columns
    assert {tuple(row) for row in out.tolist()} == {(2, 1, 4, 3, 6, 5, 7), (1, 3, 2, 5, 4, 7, 6)}


def test_values_of_other_rows_come_from_the_same_column_of_training_rows():
    values = np.arange(12.0)[:, None] + 100 * np.arange(4)
    out = corrupt(dataset("tabular", values=values), "x", 1.0, seed=0, method="swap_rows")["x"]
    assert ((out // 100) == np.arange(4)).all() and (out % 100).max() <= 7  # eight training rows


def test_a_donor_without_a_value_gives_none():
    values = np.arange(24.0).reshape(12, 2)
    values[:7, 0] = np.nan  # of the eight training rows one has the first column
    out = corrupt(dataset("tabular", values=values), "x", 1.0, seed=0, method="swap_rows")["x"]
    assert np.isnan(out[:7, 0]).all() and np.isfinite(out[7:]).all() and set(out[8:, 0]) <= {14.0, *values[8:, 0]}
    assert set(out[:, 1]) <= set(values[:8, 1])


def test_each_part_of_the_image_default_happens_with_the_level_s_probability():
    ds = dataset("image", values=rng().integers(50, 200, (400, 8, 8, 1)).astype(np.uint8), n=400)
    untouched = (np.asarray(corrupt(ds, "x", 0.1, seed=0)["x"]) == ds["x"]).all(axis=(1, 2, 3)).mean()
    # seven parts at .1; salt and pepper itself leaves an image of 64 pixels untouched with probability .9^64 = .001
    assert untouched == pytest.approx(0.9**7, abs=0.1)  # standard error .025


@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
def test_white_noise_has_the_stated_ratio_of_signal_to_noise(level):
    loud = [np.sin(np.arange(20000) / 7)[:, None] * a for a in (1.0, 1000.0)]
    ds = from_arrays({"x": loud + loud}, labels=[0, 1, 0, 1], split=["train"] * 4, kinds={"x": "audio"})
    out = corrupt(ds, "x", level, seed=0, method="white_noise")
    for i in range(2):
        noise = out["x"][i] - ds["x"][i]
        decibels = 10 * np.log10((ds["x"][i] ** 2).mean() / (noise**2).mean())
        assert decibels == pytest.approx(-20 * np.log10(level), abs=0.15)


def test_sounds_are_noisy_or_untouched_but_never_silenced_by_white_noise():
    ds = dataset("audio")
    out = corrupt(ds, "x", 0.2, seed=0, method="white_noise", rows=np.array([3]))
    for i in range(len(ds)):
        assert np.array_equal(out["x"][i], ds["x"][i]) == (i != 3)


def test_unsigned_sound_is_silent_at_its_middle():
    ds = dataset("audio", values=[np.full((50, 1), 200, np.uint8)] * 12)
    assert (np.asarray(values_of(corrupt(ds, "x", 1.0, seed=0, method="drop_entries"))) == 128).all()


def test_salt_is_the_largest_value_and_halves_are_even():
    ds = dataset("image", values=np.full((12, 60, 60, 3), 100, np.uint8))
    out = np.asarray(corrupt(ds, "x", 0.4, seed=0, method="salt_and_pepper")["x"])
    assert set(np.unique(out)) == {0, 100, 255}
    assert (out.min(axis=3) == out.max(axis=3)).all()  # a pixel in all its channels
    # 43200 pixels: standard error of a share of .2 is .0019
    assert (out == 255).mean() == pytest.approx(0.2, abs=0.01) and (out == 0).mean() == pytest.approx(0.2, abs=0.01)
    higher = np.asarray(corrupt(ds, "x", 0.8, seed=0, method="salt_and_pepper")["x"])
    assert (higher[out != 100] == out[out != 100]).all()


def test_colour_operations_have_their_closed_forms():
    ds = dataset("image")
    x = np.asarray(ds["x"], dtype=float)
    luma = x @ np.array([0.299, 0.587, 0.114])
    at_one = {m: np.asarray(corrupt(ds, "x", 1.0, seed=0, method=m)["x"], dtype=float) for m in
              ("grayscale", "invert", "contrast", "flip", "white_balance")}  # fmt: skip
    assert np.abs(at_one["grayscale"] - luma[..., None]).max() <= 0.5 + 1e-9
    assert np.array_equal(at_one["invert"], 255 - x)
    middle = luma.mean(axis=(1, 2))[:, None, None, None]
    assert np.abs(at_one["contrast"] - (middle + x) / 2).max() <= 0.5 + 1e-9
    assert np.array_equal(at_one["flip"], x[:, :, ::-1])
    assert (at_one["white_balance"] <= x + 0.5).all()  # the largest gain is 1
    assert light_gains(6500.0) == pytest.approx([1, 1, 1])
    # Wien's limit of Planck's law, good to 1e-3 below 3000 K: log of the ratio of gains is linear in 1 / T
    red, _, blue = light_gains(2000.0)
    slope = 0.01438776877 * (1 / 450e-9 - 1 / 600e-9)
    assert np.log(red / blue) == pytest.approx(slope * (1 / 2000 - 1 / 6500), rel=0.01)


def test_geometry_keeps_a_flat_image_and_tells_height_from_width():
    flat = dataset("image", values=np.full((12, 8, 20, 3), 90, np.uint8))
    assert (np.asarray(corrupt(flat, "x", 1.0, seed=0, method="crop_resize")["x"]) == 90).all()
    rows = np.broadcast_to(np.arange(8)[:, None, None] * 10, (12, 8, 20, 3)).astype(np.uint8)
    out = np.asarray(corrupt(dataset("image", values=rows), "x", 1.0, seed=0, method="crop_resize")["x"])
    assert (out == out[:, :, :1]).all() and (np.diff(out[:, :, 0, 0].astype(int), axis=1) >= 0).all()
    assert not np.array_equal(out, rows)
    turned = np.asarray(corrupt(flat, "x", 1.0, seed=0, method="rotate")["x"])
    assert (turned[:, 4, 10] == 90).all() and (turned[:, 0, 0] < 90).any()


def test_an_image_operation_done_at_a_level_is_done_at_higher_ones():
    ds = dataset("image", n=60)
    for method in ("invert", "contrast", "flip", "tint", "rotate"):
        done = []
        for level in (0.2, 0.5, 1.0):
            out = np.asarray(corrupt(ds, "x", level, seed=0, method=method)["x"])
            done.append((out != ds["x"]).any(axis=(1, 2, 3)))
        assert (done[0] <= done[1]).all() and done[2].all() and 0 < done[0].sum() < done[1].sum() < 60


def test_only_long_words_are_mistyped_and_all_of_them_at_level_one():
    ds = dataset("raw_text")
    for method in (None, "adjacent_swap", "shuffle_inside", "qwerty", "repeat", "omit"):
        out = corrupt(ds, "x", 1.0, seed=0, method=method)["x"][0]
        for before, after in zip(WORDS.split(), out.split(), strict=True):
            letters = "".join(c for c in before if c.isalpha())
            long = len(letters.removesuffix("s") if "'" in before else letters) >= 5
            assert (before != after) == long, (before, after)
            assert before[0] == after[0]
    assert "100%" in out and out.endswith("!")


def test_typing_errors_are_nested_and_as_frequent_as_the_level():
    text = " ".join(["measurement"] * 4000)
    ds = dataset("raw_text", values=[text] * 12)
    words = [np.array(corrupt(ds, "x", level, seed=0, rows=np.array([0]))["x"][0].split()) for level in LEVELS]
    changed = [w != "measurement" for w in words]
    for low, high, a, b in zip(words, words[1:], changed, changed[1:], strict=False):
        assert (a <= b).all() and (low[a] == high[a]).all()
    # standard error sqrt(.25 / 4000) = .008
    assert [c.mean() for c in changed] == pytest.approx(LEVELS, abs=0.03)


def test_tokens_are_replaced_by_training_frequencies_and_padding_stays():
    values = np.full((12, 3000), 7)
    values[:8, :750], values[:, 2900:] = 9, 0
    out = corrupt(dataset("tokens", values=values), "x", 1.0, seed=0, method="replace_tokens")["x"]
    assert (out[:, 2900:] == 0).all() and set(np.unique(out[:, :2900])) == {7, 9}
    assert (out[11, :2900] == 9).mean() == pytest.approx(750 / 2900, abs=0.04)


def test_missing_numbers_and_absent_rows_stay_as_they_are():
    values = rng().normal(size=(12, 6))
    values[2, 3] = np.nan
    present = np.arange(12) != 5
    ds = dataset("tabular", values=values, presence={"x": present})
    for method in (None, "gaussian", "drop_entries", "swap_rows"):
        out = corrupt(ds, "x", 1.0, seed=0, method=method)
        assert np.isnan(out["x"]).sum() == 1 and (out["x"][5] == 0).all()
        assert np.array_equal(out.presence("x"), present)


def test_statistics_are_of_training_rows_only_and_equal_numpy_s():
    values = rng().normal(size=(12, 6)) * 10 ** np.arange(6) + 50
    values[8:] = 1e9
    values[1, 2] = np.nan
    found = fit_statistics(dataset("tabular", values=values), "x")
    assert found.mean == pytest.approx(np.nanmean(values[:8], axis=0))
    assert found.std == pytest.approx(np.nanstd(values[:8], axis=0))
    assert found.high == pytest.approx(np.nanmax(values[:8], axis=0))


def test_pieces_give_the_moments_of_the_whole(monkeypatch):
    values = rng().normal(size=(200, 6)) + 1e6
    ds = from_arrays({"x": values}, labels=np.arange(200) % 2, split=["train"] * 200)
    monkeypatch.setattr("mmcore.data.corruption.statistics.CHUNK_NUMBERS", 50)
    assert fit_statistics(ds, "x").std == pytest.approx(values.std(axis=0), rel=1e-9)


def test_a_mapped_dataset_is_written_in_pieces_and_equals_the_one_in_memory(tmp_path):
    for form in ("ragged", "timeseries"):
        ds = dataset(form)
        save_dataset(ds, tmp_path / form)
        mapped = load_dataset(tmp_path / form)
        out = corrupt(mapped, "x", 0.5, seed=0, directory=tmp_path / f"noisy {form}")
        assert isinstance(values_of(out), np.memmap)
        assert np.array_equal(values_of(out), values_of(corrupt(ds, "x", 0.5, seed=0)))
        assert np.array_equal(values_of(load_dataset(tmp_path / form)), values_of(ds))
        with pytest.raises(InputError) as error:
            corrupt(mapped, "x", 0.5, seed=0, directory=tmp_path / form)
        assert error.value.argument == "directory"


def test_whole_numbers_saturate_and_floats_do_not():
    white = dataset("image", values=rng().integers(200, 256, (12, 9, 9, 1)).astype(np.uint8))
    out = np.asarray(corrupt(white, "x", 1.0, seed=0, method="gaussian")["x"])
    # x uniform on 200..255 plus N(0, 16.2^2) exceeds 254.5 with probability .399 * 16.2 / 56 = .115
    assert (out == 255).mean() == pytest.approx(0.115, abs=0.03) and out.min() > 100
    floats = dataset("image", values=np.asarray(white["x"], dtype=np.float32) / 255)
    assert np.asarray(corrupt(floats, "x", 1.0, seed=0, method="gaussian")["x"]).max() > 1.0


def test_every_default_fits_its_form():
    by_name = {c.name: c for c in CORRUPTIONS}
    assert len(by_name) == len(CORRUPTIONS)
    for form, names in DEFAULTS.items():
        assert all(form.removeprefix("colour ") in by_name[name].forms for name in names)
    assert {form_of(dataset(form), "x") for form in FORMS} == {f for f in FORMS if f != "ragged"}


@pytest.mark.parametrize(
    ("form", "change", "argument"),
    [
        ("tabular", {"level": 1.2}, "level"),
        ("tabular", {"level": -0.1}, "level"),
        ("tabular", {"level": float("nan")}, "level"),
        ("tabular", {"method": "gausian"}, "method"),
        ("tabular", {"method": "rotate"}, "method"),
        ("tabular", {"method": []}, "method"),
        ("tabular", {"modality": "y"}, "modality"),
        ("tabular", {"fill": "nan"}, "fill"),
        ("tabular", {"rows": np.array([12])}, "rows"),
        ("image", {"method": "typos"}, "method"),
    ],
)
def test_bad_input_names_the_argument(form, change, argument):
    given = {"modality": "x", "level": 0.5, "seed": 0, **change}
    with pytest.raises(InputError) as error:
        corrupt(dataset(form), given.pop("modality"), given.pop("level"), **given)
    assert error.value.argument == argument and error.value.remedy


def test_grey_images_have_no_colours_to_change():
    grey = dataset("image", values=rng().integers(0, 255, (12, 9, 9, 1)).astype(np.uint8))
    assert corrupt(grey, "x", 1.0, seed=0)["x"].shape == (12, 9, 9, 1)
    with pytest.raises(InputError):
        corrupt(grey, "x", 1.0, seed=0, method="grayscale")


def test_statistics_need_training_rows_or_are_passed():
    ds = dataset("tabular")
    test = ds.select(ds.rows("test"))
    with pytest.raises(InputError, match="statistics"):
        corrupt(test, "x", 0.5, seed=0)
    out = corrupt(test, "x", 0.5, seed=0, statistics=fit_statistics(ds, "x"))["x"]
    assert np.array_equal(out, corrupt(ds, "x", 0.5, seed=0)["x"][8:])
