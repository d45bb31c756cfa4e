"""The named corruptions and what each form of data takes by default: literal tables.

A function of the table takes one sample's numbers (float64, features last), the level, a generator of its own, the
training statistics and the value that stands for "nothing" a feature. Defaults follow MultiBench's lists (Liang et al.
2021), each part in its corrected version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmcore.data.corruption import audio, image, numeric, text
from mmcore.data.corruption.statistics import FeatureStatistics
from mmcore.errors import InputError, unknown_name

Noise = Callable[[np.ndarray, float, np.random.Generator, FeatureStatistics, np.ndarray], np.ndarray]

MULTIBENCH = "Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), corrected"
BELINKOV = "Belinkov & Bisk 2018, Synthetic and natural noise both break NMT (ICLR)"
_NUMBERS = ("tabular", "embedding", "timeseries", "audio", "image", "set")
_SEQUENCES = ("timeseries", "audio", "set")


@dataclass(frozen=True)
class Corruption:
    """One named corruption.

    Attributes:
        name: as `corrupt(..., method=name)` takes it.
        forms: what it applies to, as `form_of` names it.
        function: on one sample's numbers; None for raw text.
        typos: for raw text, the typing errors of which one is drawn a word.
        reference: where it comes from.
    """

    name: str
    forms: tuple[str, ...]
    function: Noise | None
    typos: tuple[str, ...]
    reference: str


CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("gaussian", _NUMBERS, numeric.gaussian, (), MULTIBENCH),
    Corruption("drop_entries", (*_NUMBERS, "tokens"), numeric.drop_entries, (), MULTIBENCH),
    Corruption("drop_steps", _SEQUENCES, numeric.drop_steps, (), MULTIBENCH),
    Corruption("swap_neighbours", ("tabular",), numeric.swap_neighbours, (), MULTIBENCH),
    Corruption("swap_rows", ("tabular", "embedding"), numeric.swap_rows, (), "Bahri et al. 2022, SCARF (ICLR)"),
    Corruption("white_noise", ("audio",), audio.white_noise, (), MULTIBENCH),
    Corruption("structured_dropout", _SEQUENCES, audio.structured_dropout, (), MULTIBENCH),
    Corruption("salt_and_pepper", ("image",), image.salt_and_pepper, (), MULTIBENCH),
    Corruption("contrast", ("image",), image.contrast, (), MULTIBENCH),
    Corruption("invert", ("image",), image.invert, (), MULTIBENCH),
    Corruption("grayscale", ("image",), image.grayscale, (), MULTIBENCH),
    Corruption("tint", ("image",), image.tint, (), MULTIBENCH),
    Corruption("white_balance", ("image",), image.white_balance, (), MULTIBENCH),
    Corruption("rotate", ("image",), image.rotate, (), MULTIBENCH),
    Corruption("flip", ("image",), image.flip, (), MULTIBENCH),
    Corruption("crop_resize", ("image",), image.crop_resize, (), MULTIBENCH),
    Corruption("replace_tokens", ("tokens",), text.replace_tokens, (), "Xie et al. 2017, Data noising (ICLR), unigram"),
    Corruption("typos", ("raw_text",), None, tuple(text.TYPOS), MULTIBENCH),
    Corruption("adjacent_swap", ("raw_text",), None, ("adjacent_swap",), BELINKOV),
    Corruption("shuffle_inside", ("raw_text",), None, ("shuffle_inside",), BELINKOV),
    Corruption("qwerty", ("raw_text",), None, ("qwerty",), BELINKOV),
    Corruption("repeat", ("raw_text",), None, ("repeat",), MULTIBENCH),
    Corruption("omit", ("raw_text",), None, ("omit",), MULTIBENCH),
)

_COLOURS = ("grayscale", "white_balance", "tint")
_PIXELS = ("contrast", "invert", "salt_and_pepper", "gaussian", "rotate", "flip", "crop_resize")
DEFAULTS: dict[str, tuple[str, ...]] = {
    "tabular": ("drop_entries", "swap_neighbours"),
    "embedding": ("gaussian", "drop_entries"),
    "timeseries": ("gaussian", "drop_entries", "drop_steps"),
    "set": ("gaussian", "drop_steps"),
    "audio": ("white_noise", "structured_dropout", "drop_entries"),
    "image": _PIXELS,
    "colour image": (*_COLOURS, *_PIXELS),
    "tokens": ("replace_tokens",),
    "raw_text": ("typos",),
}
"""Form -> the corruptions applied one after another where no method is named."""

GATED = ("salt_and_pepper", "gaussian")
"""Parts of the image default that happen with probability `level` there, as its other parts do by themselves."""


def find_corruption(name: str, form: str | None = None) -> Corruption:
    """Return the corruption called `name`, checked against a form where one is given.

    Raises:
        InputError: for an unknown name, or one that does not apply to `form`.

    Example:
        >>> find_corruption("typos").forms
        ('raw_text',)
    """
    for corruption in CORRUPTIONS:
        if corruption.name == name:
            if form is not None and form not in corruption.forms:
                fitting = ", ".join(other.name for other in CORRUPTIONS if form in other.forms)
                raise InputError("method", f"{name} for {form}", fitting, "Choose a corruption that fits the data.")
            return corruption
    raise unknown_name("method", name, [corruption.name for corruption in CORRUPTIONS])
