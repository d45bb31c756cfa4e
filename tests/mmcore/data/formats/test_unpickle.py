"""A pickle may hold arrays and containers; whatever else it asks for is refused before it happens."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from mmcore.data.unpickle import load, load_object_npy, loads
from mmcore.errors import InputError

ARRAYS = {
    "float": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "big_endian": np.arange(3, dtype=">i4"),
    "text": np.array(["a", "bc"]),
    "bytes": np.array([b"a", b"bc"]),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 4), np.float32),
    "zero_dimensional": np.array(2.5),
    "objects": np.array([["x", None], [1, [2.0]]], dtype=object),
    "nested": np.array([np.arange(2), {"k": np.ones(2)}], dtype=object),
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_as_numpy_itself_reads_them(name: str, protocol: int) -> None:
    if name == "empty" and protocol < 3:
        # Python writes empty bytes of these protocols as a call of bytes(), which is not admitted
        with pytest.raises(InputError, match="bytes"):
            loads(pickle.dumps(ARRAYS[name], protocol=protocol))
        return
    data = pickle.dumps({"a": ARRAYS[name], "same": ARRAYS[name]}, protocol=protocol)
    found, expected = loads(data)["a"], pickle.loads(data)["a"]
    assert type(found) is np.ndarray
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    for left, right in zip(found.ravel(), expected.ravel(), strict=True):
        np.testing.assert_equal(left, right)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_containers_and_scalars_come_back(protocol: int) -> None:
    value = {"i": 1, "f": np.float32(0.5), "t": (1, "x", None), "l": [True, [3]], "b": b"\xff", 7: np.int64(-2)}
    assert loads(pickle.dumps(value, protocol=protocol)) == value
    assert type(loads(pickle.dumps(np.float32(0.5), protocol=protocol))) is np.float32


def test_names_of_numpy_1_are_admitted() -> None:
    data = pickle.dumps(np.arange(4), protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert loads(data).tolist() == [0, 1, 2, 3]


def test_a_list_that_holds_itself_is_no_endless_loop() -> None:
    value: list = [1]
    value.append(value)
    found = loads(pickle.dumps(value))
    assert found[1] is found


class _Touches:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def _programs(target: Path) -> dict[str, bytes]:
    command = f"touch {target}".encode()
    text = b"X" + struct.pack("<I", len(command)) + command
    short = lambda s: b"\x8c" + bytes([len(s)]) + s  # noqa: E731
    inner = np.empty(1, dtype=object)
    inner[0] = _Touches(target)
    return {
        "reduce": pickle.dumps(_Touches(target)),
        "within a dict": pickle.dumps({"x": [np.arange(3), _Touches(target)]}),
        "within an object array": pickle.dumps(inner),
        "as a dict key's sibling, protocol 0": pickle.dumps({"k": _Touches(target)}, protocol=0),
        "GLOBAL": b"\x80\x02cos\nsystem\n" + text + b"\x85R.",
        "STACK_GLOBAL": b"\x80\x04" + short(b"os") + short(b"system") + b"\x93" + text + b"\x85R.",
        "INST": b"(S'" + command + b"'\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + text + b"o.",
        "NEWOBJ": b"\x80\x02cos\nsystem\n" + text + b"\x85\x81.",
        "builtins.eval": b'cbuiltins\neval\n(S\'__import__("os").system("touch ' + bytes(target) + b"\")'\ntR.",
        "getattr on numpy": b"cbuiltins\ngetattr\n(cnumpy\nndarray\nS'dump'\ntR.",
        "dotted name": b"\x80\x04" + short(b"numpy._core.multiarray") + short(b"_reconstruct.__globals__") + b"\x93.",
        "numpy.load": b"cnumpy\nload\n(S'x.npy'\nNI01\ntR.",
        "numpy.testing": b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n}tR.",
        "BUILD on a callable": b"c_codecs\nencode\n}S'__code__'\nNsb0.",
        "BUILD with slots on a callable": b"\x80\x02cnumpy\ndtype\nN}X\x0c\x00\x00\x00__defaults__N s\x86b.".replace(
            b" ", b""
        ),
        "extension registry": b"\x80\x02\x82\x01.",
        "persistent id": b"Pos.system\n.",
    }


@pytest.mark.parametrize("name", list(_programs(Path("x"))))
def test_code_is_refused_and_not_run(name: str, tmp_path: Path) -> None:
    target = tmp_path / "touched"
    with pytest.raises(InputError):
        loads(_programs(target)[name])
    assert not target.exists()


def test_the_programs_would_run_in_an_open_unpickler(tmp_path: Path) -> None:
    ran = []
    for name in ("reduce", "within a dict", "within an object array", "GLOBAL", "STACK_GLOBAL", "INST", "OBJ"):
        target = tmp_path / name.replace(" ", "_")
        pickle.loads(_programs(target)[name])
        ran.append(target.exists())
    assert all(ran)


def test_the_refusal_names_the_global_and_says_nothing_ran(tmp_path: Path) -> None:
    path = tmp_path / "mosi.pkl"
    path.write_bytes(pickle.dumps(_Touches(tmp_path / "touched")))
    with pytest.raises(InputError) as raised:
        load(path)
    assert raised.value.argument == "pickle"
    assert ".system" in raised.value.received
    assert "mosi.pkl" in raised.value.received
    assert "numpy.ndarray" in raised.value.allowed
    assert "nothing in it was executed" in raised.value.remedy
    assert not (tmp_path / "touched").exists()


def _array_state(shape: tuple, code: str, data: object, described: tuple = ("<", None, None, None, -1, -1, 0)) -> bytes:
    """A protocol 2 pickle of an array with the state given."""

    class Described:
        def __reduce__(self):
            return np.dtype, (code, False, True), (3, *described)

    class State:
        def __reduce__(self):
            from numpy._core.multiarray import _reconstruct

            return _reconstruct, (np.ndarray, (0,), b"b"), (1, shape, Described(), False, data)

    return pickle.dumps(State(), protocol=2)


def test_the_state_writer_of_these_tests_writes_real_arrays() -> None:
    data = _array_state((2,), "f8", struct.pack("<2d", 1.0, 2.0))
    assert pickle.loads(data).tolist() == [1.0, 2.0]
    assert loads(data).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("shape", "code", "content", "described"),
    [
        ((2**40,), "f8", b"", ("<", None, None, None, -1, -1, 0)),
        ((2**31, 2**31), "O8", [], ("|", None, None, None, -1, -1, 63)),
        ((-1,), "f8", b"", ("<", None, None, None, -1, -1, 0)),
        ((3,), "f8", b"\0" * 8, ("<", None, None, None, -1, -1, 0)),
        ((1,), "V8", b"\0" * 8, ("|", None, ("a",), {"a": ("O", 0)}, 8, 1, 0)),
        ((1,), "f8", b"\0" * 8, ("<", None, ("a",), {"a": ("O", 0)}, 8, 1, 0)),
        ((1,), "O8", b"\0" * 8, ("|", None, None, None, -1, -1, 0)),
    ],
    ids=[
        "eight terabytes",
        "objects without number",
        "negative",
        "too few bytes",
        "void",
        "structured",
        "raw pointers",
    ],
)
def test_an_array_that_lies_about_itself_is_refused(shape, code, content, described) -> None:
    with pytest.raises(InputError):
        loads(_array_state(shape, code, content, described))


def test_a_memo_index_cannot_claim_gigabytes() -> None:
    with pytest.raises(InputError, match="memo index"):
        loads(b"\x80\x02]r" + struct.pack("<I", 2**32 - 1) + b".")


def test_a_length_beyond_the_file_is_refused() -> None:
    with pytest.raises(InputError):
        loads(b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InputError, match="nested"):
        loads(b"]" * 5000 + b"a" * 4999 + b".")


@pytest.mark.parametrize("keep", [0, 1, 10, 60, 200, -1])
def test_a_truncated_pickle_is_an_input_error(keep: int) -> None:
    data = pickle.dumps({"a": np.arange(100.0), "b": ["x"] * 10}, protocol=2)
    with pytest.raises(InputError) as raised:
        loads(data[:keep])
    assert raised.value.argument == "pickle"


def test_object_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array({"X": [np.ones((2, 3)), np.zeros((1, 3))]}, dtype=object))
    assert [x.shape for x in load_object_npy(tmp_path / "a.npy").item()["X"]] == [(2, 3), (1, 3)]
    target = tmp_path / "touched"
    np.save(tmp_path / "b.npy", np.array([_Touches(target)], dtype=object))
    with pytest.raises(InputError, match="nothing in it was executed"):
        load_object_npy(tmp_path / "b.npy")
    assert not target.exists()
    np.save(tmp_path / "c.npy", np.ones(3))
    with pytest.raises(InputError):
        load_object_npy(tmp_path / "c.npy")
    (tmp_path / "d.npy").write_bytes(b"no numpy file")
    with pytest.raises(InputError):
        load_object_npy(tmp_path / "d.npy")
