"""Loops over whole registers: the few that numba's vectoriser does not find by itself, written in LLVM's own words.

LLVM compiles vectors of any width for every processor, so there is one form for all of them, but for the product of
bytes: `vpdpbusd` multiplies and adds 64 of them at once where the processor has it (AVX-512 VNNI), `pmaddwd` 32 numbers
of 16 bits on any other x86, and elsewhere plain vectors do. All are exact. The processor is that for which numba
compiles, which is part of the key of its cache.

Arguments are addresses, as of `array.ctypes.data`; the caller keeps the arrays alive and inside their bounds.
"""

# ruff: noqa: ARG001  numba knows the arguments of an intrinsic by these functions

from collections.abc import Callable
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
ALIGNMENT = 64
"""Bytes: a vector never lies across two lines of the cache."""

_I8, _I16, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
_INTS, _FLOATS = ir.VectorType(_I32, LANES), ir.VectorType(_F32, LANES)
_SHORTS = ir.VectorType(_I16, 2 * LANES)
Value = Any
"""A value of llvmlite, which gives no types."""


def _at(builder: Value, address: Value, offset: Value, kind: Value) -> Value:
    """Return a pointer to a value so many bytes behind an address."""
    return builder.inttoptr(builder.add(address, offset), kind.as_pointer())


def _load(builder: Value, address: Value, offset: Value, kind: Value, align: int = 4) -> Value:
    return builder.load(_at(builder, address, offset, kind), align=align)


def splat(builder: Value, value: Value, kind: Value) -> Value:
    """Return a vector of one value."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_I32, kind.count), [0] * kind.count))


def _part(builder: Value, vector: Value, part: int, width: int) -> Value:
    """Return the elements of one part of a vector."""
    places = ir.Constant(ir.VectorType(_I32, width), list(range(part * width, (part + 1) * width)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), places)


def _named(builder: Value, name: str, result: Value, arguments: list[Value]) -> Value:
    """Call an instruction by its name in LLVM."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


Step = Callable[[Value, Value, list[Value], Value, Value], list[Value]]
"""Adds the products of one group of factors: (builder, items, sums, query address by query, offset) to new sums."""


def _bytes_at_once(builder: Value, items: Value, sums: list[Value], queries: Value, offset: Value) -> list[Value]:
    """Multiply unsigned bytes of items with signed ones of a query: AVX-512 VNNI."""
    return [
        _named(builder, "llvm.x86.avx512.vpdpbusd.512", _INTS, [total, items, splat(builder, word, _INTS)])
        for total, query in zip(sums, queries, strict=True)
        for word in [_load(builder, query, offset, _I32)]
    ]


_PMADDWD = (("avx512bw", 16, "llvm.x86.avx512.pmaddw.d.512"), ("avx2", 8, "llvm.x86.avx2.pmadd.wd"))
_PMADDWD_OF_ALL = (4, "llvm.x86.sse2.pmadd.wd")


def _pairs_at_once(features: list[str]) -> Step:
    """Return the step for an x86 without VNNI, as wide as its registers."""
    width, name = next((row[1:] for row in _PMADDWD if row[0] in features), _PMADDWD_OF_ALL)

    def step(builder: Value, items: Value, sums: list[Value], queries: Value, offset: Value) -> list[Value]:
        shorts = builder.bitcast(items, _SHORTS)
        pairs = [
            builder.and_(shorts, ir.Constant(_SHORTS, [255] * _SHORTS.count)),
            builder.lshr(shorts, ir.Constant(_SHORTS, [8] * _SHORTS.count)),
        ]
        totals = []
        for total, query in zip(sums, queries, strict=True):
            parts = [_part(builder, total, part, width) for part in range(LANES // width)]
            for word, pair in enumerate(pairs, start=1):
                place = builder.add(offset, ir.Constant(_I64, 4 * word))
                wanted = splat(builder, _load(builder, query, place, _I32), ir.VectorType(_I32, width))
                both = builder.bitcast(wanted, ir.VectorType(_I16, 2 * width))
                for part in range(LANES // width):
                    half = _part(builder, pair, part, 2 * width)
                    product = _named(builder, name, wanted.type, [half, both])
                    parts[part] = builder.add(parts[part], product)
            totals.append(_joined(builder, parts))
        return totals

    return step


def _joined(builder: Value, parts: list[Value]) -> Value:
    """Return parts of a vector as one."""
    while len(parts) > 1:
        kind = ir.VectorType(_I32, 2 * parts[0].type.count)
        places = ir.Constant(kind, list(range(kind.count)))
        parts = [builder.shuffle_vector(low, high, places) for low, high in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _one_by_one(builder: Value, items: Value, sums: list[Value], queries: Value, offset: Value) -> list[Value]:
    """Multiply in 32 bits: any processor."""
    totals = list(sums)
    for factor in range(GROUP):
        shifted = builder.lshr(items, ir.Constant(_INTS, [8 * factor] * LANES))
        one = builder.and_(shifted, ir.Constant(_INTS, [255] * LANES))
        for k, query in enumerate(queries):
            place = builder.add(offset, ir.Constant(_I64, factor))
            wanted = builder.sext(_load(builder, query, place, _I8, align=1), _I32)
            totals[k] = builder.add(totals[k], builder.mul(one, splat(builder, wanted, _INTS)))
    return totals


def _step_for(codegen: Value) -> Step:
    """Return the step for the processor that numba compiles for."""
    triple, _, features = codegen.magic_tuple()
    having = [feature.removeprefix("+") for feature in features.split(",") if feature.startswith("+")]
    if not triple.startswith("x86_64"):
        return _one_by_one
    return _bytes_at_once if "avx512vnni" in having else _pairs_at_once(having)


def _scan_of(n_queries: int) -> Any:
    """Return the scan of a block for so many queries at once."""

    @intrinsic
    def scan(
        _: Value, items: Value, n_blocks: Value, n_groups: Value, scales: Value, query: Value, query_size: Value,
        outs: Value, out_size: Value, maxima: Value, maxima_size: Value,
    ) -> Value:  # fmt: skip
        def emit(context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
            return _emit_scan(context, builder, arguments, n_queries)

        return types.void(*[types.intp] * 10), emit

    return scan


def _emit_scan(context: Value, builder: Value, arguments: Value, n_queries: int) -> Value:
    items, n_blocks, n_groups, scales, query, query_size, outs, out_size, maxima, maxima_size = arguments
    step = _step_for(context.codegen())

    def times(factor: int, value: Value) -> Value:
        return builder.mul(value, ir.Constant(_I64, factor))

    queries = [builder.add(query, times(k, query_size)) for k in range(n_queries)]
    group_bytes = 4 * LANES
    with cgutils.for_range(builder, n_blocks) as block:
        starts = [_load(builder, one, times(4 * QUERY_WORDS, n_groups), _I32) for one in queries]
        sums = [cgutils.alloca_once(builder, _INTS) for _ in queries]
        for total, start in zip(sums, starts, strict=True):
            builder.store(splat(builder, start, _INTS), total)
        first = builder.add(items, builder.mul(times(group_bytes, block.index), n_groups))
        with cgutils.for_range(builder, n_groups) as group:
            bytes_of_items = _load(builder, first, times(group_bytes, group.index), _INTS, ALIGNMENT)
            offset = times(4 * QUERY_WORDS, group.index)
            before = [builder.load(total) for total in sums]
            for total, value in zip(sums, step(builder, bytes_of_items, before, queries, offset), strict=True):
                builder.store(value, total)
        offset = times(4 * LANES, block.index)
        scale = _load(builder, scales, offset, _FLOATS)
        chunk = times(4 * LANES, builder.lshr(block.index, ir.Constant(_I64, 4)))
        for k, total in enumerate(sums):
            value = builder.fmul(builder.sitofp(builder.load(total), _FLOATS), scale)
            builder.store(value, _at(builder, builder.add(outs, times(k, out_size)), offset, _FLOATS), align=4)
            place = _at(builder, builder.add(maxima, times(k, maxima_size)), chunk, _FLOATS)
            most = builder.load(place, align=4)
            builder.store(builder.select(builder.fcmp_ordered(">", value, most), value, most), place, align=4)
    return context.get_dummy_value()


TOGETHER = 4
"""Queries of a scan that share the bytes of items as they are loaded."""
scan_one, scan_four = _scan_of(1), _scan_of(TOGETHER)


@intrinsic
def dot(_: Value, one: Value, other: Value, n: Value) -> Value:
    """Return the scalar product of two arrays of n floats: the same sums in the same order on every processor."""

    def emit(_context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
        one, other, n = arguments
        total = cgutils.alloca_once(builder, _FLOATS)
        builder.store(ir.Constant(_FLOATS, [0.0] * LANES), total)
        with cgutils.for_range(builder, builder.lshr(n, ir.Constant(_I64, 4))) as loop:
            offset = builder.mul(loop.index, ir.Constant(_I64, 4 * LANES))
            product = builder.fmul(*(_load(builder, address, offset, _FLOATS) for address in (one, other)))
            builder.store(builder.fadd(builder.load(total), product), total)
        score = cgutils.alloca_once_value(builder, _sum(builder, builder.load(total)))
        done = builder.and_(n, ir.Constant(_I64, -LANES))
        with cgutils.for_range(builder, builder.sub(n, done)) as loop:
            offset = builder.mul(builder.add(done, loop.index), ir.Constant(_I64, 4))
            product = builder.fmul(*(_load(builder, address, offset, _F32) for address in (one, other)))
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
        vector = builder.fadd(_part(builder, vector, 0, width), _part(builder, vector, 1, width))
    return builder.extract_element(vector, ir.Constant(_I32, 0))


@intrinsic
def reaching(_: Value, values: Value, bar: Value) -> Value:
    """Return which of the 64 floats at an address are at least `bar`, one bit each; NaN is not."""

    def emit(_context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
        values, bar = arguments
        kind = ir.VectorType(_F32, TESTED)
        flags = builder.fcmp_ordered(
            ">=", _load(builder, values, ir.Constant(_I64, 0), kind), splat(builder, bar, kind)
        )
        return builder.bitcast(flags, _I64)

    return types.uint64(types.intp, types.float32), emit


@intrinsic
def first_bit(_: Value, bits: Value) -> Value:
    """Return the place of the lowest bit that is set; there is one."""

    def emit(_context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
        kind = ir.FunctionType(_I64, [_I64, ir.IntType(1)])
        count = builder.module.declare_intrinsic("llvm.cttz", [_I64], kind)
        return builder.call(count, [arguments[0], ir.Constant(ir.IntType(1), 1)])

    return types.int64(types.uint64), emit
