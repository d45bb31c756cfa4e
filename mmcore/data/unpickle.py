"""Read a legacy pickle of plain containers and numpy arrays without running any code that the file names.

A pickle is a program: its GLOBAL, STACK_GLOBAL and INST opcodes name callables, REDUCE calls them. Here every name is
looked up in a table of seven, and each entry is a stand-in of ours: an array is rebuilt from its checked shape, dtype
and bytes by `numpy.frombuffer`, so not even numpy's own unpickling code (which trusts the dtype flags in the file and
can be led to read raw bytes as pointers) is run. The stand-ins hold no state and refuse BUILD.

Before that, the opcodes are walked once without executing anything (`pickletools.genops`), which finds truncation and
memo indices that would make the unpickler allocate gigabytes. See https://docs.python.org/3/library/pickle.html
(Restricting Globals).

Departs on purpose from pickle: structured, datetime and raw-void dtypes are refused; so is nesting beyond 40 levels.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.errors import InputError

_MAX_DEPTH = 40
_ARRAY_LETTERS = "biufcSUO"
# What a broken pickle can raise, by the documentation of `pickle` and by trying.
_BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError,
    MemoryError, NotImplementedError, UnicodeError,
)  # fmt: skip


class _Dtype:
    """Stand-in for a `numpy.dtype` under construction: a letter with a size, then the byte order."""

    def __init__(self, code: object, align: object = False, copy: object = True) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not text or text[0] not in _ARRAY_LETTERS or not text[1:].isdecimal():
            raise InputError("pickle", f"an array of dtype {text!r}", "numbers, booleans, strings, objects", _RESAVE)
        self.code = "O" if text[0] == "O" else text
        self.order = "="

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[2:5] != (None, None, None):
            raise InputError("pickle", "an array of a structured dtype", "plain arrays", _RESAVE)
        order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "="):
            raise InputError("pickle", f"byte order {order!r}", "<, > or |", _RESAVE)
        self.order = order

    def dtype(self) -> np.dtype:
        """Return the dtype that was described."""
        return np.dtype(self.code if self.order in "|=" else self.order + self.code)


class _Array:
    """Stand-in for a `numpy.ndarray` under construction, filled by BUILD."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Dtype):
            raise InputError(
                "pickle", "an array state of another form", "(version, shape, dtype, order, data)", _RESAVE
            )
        _, shape, described, fortran, data = state
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and 0 <= n < 2**48 for n in shape):
            raise InputError("pickle", f"an array of shape {shape!r}", "whole numbers", _RESAVE)
        self.value = _filled(shape, described.dtype(), bool(fortran), data)


def _filled(shape: tuple[int, ...], dtype: np.dtype, fortran: bool, data: object) -> np.ndarray:
    """The array of `shape` over `data`, whose size must fit: nothing is allocated that the file does not hold."""
    count = math.prod(shape)
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != count:
            raise InputError("pickle", "an object array without its objects", f"{count} objects", _RESAVE)
        flat = np.empty(count, dtype=object)
        for i, item in enumerate(data):
            flat[i] = item
        return flat.reshape(shape)
    raw = data.encode("latin-1") if isinstance(data, str) else data
    if not isinstance(raw, bytes | bytearray) or len(raw) != count * dtype.itemsize:
        size = len(raw) if isinstance(raw, bytes | bytearray) else type(raw).__name__
        raise InputError("pickle", f"{size} bytes for shape {shape} of {dtype}", f"{count * dtype.itemsize}", _RESAVE)
    if not count or not dtype.itemsize:
        return np.zeros(shape, dtype)
    array = np.ndarray(shape, dtype, buffer=raw, order="F" if fortran else "C")
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


class _StandIn:
    """A callable without attributes that a pickle could overwrite; BUILD on it is refused."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise InputError("pickle", "BUILD on a callable", "BUILD on arrays and dtypes", _RESAVE)


class _NdarrayType(_StandIn):
    """Stands for the type of an array."""

    __slots__ = ()


class _Reconstruct(_StandIn):
    """Makes an empty array, for its state to fill."""

    __slots__ = ()

    def __call__(self, subtype: object, shape: object, code: object) -> _Array:
        if not isinstance(subtype, _NdarrayType):
            raise InputError("pickle", "an array of a subclass", "numpy.ndarray", _RESAVE)
        return _Array()


class _MakeDtype(_StandIn):
    """Makes a dtype, for its state to fill."""

    __slots__ = ()

    def __call__(self, code: object, align: object = False, copy: object = True) -> _Dtype:
        return _Dtype(code, align, copy)


class _Scalar(_StandIn):
    """Makes one number or string from its bytes."""

    __slots__ = ()

    def __call__(self, described: object, data: object = b"") -> Any:
        if not isinstance(described, _Dtype) or described.code == "O":
            raise InputError("pickle", "a scalar without a plain dtype", "a number or string", _RESAVE)
        return _filled((1,), described.dtype(), False, data)[0]


class _Encode(_StandIn):
    """Turns text into the bytes that protocol 2 wrote as latin-1."""

    __slots__ = ()

    def __call__(self, text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", b"latin1"):
            raise InputError("pickle", f"_codecs.encode with {encoding!r}", "text to latin1", _RESAVE)
        return text.encode("latin-1")


_RESAVE = "Save the arrays with numpy.savez and use the npz reader."
ADMITTED: dict[tuple[str, str], _StandIn] = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy.core.multiarray", "scalar"): _Scalar(),
    ("numpy._core.multiarray", "scalar"): _Scalar(),
    ("numpy", "ndarray"): _NdarrayType(),
    ("numpy", "dtype"): _MakeDtype(),
    ("_codecs", "encode"): _Encode(),
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Finds the names of `ADMITTED` and no others."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a name, or refuse the file."""
        if (module, name) in ADMITTED:
            return ADMITTED[module, name]
        allowed = ", ".join(sorted({f"{m}.{n}" for m, n in ADMITTED}))
        remedy = f"The file asks for code and was refused; nothing in it was executed. {_RESAVE}"
        raise InputError("pickle", f"the name {module}.{name}", allowed, remedy)


def _walk(data: bytes) -> None:
    """Walk the opcodes without executing them; raise on truncation and on memo indices no honest pickle has."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(argument, int) and argument > len(data):
            raise InputError("pickle", f"memo index {argument}", f"below {len(data)}, the size of the file", _RESAVE)


def _resolved(value: Any, done: dict[int, Any], depth: int = 0) -> Any:
    """`value` with every stand-in replaced by what it stands for."""
    if depth > _MAX_DEPTH:
        raise InputError("pickle", f"more than {_MAX_DEPTH} nested containers", "a shallow structure", _RESAVE)
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, _Array):
        if value.value is None:
            raise InputError("pickle", "an array without content", "arrays with their bytes", _RESAVE)
        done[id(value)] = array = value.value
        if array.dtype.hasobject:
            flat = array.reshape(-1)
            for i, item in enumerate(flat):
                flat[i] = _resolved(item, done, depth + 1)
        return array
    if isinstance(value, _Dtype):
        return value.dtype()
    if isinstance(value, _StandIn):
        raise InputError("pickle", "a bare callable", "containers and arrays", _RESAVE)
    if isinstance(value, list):
        items: list[Any] = []
        done[id(value)] = items
        items.extend(_resolved(item, done, depth + 1) for item in value)
        return items
    if isinstance(value, dict):
        mapping: dict[Any, Any] = {}
        done[id(value)] = mapping
        for key, item in value.items():
            mapping[_resolved(key, done, depth + 1)] = _resolved(item, done, depth + 1)
        return mapping
    if isinstance(value, tuple | set | frozenset):
        done[id(value)] = rebuilt = type(value)(_resolved(item, done, depth + 1) for item in value)
        return rebuilt
    return value


def loads(data: bytes, *, origin: str = "the pickle") -> Any:
    """Return the object in `data`: containers, numbers, strings and numpy arrays (read-only), nothing else.

    Args:
        data: a pickle of protocol 0 to 5, written by Python 2 or 3.
        origin: what to call it in an error, usually its path.

    Raises:
        InputError: where the pickle names anything but the seven admitted names, or is truncated or malformed.

    Example:
        >>> import pickle
        >>> loads(pickle.dumps({"x": np.arange(3)}, protocol=4))["x"].tolist()
        [0, 1, 2]
    """
    try:
        _walk(data)
        # latin1: byte strings of Python 2 arrive as text of the same bytes, keys among them readable
        built = _RestrictedUnpickler(io.BytesIO(data), encoding="latin1").load()
        return _resolved(built, {})
    except InputError as error:
        received = f"{error.received} in {origin}"
        raise InputError(error.argument, received, error.allowed, error.remedy) from error
    except _BROKEN as error:
        received = f"{origin}, which breaks off or is malformed ({type(error).__name__}: {error})"
        raise InputError("pickle", received, "a whole pickle", "Copy the file again; nothing was executed.") from error


def load(path: str | Path) -> Any:
    """Return the object in the pickle at `path`; see `loads`."""
    return loads(Path(path).read_bytes(), origin=str(path))


def load_object_npy(path: str | Path) -> Any:
    """Return the object array in a `.npy` that holds a pickle (numpy's `allow_pickle=True` format); see `loads`.

    Raises:
        InputError: where the file is no `.npy`, holds no object array, or its pickle is refused.

    Example:
        >>> import tempfile
        >>> name = tempfile.mkdtemp() + "/a.npy"
        >>> np.save(name, np.array([{"x": 1}, None]))
        >>> load_object_npy(name).tolist()
        [{'x': 1}, None]
    """
    with Path(path).open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
            )
            _, _, dtype = read_header(file)
        except ValueError as error:
            raise InputError("path", str(path), "a .npy file", "Name a file that numpy.save wrote.") from error
        if not dtype.hasobject:
            raise InputError("path", f"{path} of {dtype}", "an object array", "Load it with allow_pickle=False.")
        return loads(file.read(), origin=str(path))
