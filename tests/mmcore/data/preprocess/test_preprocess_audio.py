"""The mel filterbank's geometry, a sine's band and level, resampling, and the two forms of output."""

import numpy as np
import pytest

from mmcore.data.preprocess.audio import apply_audio, fit_audio, mono, resample
from mmcore.data.preprocess.contract import Rows
from mmcore.data.preprocess.kinds import options_of
from mmcore.data.preprocess.mel import band_centres, hertz_of_mel, log_mel, mel_filterbank, mel_of_hertz
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError

RATE = 8000.0


def sine(frequency, seconds=0.5, rate=RATE, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def transformed(train, rows=None, rate=RATE, **chosen):
    options = options_of({"audio": chosen}, "a", "audio")
    fitted = fit_audio(Rows("a", "audio", train, rate), options, 0)
    return apply_audio(fitted, Rows("a", "audio", train if rows is None else rows, rate), options)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_scales_invert_and_centres_are_even(scale):
    hertz = np.array([0.0, 440.0, 999.0, 1000.0, 1001.0, 3999.0])
    np.testing.assert_allclose(hertz_of_mel(mel_of_hertz(hertz, scale), scale), hertz, atol=1e-9)
    corners = mel_of_hertz(band_centres(20, 50.0, 4000.0, scale), scale)
    np.testing.assert_allclose(np.diff(corners), np.diff(corners)[0], rtol=1e-9)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_triangles_peak_at_their_centres_and_add_to_one_between_them(scale):
    size = 1 << 14
    weights = mel_filterbank(20, size, RATE, low=0.0, high=4000.0, scale=scale)
    frequencies, corners = np.fft.rfftfreq(size, 1 / RATE), band_centres(20, 0.0, 4000.0, scale)
    np.testing.assert_allclose(frequencies[weights.argmax(axis=1)], corners[1:-1], atol=RATE / size)
    between = (frequencies >= corners[1]) & (frequencies <= corners[-2])
    np.testing.assert_allclose(weights.sum(axis=0)[between], 1, atol=1e-12)
    assert weights.max() <= 1


def test_known_mel_values():
    assert float(mel_of_hertz(1000.0, "htk")) == pytest.approx(999.99, abs=0.01)
    assert float(mel_of_hertz(6400.0, "slaney")) == pytest.approx(42.0)


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 2700.0])
def test_a_sine_peaks_in_its_band_at_its_level(frequency):
    weights = mel_filterbank(24, 256, RATE, low=0.0, high=4000.0, scale="htk")
    levels = log_mel(sine(frequency), weights, window=256, hop=80, floor=-80.0)[:, :-4]
    centres = band_centres(24, 0.0, 4000.0, "htk")[1:-1]
    assert (
        levels.argmax(axis=0) == np.abs(mel_of_hertz(centres, "htk") - mel_of_hertz(frequency, "htk")).argmin()
    ).all()
    quieter = log_mel(sine(frequency, amplitude=0.1), weights, window=256, hop=80, floor=-200.0)[:, :-4]
    np.testing.assert_allclose(quieter.max(axis=0), levels.max(axis=0) - 20, atol=1e-6)


def test_a_full_scale_sine_on_a_bin_has_power_one_quarter():
    flat = np.zeros((1, 129))
    flat[0, 32] = 1.0
    level = log_mel(sine(1000.0), flat, window=256, hop=256, floor=-80.0)[0, 0]
    assert level == pytest.approx(10 * np.log10(0.25), abs=1e-9)


def test_silence_is_at_the_floor():
    weights = mel_filterbank(8, 256, RATE, low=0.0, high=4000.0, scale="htk")
    np.testing.assert_allclose(log_mel(np.zeros(900), weights, window=200, hop=80, floor=-70.0), -70.0)


def test_mono_and_integer_formats():
    assert mono(np.array([128, 255, 0], dtype=np.uint8)).tolist() == [0.0, 127 / 128, -1.0]
    assert mono(np.array([[2**30, 0]], dtype=np.int32)).tolist() == [0.25]


def test_resampling_keeps_a_sine():
    signal = resample(sine(500.0, rate=16000.0), 16000, 8000)
    np.testing.assert_allclose(signal[200:-200], sine(500.0)[200:-200], atol=2e-3)
    with pytest.raises(InputError):
        resample(np.zeros(10), 8000.5, 8000)


def test_summary_is_standardised_and_long_sounds_look_like_short_ones():
    sounds = Ragged.from_list([sine(f, s) for f, s in ((300, 0.3), (1000, 0.5), (2000, 0.4), (300, 0.31))])
    output = transformed(sounds, bands=16)
    assert (output.values.shape, output.kind) == ((4, 32), "embedding")
    np.testing.assert_allclose(output.values.mean(axis=0), 0, atol=1e-5)
    same = np.linalg.norm(output.values[0] - output.values[3])
    assert same < 0.3 * np.linalg.norm(output.values[0] - output.values[1])


def test_spectrogram_is_an_image_cropped_or_padded_with_silence():
    sounds = Ragged.from_list([sine(300, 0.2), sine(900, 0.4), sine(900, 0.1)])
    output = transformed(sounds, bands=16, representation="spectrogram", frames=20, scaling="none")
    assert (output.values.shape, output.kind) == ((3, 16, 20, 1), "image")
    assert (output.record["cropped"], output.record["padded"]) == (1, 2)
    np.testing.assert_array_equal(output.values[2, :, -5:], -80.0)


def test_bad_sound_is_named():
    clip = np.stack([sine(300, 0.1)])
    with pytest.raises(InputError) as caught:
        transformed(clip, rate=None)
    assert caught.value.argument == "a.rate"
    with pytest.raises(InputError) as caught:
        transformed(clip, bands=400)
    assert caught.value.argument == "a.bands"
    with pytest.raises(InputError) as caught:
        transformed(clip, high=9000.0)
    assert caught.value.argument == "a.high"
    with pytest.raises(InputError, match="row 0"):
        transformed(clip * np.nan)
