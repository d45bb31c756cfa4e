"""Matrix products of small tiles held in registers, to be written into compiled loops.

    C_ij (+)= sum_k A_ik B_kj,   8 or 1 rows i, 32 columns j, any k

Reference: Goto and van de Geijn 2008, Anatomy of high-performance matrix multiplication (ACM TOMS 34), the innermost
kernel of section 4.2: entries of A are spread over a vector, rows of B are read as vectors, and C stays in registers
until all k are summed. Each entry is summed over k in order, whatever the tile, so neither the batch nor the number of
threads changes a bit of it.
What it is for: products in a loop that makes or uses their operands in cache, which a library would write out, arrange
anew and read again. The processor does not foresee jumps between rows of a matrix: a product asks for what is read or
written next while it computes. Vectors of 512 bits hold a tile; with shorter ones it does not fit the registers.
"""

from __future__ import annotations

import itertools
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from mmcore.models.compiled.arithmetic import FAST

ROWS, COLUMNS, AHEAD = 8, 32, 8
_LANES = 16  # of float32 in 512 bits
_VECTOR, _INDEX = ir.VectorType(ir.FloatType(), _LANES), ir.IntType(64)
_OFFSETS = [ir.Constant(_INDEX, lane) for lane in range(0, COLUMNS, _LANES)]


def _vector_at(builder: Any, pointer: Any, offset: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [offset]), _VECTOR.as_pointer())


def spread(builder: Any, number: Any) -> Any:
    """Return a vector of 16 lanes that all hold one number."""
    unknown, lanes = ir.Constant(_VECTOR, ir.Undefined), ir.VectorType(ir.IntType(32), _LANES)
    one = builder.insert_element(unknown, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, unknown, ir.Constant(lanes, [0] * _LANES))


def _ask_for(builder: Any, pointer: Any, write: bool) -> None:
    """Write an instruction that asks for a line of memory, for the second cache; it may lie beyond any array."""
    number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    signature = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(pointer, byte), *(ir.Constant(number, x) for x in (int(write), 2, 1))])


def _sums(
    builder: Any, rows: int, a: Any, a_row: Any, a_k: Any, b: Any, b_k: Any, n: Any, sums: Any, ahead: Any
) -> None:
    """Write the loop over k that adds to the sums of a tile, and asks for 8 numbers `ahead` each time."""
    with cgutils.for_range(builder, n) as loop:
        if ahead is not None:
            pointer, write = ahead
            _ask_for(builder, builder.gep(pointer, [builder.mul(loop.index, ir.Constant(_INDEX, AHEAD))]), write)
        start = builder.mul(loop.index, b_k)
        vectors = [builder.load(_vector_at(builder, b, builder.add(start, o)), align=4) for o in _OFFSETS]
        for row in range(rows):
            place = builder.add(builder.mul(loop.index, a_k), builder.mul(a_row, ir.Constant(_INDEX, row)))
            factor = spread(builder, builder.load(builder.gep(a, [place])))
            for vector, each in zip(vectors, sums[row]):
                product = builder.fmul(factor, vector, flags=("contract",))
                builder.store(builder.fadd(builder.load(each), product, flags=("contract",)), each)


def _tile(rows: int, write: bool | None = None) -> Any:
    """Return an intrinsic of `rows` rows, 32 columns; `write` None, or whether what is ahead will be written."""

    def emit(builder: Any, a: Any, a_row: Any, a_k: Any, b: Any, b_k: Any, n: Any, c: Any, c_row: Any, add: Any,
             ahead: Any) -> None:  # fmt: skip
        """Write the instructions; `a`, `b`, `c`, `ahead` are pointers to the first numbers."""
        # Memory on the stack, which the compiler turns into registers.
        sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in _OFFSETS] for _ in range(rows)]
        row_at = [builder.mul(c_row, ir.Constant(_INDEX, row)) for row in range(rows)]
        places = [_vector_at(builder, c, builder.add(r, o)) for r in row_at for o in _OFFSETS]
        pairs = list(zip(places, itertools.chain.from_iterable(sums)))
        with builder.if_else(add) as (then, otherwise):
            with then:
                for place, each in pairs:
                    builder.store(builder.load(place, align=4), each)
            with otherwise:
                for _, each in pairs:
                    builder.store(ir.Constant(_VECTOR, [0.0] * _LANES), each)
        _sums(builder, rows, a, a_row, a_k, b, b_k, n, sums, None if write is None else (ahead, write))
        for place, each in pairs:
            builder.store(builder.load(each), place, align=4)

    @intrinsic
    def tile(context: Any, a: Any, a_at: Any, a_row: Any, a_k: Any, b: Any, b_at: Any, b_k: Any, n: Any, c: Any,
             c_at: Any, c_row: Any, add: Any, ahead: Any, ahead_at: Any) -> Any:  # fmt: skip
        """Products of arrays of float32, of any axes; places and steps are counted in numbers."""
        whole = types.int64
        steps = (whole, whole, whole)
        signature = types.void(a, *steps, b, *steps, c, whole, whole, types.boolean, ahead, whole)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            """Write the call: pointers to the first numbers, then the tile."""
            a, a_at, a_row, a_k, b, b_at, b_k, n, c, c_at, c_row, add, ahead, ahead_at = arguments
            starts = [
                builder.gep(context.make_array(signature.args[place])(context, builder, value=array).data, [at])
                for place, array, at in ((0, a, a_at), (4, b, b_at), (8, c, c_at), (12, ahead, ahead_at))
            ]
            emit(builder, starts[0], a_row, a_k, starts[1], b_k, n, starts[2], c_row, add, starts[3])
            return context.get_dummy_value()

        return signature, generate

    return tile


def _product(eight: Any) -> Any:
    """Return the product by tiles of eight rows, then of one."""

    @njit(fastmath=FAST, error_model="numpy", nogil=True)
    def product(  # type: ignore[no-untyped-def]
        a, a_at, a_row, a_k, rows, b, b_at, b_k, n, c, c_at, c_row, add, ahead, ahead_at
    ):  # fmt: skip
        """Set rows of C, 32 columns wide, to A B, or add A B to them; nothing is checked.

        Args:
            a, a_at, a_row, a_k: contiguous float32, the place of A_00, and the steps to the next row and to the next k.
            rows: of A and C.
            b, b_at, b_k: rows of B are 32 neighbours in memory, `b_k` apart.
            n: terms of each sum.
            c, c_at, c_row: as of B.
            add: to what is in C.
            ahead, ahead_at: what is soon needed: 8 numbers for each k of 8 rows, so as many as 8 rows of A have.
        """
        whole = rows - rows % ROWS
        for i in range(0, whole, ROWS):
            eight(
                a,
                a_at + i * a_row,
                a_row,
                a_k,
                b,
                b_at,
                b_k,
                n,
                c,
                c_at + i * c_row,
                c_row,
                add,
                ahead,
                ahead_at + i * n,
            )
        for i in range(whole, rows):
            _one(a, a_at + i * a_row, a_row, a_k, b, b_at, b_k, n, c, c_at + i * c_row, c_row, add, ahead, 0)

    return product


_one = _tile(1)
product_before_reading, product_before_writing = _product(_tile(ROWS, False)), _product(_tile(ROWS, True))
"""The product; meanwhile asks for what will be read, or written."""
