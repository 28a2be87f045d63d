"""Kernels that write JSON into an array of bytes: every function returns the place behind the written bytes."""

from typing import Any

from numba import njit, types
from numba.core.cgutils import raw_memcpy
from numba.extending import intrinsic

from model.arrays import Codes

_MINUS, _ZERO = ord("-"), ord("0")
WHOLE_BYTES = 20
"""Bytes of the longest whole number of 64 bits, with its sign."""


@intrinsic
def copy(_: Any, out: Any, at: Any, text: Any, begin: Any, n: Any) -> Any:
    """Copy `n` bytes: `out[at : at + n] = text[begin : begin + n]`, for which numba takes a nanosecond a byte."""
    if not all(isinstance(place, types.Integer) for place in (at, begin, n)):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = [context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 2)]
        target, source = (builder.gep(data, [values[i]]) for data, i in zip(arrays, (1, 3), strict=True))
        raw_memcpy(builder, target, source, values[4], 1)
        return context.get_dummy_value()

    return types.void(out, types.int64, text, types.int64, types.int64), generate


@njit
def put_part(out: Codes, at: int, text: Codes, begin: int, end: int) -> int:
    """Write a part of a text."""
    copy(out, at, text, begin, end - begin)
    return at + end - begin


@njit
def put(out: Codes, at: int, text: Codes) -> int:
    """Write a text."""
    copy(out, at, text, 0, len(text))
    return at + len(text)


@njit
def put_whole(out: Codes, at: int, number: int) -> int:
    """Write a whole number."""
    if number < 0:
        out[at] = _MINUS
        at, number = at + 1, -number
    end, rest = at + 1, number // 10
    while rest:
        end, rest = end + 1, rest // 10
    for i in range(end - 1, at - 1, -1):
        out[i] = _ZERO + number % 10
        number //= 10
    return end
