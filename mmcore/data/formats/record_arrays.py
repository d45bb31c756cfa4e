"""Read a `.npy` that holds numpy records with object fields, without running any code that its pickle names.

numpy writes such an array as a pickle: a structured dtype, described by names and plain dtypes, and a list of tuples.
Only that is admitted: the names below, answered by stand-ins that hold what the file says, and the plain arrays of
`mmcore.data.unpickle` inside the fields. Numpy's own unpickling code never runs.

Reference: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import pickle
import tokenize
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data.unpickle import _BROKEN, ADMITTED, _Array, _Dtype, _walk
from mmcore.errors import InputError

_ALLOWED = "records of numbers, text and arrays"
_REMEDY = "Nothing in the file was executed. Save the records again with numpy.save."


class _RecordType:
    """Stands for numpy.record and numpy.recarray, which are only ever named."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise InputError("path", "BUILD on a type", _ALLOWED, _REMEDY)


class _RecordDtype:
    """Stand-in for a structured dtype: the names of its fields."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    def __setstate__(self, state: object) -> None:
        names = state[3] if isinstance(state, tuple) and len(state) >= 5 else None
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names) or not names:
            raise InputError("path", "a record without named fields", _ALLOWED, _REMEDY)
        self.names = names


class _Records:
    """Stand-in for an array whose dtype turns out to be structured or plain."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.items: list[tuple[Any, ...]] = []
        self.plain: _Array | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _RecordDtype):
            self.plain = _Array()
            self.plain.__setstate__(state)
            return
        names, items = state[2].names, state[4]
        whole = isinstance(items, list) and all(isinstance(x, tuple) and len(x) == len(names) for x in items)
        if not whole:
            raise InputError("path", "records without their values", _ALLOWED, _REMEDY)
        self.names, self.items = names, items


def _make_array(subtype: object, shape: object, code: object) -> _Records:
    return _Records()


def _make_dtype(code: object, align: object = False, copy: object = True) -> _Dtype | _RecordDtype:
    text = code.decode("latin-1") if isinstance(code, bytes) else code
    if isinstance(text, _RecordType) or (isinstance(text, str) and text[:1] == "V"):
        return _RecordDtype()
    return _Dtype(text, align, copy)


_RECORD = _RecordType()
_NAMES: dict[tuple[str, str], Any] = {
    **ADMITTED,
    ("numpy.core.multiarray", "_reconstruct"): _make_array,
    ("numpy._core.multiarray", "_reconstruct"): _make_array,
    ("numpy", "dtype"): _make_dtype,
    ("numpy", "record"): _RECORD,
    ("numpy", "recarray"): _RECORD,
    ("numpy.rec", "recarray"): _RECORD,
    ("numpy.rec", "record"): _RECORD,
    ("numpy.core.records", "recarray"): _RECORD,
    ("numpy.core.records", "record"): _RECORD,
    ("numpy._core.records", "recarray"): _RECORD,
    ("numpy._core.records", "record"): _RECORD,
}


class _RecordUnpickler(pickle.Unpickler):
    """Admits records and arrays, and nothing that runs."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a name, or refuse the file."""
        if (module, name) not in _NAMES:
            received = f"the name {module}.{name}"
            raise InputError("path", received, _ALLOWED, f"The file asks for code and was refused. {_REMEDY}")
        return _NAMES[module, name]


def load_records(path: Path, shown: str) -> list[dict[str, Any]]:
    """Return the records of a `.npy`, one dict of field -> number, text or numpy array for each.

    Args:
        path: the file.
        shown: what to call it in an error.

    Raises:
        InputError: where the file is truncated, no array of records, or names anything else.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.npy"
        >>> np.save(path, np.array([("a", np.arange(2))], dtype=[("name", "U4"), ("values", object)]))
        >>> load_records(path, "a.npy")
        [{'name': 'a', 'values': array([0, 1])}]
    """
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
            _, _, dtype = header(file)
            if dtype.names is None or not dtype.hasobject:
                raise InputError("path", f"{shown} of {dtype}", _ALLOWED, "Name a file of numpy records.")
            data = file.read()
        _walk(data)
        found = _RecordUnpickler(io.BytesIO(data), encoding="latin1").load()
    except InputError as error:
        raise InputError(error.argument, f"{error.received} in {shown}", error.allowed, error.remedy) from error
    except (*_BROKEN, SyntaxError, tokenize.TokenError) as error:
        # the last two come from a header that numpy cannot parse
        received = f"{shown}, which breaks off or is no array of records ({type(error).__name__}: {error})"
        raise InputError("path", received, _ALLOWED, "Copy the file again; nothing in it was executed.") from error
    if not isinstance(found, _Records) or not found.names:
        raise InputError("path", f"{shown} without records", _ALLOWED, _REMEDY)
    return [{k: _field(v, shown) for k, v in zip(found.names, item, strict=True)} for item in found.items]


def _field(value: Any, shown: str) -> Any:
    """One value of a record: a number, a text or an array of them."""
    if isinstance(value, _Records) and value.plain is not None:
        value = value.plain.value
    ok = value is None or isinstance(value, bool | int | float | str | bytes | np.generic | np.ndarray)
    if isinstance(value, list):
        ok, value = all(isinstance(item, bool | int | float | str) for item in value), np.asarray(value)
    if not ok or (isinstance(value, np.ndarray) and value.dtype.hasobject):
        raise InputError("path", f"a {type(value).__name__} in a record of {shown}", _ALLOWED, _REMEDY)
    return value
