"""Loops over whole registers: the few that numba's vectoriser does not find by itself, written in LLVM's own words.

LLVM compiles vectors of any width for every processor, so there is one form for all of them. The processor is that for
which numba compiles, which is part of the key of its cache.

Arguments are addresses, as of `array.ctypes.data`; the caller keeps the arrays alive and inside their bounds.
"""

# ruff: noqa: ARG001  numba knows the arguments of an intrinsic by these functions

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from model.arrays import Floats

LANES = 16
"""Numbers of 32 bits in a vector: one register of AVX-512, two of AVX2, four of SSE."""
TESTED = 64
"""Floats that are compared at once, a bit of the answer for each."""
GROUP = 4
"""Factors of an item that lie side by side in bytes."""
QUERY_WORDS = 3
"""Words of a query for a group of factors: four signed bytes; factors 0 and 2, and factors 1 and 3, in 16 bits each."""
CHUNK_BLOCKS = 16
"""Blocks of 16 items that share a bound."""
ALIGNMENT = 64
"""Bytes: a vector never lies across two lines of the cache."""

I32, I64, F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
FLOATS = ir.VectorType(F32, LANES)
Value = Any
"""A value of llvmlite, which gives no types."""


def address_of(builder: Value, address: Value, offset: Value, kind: Value) -> Value:
    """Return a pointer to a value so many bytes behind an address."""
    return builder.inttoptr(builder.add(address, offset), kind.as_pointer())


def load(builder: Value, address: Value, offset: Value, kind: Value, align: int = 4) -> Value:
    """Return the value so many bytes behind an address."""
    return builder.load(address_of(builder, address, offset, kind), align=align)


def splat(builder: Value, value: Value, kind: Value) -> Value:
    """Return a vector of one value."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count))


def register_part(builder: Value, vector: Value, part: int, width: int) -> Value:
    """Return the elements of one part of a vector."""
    places = ir.Constant(ir.VectorType(I32, width), list(range(part * width, (part + 1) * width)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), places)


@intrinsic
def dot(_: Value, one: Value, other: Value, n: Value) -> Value:
    """Return the scalar product of two arrays of n floats: the same sums in the same order on every processor."""

    def emit(_context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
        one, other, n = arguments
        total = cgutils.alloca_once(builder, FLOATS)
        builder.store(ir.Constant(FLOATS, [0.0] * LANES), total)
        with cgutils.for_range(builder, builder.lshr(n, ir.Constant(I64, 4))) as loop:
            offset = builder.mul(loop.index, ir.Constant(I64, 4 * LANES))
            product = builder.fmul(*(load(builder, address, offset, FLOATS) for address in (one, other)))
            builder.store(builder.fadd(builder.load(total), product), total)
        score = cgutils.alloca_once_value(builder, _sum(builder, builder.load(total)))
        done = builder.and_(n, ir.Constant(I64, -LANES))
        with cgutils.for_range(builder, builder.sub(n, done)) as loop:
            offset = builder.mul(builder.add(done, loop.index), ir.Constant(I64, 4))
            product = builder.fmul(*(load(builder, address, offset, F32) for address in (one, other)))
            builder.store(builder.fadd(builder.load(score), product), score)
        return builder.load(score)

    return types.float32(types.intp, types.intp, types.intp), emit


def dots_plain(vectors: Floats, other: Floats) -> Floats:
    """Return the scalar products of n vectors with another one, in the order of sums of `dot`: its plain twin."""
    whole = vectors.shape[1] // LANES * LANES
    lanes = np.zeros((len(vectors), LANES), np.float32)
    for a in range(0, whole, LANES):
        lanes += vectors[:, a : a + LANES] * other[a : a + LANES]
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    products = lanes[:, 0]
    for a in range(whole, vectors.shape[1]):
        products = products + vectors[:, a] * other[a]
    return products


def _sum(builder: Value, vector: Value) -> Value:
    """Return the sum of a vector's elements: halves, quarters, and so on."""
    while vector.type.count > 1:
        width = vector.type.count // 2
        vector = builder.fadd(register_part(builder, vector, 0, width), register_part(builder, vector, 1, width))
    return builder.extract_element(vector, ir.Constant(I32, 0))


@intrinsic
def reaching(_: Value, values: Value, bar: Value) -> Value:
    """Return which of the 64 floats at an address are at least `bar`, one bit each; NaN is not."""

    def emit(_context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
        values, bar = arguments
        kind = ir.VectorType(F32, TESTED)
        flags = builder.fcmp_ordered(">=", load(builder, values, ir.Constant(I64, 0), kind), splat(builder, bar, kind))
        return builder.bitcast(flags, I64)

    return types.uint64(types.intp, types.float32), emit


@intrinsic
def first_bit(_: Value, bits: Value) -> Value:
    """Return the place of the lowest bit that is set; there is one."""

    def emit(_context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
        kind = ir.FunctionType(I64, [I64, ir.IntType(1)])
        count = builder.module.declare_intrinsic("llvm.cttz", [I64], kind)
        return builder.call(count, [arguments[0], ir.Constant(ir.IntType(1), 1)])

    return types.int64(types.uint64), emit
