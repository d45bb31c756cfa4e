"""Read images and wav files that an index table lists, one row a sample; text and numbers may come from the index too.

Files must lie inside the source's folder. An image is decoded by pillow from one of seven formats, at most 50 million
pixels, after `verify`; its EXIF orientation is ignored. A wav keeps its own clock: nothing is resampled.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset, Ragged
from mmcore.data.formats import table
from mmcore.data.formats.files import inside, source_path
from mmcore.data.formats.options import Option
from mmcore.data.formats.rows import Modality, build, kept_rows, read_rows
from mmcore.data.formats.table_rows import raise_problems, table_problems
from mmcore.errors import InputError, unknown_name

OPTIONS = (
    Option("index", "text", "the table inside the folder, one row a sample", required=True),
    Option(
        "missing", "text", "what a listed file that is not there means (default error)", choices=("error", "absent")
    ),
)
MODALITY_KINDS = ("image", "audio", "text", "tabular")
MODALITY_OPTIONS = (
    *table.MODALITY_OPTIONS,
    Option("column", "text", "the column of the index that names the file"),
    Option("size", "size", "images: resize to this height and width"),
    Option("channels", "count", "images: 1 for grey, 3 for colour (default 3)"),
)
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 50_000_000
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def read_folders(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset that `source` describes: images (N, height, width, channels) uint8, sound (t, channels).

    Args:
        source: the block of params.yaml, e.g. `index: index.csv`, `modalities: {photo: {column: file, kind: image}}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a folder or file that is missing (all together), lies outside or cannot be decoded.
    """
    folder = source_path(source["path"], root, folder=True)
    frame = table.read_frame(source_path(source["index"], folder), source["index"])
    for option in ("groups", "split", "folds", "sample_id"):
        if isinstance(source.get(option), str) and source[option] not in frame:
            raise unknown_name(option, source[option], list(frame.columns))
    frame = table.convert(frame, source)
    frame = frame.iloc[kept_rows(source, frame, len(frame))].reset_index(drop=True)
    raise_problems(table_problems(frame, source), source)
    rows = read_rows(source, frame, len(frame))
    modalities = {}
    for modality, block in source["modalities"].items():
        if block["kind"] in ("image", "audio"):
            places = file_places(frame, block, folder, f"modalities.{modality}", source.get("missing", "error"))
            read_files = image_modality if block["kind"] == "image" else _sounds
            modalities[modality] = read_files(places, block, f"modalities.{modality}")
        else:
            table.check_columns(frame, source, {modality: block})
            modalities[modality] = table.table_modality(frame, block, rows.split == "train")
    return build(source, rows, modalities, name=name)


def file_places(
    frame: pd.DataFrame, block: Mapping[str, Any], folder: Path, argument: str, missing: str
) -> list[Path | None]:
    """Return each row's file, None where the cell is empty or, with `missing="absent"`, where no file lies there.

    Raises:
        InputError: for an unknown column, a path that leaves `folder`, or files that are not there, all of them named.

    Example:
        >>> file_places(pd.DataFrame({"file": [None]}), {"column": "file"}, Path("."), "photo", "error")
        [None]
    """
    if "column" not in block:
        remedy = "Name the column of the index that lists the files."
        raise InputError(f"{argument}.column", "nothing", ", ".join(frame.columns), remedy)
    if block["column"] not in frame:
        raise unknown_name(f"{argument}.column", block["column"], list(frame.columns))
    items = [None if pd.isna(item) or not str(item).strip() else str(item) for item in frame[block["column"]]]
    places = [None if item is None else inside(folder, item, f"column {block['column']}") for item in items]
    lost = [item for item, place in zip(items, places, strict=True) if place is not None and not place.is_file()]
    if lost and missing == "error":
        named = ", ".join(str(item) for item in lost[:10]) + (", ..." if len(lost) > 10 else "")
        remedy = "Put the files there, or set 'missing: absent'."
        received = f"{len(lost)} files that do not exist: {named}"
        raise InputError(f"column {block['column']}", received, f"files in {folder.name}", remedy)
    return [place if place is not None and place.is_file() else None for place in places]


def _first(places: Sequence[Path | None], argument: str) -> None:
    if not any(place is not None for place in places):
        raise InputError(argument, "no file at all", "at least one file", "Check the column of the index.")


def image_modality(places: Sequence[Path | None], block: Mapping[str, Any], argument: str) -> Modality:
    """Return the images at `places` as one modality (N, height, width, channels) uint8; None is an absent one.

    Args:
        places: the file of each row, or None.
        block: the modality's options `size`, `channels` and `unit`.
        argument: what to call the modality in an error.

    Raises:
        InputError: where no file is named at all, one cannot be decoded, or sizes differ and no `size` is given.
    """
    _first(places, argument)
    channels, size = block.get("channels", 3), block.get("size")
    if channels not in (1, 3):
        raise InputError(f"{argument}.channels", channels, "1 or 3", "Give 1 for grey or 3 for colour.")
    images: dict[int, np.ndarray] = {}
    for row, place in enumerate(places):
        if place is not None:
            images[row] = read_image(place, size=size, channels=channels)
    shapes = {row: image.shape for row, image in images.items()}
    first = next(iter(shapes))
    for row, shape in shapes.items():
        if shape != shapes[first]:
            received = f"{places[row].name} of {shape[:2]}"  # type: ignore[union-attr]
            allowed = f"{shapes[first][:2]}, as the first image"
            raise InputError(f"{argument}.size", received, allowed, "Give 'size: [height, width]' to resize all.")
    array = np.zeros((len(places), *shapes[first]), dtype=np.uint8)
    for row, image in images.items():
        array[row] = image
    return Modality(array, "image", np.array([place is not None for place in places]), None, block.get("unit"))


def read_image(path: Path, *, size: Sequence[int] | None, channels: int) -> np.ndarray:
    """Return the image at `path`, (height, width, channels) uint8.

    Args:
        path: a PNG, JPEG, BMP, GIF (first frame), PPM, TIFF or WebP of 8 bits a channel.
        size: (height, width) to resize to with a bilinear filter, or None.
        channels: 1 (luma, ITU-R 601) or 3.

    Raises:
        InputError: where the file is broken, of another format or depth, or larger than `MAX_PIXELS`.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> path = Path(tempfile.mkdtemp()) / "a.png"
        >>> Image.new("RGB", (4, 2)).save(path)
        >>> read_image(path, size=None, channels=1).shape
        (2, 4, 1)
    """
    from PIL import Image

    remedy = "Copy the file again, or remove its row."
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            width, height, mode = *image.size, image.mode
            if width * height > MAX_PIXELS:
                received = f"{path.name} of {width} x {height} pixels"
                raise InputError("image", received, f"at most {MAX_PIXELS} pixels", "Make the image smaller.")
            if mode not in _EIGHT_BIT_MODES:
                received = f"{path.name} of mode {mode}"
                raise InputError("image", received, "8 bits a channel", "Convert it to 8 bits a channel.")
            image.verify()
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            converted = image.convert("L" if channels == 1 else "RGB")
            if size is not None:
                converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.array(converted, dtype=np.uint8)
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        received = f"{path.name}, which cannot be decoded ({error})"
        raise InputError("image", received, ", ".join(IMAGE_FORMATS), remedy) from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _sounds(places: Sequence[Path | None], block: Mapping[str, Any], argument: str) -> Modality:
    _first(places, argument)
    sounds: list[np.ndarray | None] = []
    rate: float | None = block.get("rate")
    for place in places:
        if place is None:
            sounds.append(None)
            continue
        found, sound = read_wav(place)
        rate = found if rate is None else rate
        if found != rate:
            remedy = "Resample the files to one rate before reading."
            raise InputError(f"{argument}.rate", f"{place.name} of {found} Hz", f"{rate:g} Hz for all", remedy)
        sounds.append(sound)
    present = np.array([place is not None for place in places])
    return Modality(Ragged.from_list(sounds), "audio", present, float(rate or 0) or None, block.get("unit"))


def read_wav(path: Path) -> tuple[int, np.ndarray]:
    """Return the rate in Hz and the sound (t, channels) float32 in [-1, 1) of the wav at `path`.

    Raises:
        InputError: where the file is broken, breaks off or is no wav.

    Example:
        >>> import tempfile
        >>> from scipy.io import wavfile
        >>> path = Path(tempfile.mkdtemp()) / "a.wav"
        >>> wavfile.write(path, 8000, np.array([0, 16384], dtype=np.int16))
        >>> read_wav(path)[1].tolist()
        [[0.0], [0.5]]
    """
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)
            # a list or cue chunk beside the sound is harmless; a sound that breaks off is not
            warnings.filterwarnings("ignore", message="Chunk .* not understood", category=wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except (ValueError, OSError, EOFError, struct.error, UnboundLocalError, wavfile.WavFileWarning) as error:
        # scipy leaves `data` unbound where a wav ends before its sound
        received = f"{path.name}, which cannot be decoded ({error})"
        raise InputError(
            "audio", received, "a whole PCM or float wav", "Copy the file again, or remove its row."
        ) from error
    scale: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "uint8": lambda x: (x.astype(np.float32) - 128) / 128,
        "int16": lambda x: x.astype(np.float32) / 2**15,
        "int32": lambda x: (x / 2**31).astype(np.float32),
        "float32": lambda x: x,
        "float64": lambda x: x.astype(np.float32),
    }
    if samples.dtype.name not in scale:
        raise InputError("audio", f"{path.name} of {samples.dtype}", ", ".join(scale), "Save it as 16 bit PCM.")
    sound = scale[samples.dtype.name](samples)
    return int(rate), sound.reshape(len(sound), -1)
