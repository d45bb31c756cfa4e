"""HDF5 files read slice by slice, with one error for every way in which they can be broken.

h5py is imported when a file is opened. Only the rows and keys that are asked for leave the disk. Arrays that lie in
another file (external links, external storage, virtual arrays) are refused: a downloaded file cannot bring in others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.data.formats import layout
from mmcore.errors import InputError

if TYPE_CHECKING:
    import h5py

_CHUNK_BYTES = 64 * 2**20


@contextmanager
def open_hdf5(path: Path, shown: str) -> Iterator[Hdf5]:
    """Open the HDF5 file at `path` for reading; `shown` is what errors call it.

    Raises:
        InputError: where it is no HDF5 file or breaks off.

    Example:
        >>> import tempfile, h5py
        >>> path = Path(tempfile.mkdtemp()) / "a.hdf5"
        >>> with h5py.File(path, "w") as file:
        ...     file["x"] = np.arange(3)
        >>> with open_hdf5(path, "a.hdf5") as opened:
        ...     opened.read("x", (None,)).tolist()
        [0, 1, 2]
    """
    import h5py

    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise _broken(shown, error) from error
    with file:
        yield Hdf5(file, shown)


def _broken(shown: str, error: Exception) -> InputError:
    detail = " ".join(str(error).split())
    return InputError("path", f"{shown}, which is broken or no HDF5 ({detail})", "a whole HDF5 file", "Copy it again.")


class Hdf5:
    """An open HDF5 file: its keys, and its arrays checked for their shape before they are read."""

    def __init__(self, file: h5py.File, shown: str) -> None:
        self._file = file
        self.shown = shown

    def keys(self) -> list[str]:
        """Return the keys of the root, in the file's order."""
        return list(self._file.keys())

    def axes(self, key: str) -> int | None:
        """Return how many axes the array at `key` has, None where there is none."""
        item = self._file.get(key) if key in self._file else None
        return getattr(item, "ndim", None)

    def array(self, key: str, shape: layout.Shape) -> h5py.Dataset:
        """Return the array at `key`, unread.

        Args:
            key: its path in the file.
            shape: what it must have, None for any length.

        Raises:
            InputError: where there is none, it lies in another file, holds no numbers or has another shape.
        """
        import h5py

        item = self._file.get(key)
        if not isinstance(item, h5py.Dataset):
            group = self._file.get(key.rpartition("/")[0] or "/")
            held = list(group.keys()) if isinstance(group, h5py.Group) else self.keys()
            keys = ", ".join(held[:10]) + (", ..." if len(held) > 10 else "")
            allowed = f"an array '{key}' of {layout.shown_shape(shape)}"
            received = f"{self.shown} without '{key}', with {keys or 'nothing'}"
            raise InputError("path", received, allowed, "Name a file of this layout.")
        if item.file.filename != self._file.filename or item.is_virtual or item.external:
            received = f"{self.shown}: '{key}' in another file"
            raise InputError("path", received, "arrays of the file itself", "Copy the array into the file.")
        layout.check_array(item, shape, f"{self.shown}: {key}", "Name a file of this layout.")
        return item

    def read(self, key: str, shape: layout.Shape, rows: slice = slice(None)) -> np.ndarray:
        """Return the given rows of the array at `key`.

        Raises:
            InputError: as `array`, or where the file breaks off inside it.
        """
        item = self.array(key, shape)
        try:
            return np.asarray(item[rows])
        except OSError as error:
            raise _broken(self.shown, error) from error

    def texts(self, key: str) -> list[str] | None:
        """Return the texts at `key`, or None where the file itself has no such array of byte strings or text."""
        import h5py

        item = self._file.get(key)
        if not isinstance(item, h5py.Dataset) or item.ndim != 1 or item.dtype.kind not in "SO":
            return None
        if item.file.filename != self._file.filename or item.is_virtual or item.external:
            return None
        try:
            return [v.decode("utf-8", errors="replace") if isinstance(v, bytes) else str(v) for v in item[:].tolist()]
        except OSError as error:
            raise _broken(self.shown, error) from error

    def attribute(self, key: str, name: str) -> Any:
        """Return the attribute `name` of the array at `key`, or None."""
        return self._file[key].attrs.get(name)

    def blocks(self, key: str, shape: layout.Shape) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield slices of the first axis with their rows, at most 64 MiB at a time.

        Raises:
            InputError: as `read`.
        """
        item = self.array(key, shape)
        width = max(1, int(np.prod(item.shape[1:], dtype=np.int64))) * item.dtype.itemsize
        step = max(1, _CHUNK_BYTES // width)
        for start in range(0, len(item), step):
            rows = slice(start, min(start + step, len(item)))
            yield rows, self.read(key, shape, rows)
