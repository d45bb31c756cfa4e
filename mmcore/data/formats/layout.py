"""What the readers of a fixed layout share: the modalities asked for, the published split, arrays of a given shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data.formats.files import missing_file
from mmcore.data.formats.options import COMMON, Option
from mmcore.data.formats.rows import NOUNS
from mmcore.errors import InputError, unknown_name

INHERITED = (
    *(option for option in COMMON if option.name in ("reader", "path", "seed", "licence", "version", *NOUNS)),
    Option("folds", "whole folds", "how many folds to make"),
)
Shape = tuple[int | None, ...]


def split_option(rule: str) -> Option:
    """Return the option `split`, whose default `published` is explained by `rule`.

    Example:
        >>> split_option("by order").help
        'published (default: by order), or three shares to draw'
    """
    return Option("split", "split", f"published (default: {rule}), or three shares to draw")


def split_choice(source: Mapping[str, Any]) -> str | list[float]:
    """Return `published`, or the three shares that the source asks for.

    Raises:
        InputError: for any other name.

    Example:
        >>> split_choice({}), split_choice({"split": [0.6, 0.2, 0.2]})
        ('published', [0.6, 0.2, 0.2])
    """
    choice = source.get("split", "published")
    if isinstance(choice, str) and choice != "published":
        raise unknown_name("split", choice, ("published",))
    return choice


def wanted_kinds(
    source: Mapping[str, Any], known: Mapping[str, tuple[str, ...]], default: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return modality -> kind of those that the source asks for.

    Args:
        source: the block of params.yaml.
        known: modality -> the kinds it can be read as, the usual one first.
        default: the modalities where the source names none; empty: all.

    Raises:
        InputError: for an unknown modality, or a kind it cannot be read as.

    Example:
        >>> known = {"image": ("image",), "force": ("timeseries", "embedding")}
        >>> wanted_kinds({}, known), wanted_kinds({"modalities": {"force": "embedding"}}, known)
        ({'image': 'image', 'force': 'timeseries'}, {'force': 'embedding'})
    """
    given = source.get("modalities") or {m: known[m][0] for m in default or known}
    kinds = {}
    for modality, block in given.items():
        if modality not in known:
            raise unknown_name("modalities", str(modality), known)
        kind = str(block["kind"] if isinstance(block, Mapping) else block)
        if kind not in known[modality]:
            raise unknown_name(f"modalities.{modality}", kind, known[modality])
        kinds[modality] = kind
    return kinds


def shown_shape(shape: Shape) -> str:
    """Return a shape as an error shows it, N for what may be any number.

    Example:
        >>> shown_shape((None, 24, 12))
        '(N, 24, 12)'
    """
    return "(" + ", ".join("N" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def check_array(array: Any, shape: Shape, what: str, remedy: str) -> None:
    """Raise an `InputError` where `array` (numpy or h5py) holds no real numbers or has another shape.

    Args:
        array: anything with `dtype` and `shape`.
        shape: the shape it must have; None stands for any length.
        what: what the array is called, e.g. `im.pk: ep_tdata`.
        remedy: what to do.

    Example:
        >>> check_array(np.zeros((3, 2)), (None, 3), "a.npy", "Name another file.")
        Traceback (most recent call last):
        mmcore.errors.InputError: path: received a.npy of float64 (3, 2); allowed: numbers of (N, 3). Name another file.
    """
    given = tuple(array.shape)
    fits = len(given) == len(shape) and all(n is None or n == m for n, m in zip(shape, given, strict=True))
    if not fits or array.dtype.kind not in "biuf":
        raise InputError("path", f"{what} of {array.dtype} {given}", f"numbers of {shown_shape(shape)}", remedy)


def check_rows(counts: Mapping[str, int], shown: str) -> int:
    """Return the number of rows that all arrays have.

    Raises:
        InputError: where one has another number than the first, or there is no row.

    Example:
        >>> check_rows({"image": 3, "label": 3}, "a")
        3
    """
    first, n_rows = next(iter(counts.items()))
    for what, count in counts.items():
        if count != n_rows or not count:
            received = f"{shown}: {what} of {count} rows"
            raise InputError("path", received, f"{n_rows or 'some'} rows, as {first}", "Copy the files again.")
    return n_rows


def member(folder: Path, item: str, shown: str) -> Path:
    """Return the file `item` of `folder`.

    Raises:
        InputError: where it is not there; names what lies beside it.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.npy").write_bytes(b"")
        >>> member(folder, "a.npy", "mine").name
        'a.npy'
    """
    place = folder / item
    if not place.is_file():
        raise missing_file("path", f"{shown}/{item}", place)
    return place


def mapped_npy(folder: Path, item: str, shown: str, shape: Shape) -> np.ndarray:
    """Return the array in the `.npy` file `item` of `folder`, memory-mapped and read-only.

    Raises:
        InputError: where it is missing, breaks off, holds objects, or has another shape.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> np.save(folder / "a.npy", np.arange(3))
        >>> mapped_npy(folder, "a.npy", "mine", (None,)).tolist()
        [0, 1, 2]
    """
    place = member(folder, item, shown)
    remedy = "Copy the file again, or name the folder that holds the right one."
    try:
        array = np.load(place, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        received = f"{shown}/{item}, which is broken or no npy of numbers ({error})"
        raise InputError("path", received, f"numbers of {shown_shape(shape)}", remedy) from error
    if not isinstance(array, np.ndarray):
        raise InputError("path", f"{shown}/{item}, which is an npz", f"an npy of {shown_shape(shape)}", remedy)
    check_array(array, shape, f"{shown}/{item}", remedy)
    return array
