"""Scans of a block of items in bytes for one query or several: estimates of all scores, or the items that reach a bar.

The product of bytes has three forms: `vpdpbusd` multiplies and adds 64 of them at once where the processor has it
(AVX-512 VNNI), `pmaddwd` 32 numbers of 16 bits on any other x86, and elsewhere plain vectors do. All are exact.

Arguments are addresses, as of `array.ctypes.data`; the caller keeps the arrays alive and inside their bounds.
"""

# ruff: noqa: ARG001  numba knows the arguments of an intrinsic by these functions

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from model.vectors import (
    ALIGNMENT,
    CHUNK_BLOCKS,
    F32,
    FLOATS,
    GROUP,
    I32,
    I64,
    LANES,
    QUERY_WORDS,
    Value,
    address_of,
    load,
    register_part,
    splat,
)

_I8, _I16 = ir.IntType(8), ir.IntType(16)
_INTS, _SHORTS = ir.VectorType(I32, LANES), ir.VectorType(_I16, 2 * LANES)


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
        for word in [load(builder, query, offset, I32)]
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
            parts = [register_part(builder, total, part, width) for part in range(LANES // width)]
            for word, pair in enumerate(pairs, start=1):
                place = builder.add(offset, ir.Constant(I64, 4 * word))
                wanted = splat(builder, load(builder, query, place, I32), ir.VectorType(I32, width))
                both = builder.bitcast(wanted, ir.VectorType(_I16, 2 * width))
                for part in range(LANES // width):
                    half = register_part(builder, pair, part, 2 * width)
                    product = _named(builder, name, wanted.type, [half, both])
                    parts[part] = builder.add(parts[part], product)
            totals.append(_joined(builder, parts))
        return totals

    return step


def _joined(builder: Value, parts: list[Value]) -> Value:
    """Return parts of a vector as one."""
    while len(parts) > 1:
        kind = ir.VectorType(I32, 2 * parts[0].type.count)
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
            place = builder.add(offset, ir.Constant(I64, factor))
            wanted = builder.sext(load(builder, query, place, _I8, align=1), I32)
            totals[k] = builder.add(totals[k], builder.mul(one, splat(builder, wanted, _INTS)))
    return totals


def _step_for(codegen: Value) -> Step:
    """Return the step for the processor that numba compiles for."""
    triple, _, features = codegen.magic_tuple()
    having = [feature.removeprefix("+") for feature in features.split(",") if feature.startswith("+")]
    if not triple.startswith("x86_64"):
        return _one_by_one
    return _bytes_at_once if "avx512vnni" in having else _pairs_at_once(having)


Finish = Callable[[Value, Value, int, Value, list[Value]], None]
"""Writes the estimates of 16 items: (builder, number of their block, number of the query, estimates, addresses)."""


def _times(builder: Value, factor: int, value: Value) -> Value:
    return builder.mul(value, ir.Constant(I64, factor))


def _write_estimates(builder: Value, block: Value, k: int, estimates: Value, out: list[Value]) -> None:
    """Write estimates, and raise the maxima of their groups."""
    outs, outs_size, maxima, maxima_size = out
    line = _times(builder, 4 * LANES, block)
    address = builder.add(outs, _times(builder, k, outs_size))
    builder.store(estimates, address_of(builder, address, line, FLOATS), align=4)
    address = builder.add(maxima, _times(builder, k, maxima_size))
    place = address_of(builder, address, _times(builder, 4 * LANES, _chunk_of(builder, block)), FLOATS)
    most = builder.load(place, align=4)
    builder.store(builder.select(builder.fcmp_ordered(">", estimates, most), estimates, most), place, align=4)


def _write_flags_of_sums(builder: Value, block: Value, k: int, estimates: Value, out: list[Value]) -> None:
    """Add the query's strength times the items' preferences to the estimates; then do as `_write_flags`."""
    *out, preference, strengths = out
    strength = splat(builder, load(builder, strengths, ir.Constant(I64, 4 * k), F32), FLOATS)
    preferences = load(builder, preference, _times(builder, 4 * LANES, block), FLOATS)
    added = builder.fmul(strength, preferences)
    _write_flags(builder, block, k, builder.fadd(estimates, added), out)


def _write_flags(builder: Value, block: Value, k: int, estimates: Value, out: list[Value]) -> None:
    """Write which of the estimates reach the bar of their chunk, one bit each; NaN does not."""
    bars, bars_size, flags, flags_size = out
    address = builder.add(bars, _times(builder, k, bars_size))
    bar = load(builder, address, _times(builder, 4, _chunk_of(builder, block)), F32)
    reaching = builder.bitcast(builder.fcmp_ordered(">=", estimates, splat(builder, bar, FLOATS)), _I16)
    address = builder.add(flags, _times(builder, k, flags_size))
    builder.store(reaching, address_of(builder, address, _times(builder, 2, block), _I16), align=2)


def _chunk_of(builder: Value, block: Value) -> Value:
    return builder.lshr(block, ir.Constant(I64, CHUNK_BLOCKS.bit_length() - 1))


def _scan_of(n_queries: int, finish: Finish) -> Any:
    """Return the scan of a block for so many queries at once."""

    @intrinsic
    def scan(
        _: Value, items: Value, n_blocks: Value, n_groups: Value, scales: Value, query: Value, query_size: Value,
        out: Value, out_size: Value, other: Value, other_size: Value,
    ) -> Value:  # fmt: skip
        def emit(context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
            return _emit_scan(context, builder, arguments, n_queries, finish)

        return types.void(*[types.intp] * 10), emit

    return scan


def _scan_of_sums(n_queries: int) -> Any:
    """Return the scan of a block for so many queries whose scores have an addition."""

    @intrinsic
    def scan(
        _: Value, items: Value, n_blocks: Value, n_groups: Value, scales: Value, query: Value, query_size: Value,
        bars: Value, bars_size: Value, flags: Value, flags_size: Value, preference: Value, strengths: Value,
    ) -> Value:  # fmt: skip
        def emit(context: Value, builder: Value, _signature: Value, arguments: Value) -> Value:
            return _emit_scan(context, builder, arguments, n_queries, _write_flags_of_sums)

        return types.void(*[types.intp] * 12), emit

    return scan


def _emit_scan(context: Value, builder: Value, arguments: Value, n_queries: int, finish: Finish) -> Value:
    items, n_blocks, n_groups, scales, query, query_size, *out = arguments
    step = _step_for(context.codegen())
    queries = [builder.add(query, _times(builder, k, query_size)) for k in range(n_queries)]
    group_bytes = 4 * LANES
    with cgutils.for_range(builder, n_blocks) as block:
        starts = [load(builder, one, _times(builder, 4 * QUERY_WORDS, n_groups), I32) for one in queries]
        sums = [cgutils.alloca_once(builder, _INTS) for _ in queries]
        for total, start in zip(sums, starts, strict=True):
            builder.store(splat(builder, start, _INTS), total)
        first = builder.add(items, builder.mul(_times(builder, group_bytes, block.index), n_groups))
        with cgutils.for_range(builder, n_groups) as group:
            place = _times(builder, group_bytes, group.index)
            bytes_of_items = load(builder, first, place, _INTS, ALIGNMENT)
            offset = _times(builder, 4 * QUERY_WORDS, group.index)
            before = [builder.load(total) for total in sums]
            for total, value in zip(sums, step(builder, bytes_of_items, before, queries, offset), strict=True):
                builder.store(value, total)
        scale = load(builder, scales, _times(builder, 4 * LANES, block.index), FLOATS)
        for k, total in enumerate(sums):
            estimates = builder.fmul(builder.sitofp(builder.load(total), FLOATS), scale)
            finish(builder, block.index, k, estimates, out)
    return context.get_dummy_value()


TOGETHER = 4
"""Queries of a scan that share the bytes of items as they are loaded."""
scan_one, scan_four = _scan_of(1, _write_estimates), _scan_of(TOGETHER, _write_estimates)
"""Write all estimates: `out` has those of each query, `other` the maxima of their groups (`model/estimates.py`)."""
reach_one, reach_four = _scan_of(1, _write_flags), _scan_of(TOGETHER, _write_flags)
"""Compare with bars: `out` has those of each query by chunk, `other` is written: a bit for each item, 16 a block."""
reach_sum_one, reach_sum_four = _scan_of_sums(1), _scan_of_sums(TOGETHER)
"""Do the same with the sums of estimates and of each query's strength times the preference of every item."""
