"""Rows of one array combined by vector instructions.

Numba cannot see that two rows of an array do not overlap, and so combines them number by number, which takes four
times as long. LLVM turns these vectors into the instructions that a processor has.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from model.vectors import LANES, splat

TERMS = 2


@intrinsic
def subtract(_: Any, rows: Any, at: Any, first: Any, second: Any, factors: Any) -> Any:
    """Compute `rows[at] -= factors[0] * rows[first] + factors[1] * rows[second]`, for `LANES` numbers from each place.

    Args:
        _: The typing context.
        rows: An array of single precision, of one axis.
        at: The first place of the numbers that change.
        first: That of the numbers that are subtracted from them.
        second: That of others that are subtracted.
        factors: The two numbers that they are multiplied by.
    """
    if not all(isinstance(place, types.Integer) for place in (at, first, second)) or len(factors) != TERMS:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), LANES)
        array = context.make_array(signature.args[0])(context, builder, values[0])
        pointers = [builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer()) for place in values[1:4]]
        changed, *others = (builder.load(pointer, align=4) for pointer in pointers)
        for i, other in enumerate(others):
            factor = splat(builder, builder.extract_value(values[4], i), vector)
            changed = builder.fsub(changed, builder.fmul(factor, other, flags=("fast",)), flags=("fast",))
        builder.store(changed, pointers[0], align=4)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp, types.intp, types.UniTuple(types.float32, TERMS)), generate
