"""Item vectors in bytes, by which a scan finds the few items whose scores have to be computed.

A vector `y` becomes bytes `c` and a scale `t`, so that `t c` is about `y`. A query `x` becomes bytes `q` and a scale
`s`. The product of bytes is exact, and `s t (q . c)` misses the score by no more than

    |x . y - s t (q . c)| = |x . (y - t c) + (x - s q) . t c| <= |x| |y - t c| + |x - s q| |t c|

(Cauchy and Schwarz). The score as computed, in single precision and in any order of sums, misses `x . y` by at most
`gamma_f |x| |y|`, where `gamma_f = f u / (1 - f u)` and `u = 2^-24` (Higham 2002, Accuracy and Stability of Numerical
Algorithms, eq. 3.5), and by the products that are too small for a float, at most `f 2^-125` with or without denormal
numbers. Rounding the estimate to single precision, and comparing it there, adds a few `u |s q| |t c|`.
`write_errors` writes the sum of all.

Of a chunk of items, the largest `|y - t c|` and the largest `|t c|` are kept. A vector whose largest number is so small
or so large that a scale could not hold it has bytes of zero: it is in every doubt, and always scored.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Codes, Floats, Rows, as_kernel_array
from model.kernel import kernel
from model.vectors import ALIGNMENT, CHUNK_BLOCKS, GROUP, LANES, QUERY_WORDS, TESTED

CHUNK = CHUNK_BLOCKS * LANES
"""Items in a chunk."""
_MOST = 127
_ZERO = 128
_SMALLEST, _LARGEST = 1e-30, 1e30
_UP, _TINY = 1 + 2.0**-20, 1e-37
"""Round a bound up, that of a vector of denormal numbers too."""


class ItemCodes(NamedTuple):
    """Items in bytes, 16 side by side, padded to whole blocks with items that are never listed."""

    blocks: Codes
    """(n_blocks, n_groups, 16, 4): the byte of a factor, plus 128. Padding of the factors is 128: zero."""
    scales: Floats
    """(n_blocks * 16,); NaN where there is no item, and an estimate that is NaN is in no list."""
    errors: Floats
    """(n_chunks,): the largest `|y - t c|` of a chunk."""
    lengths: Floats
    """(n_chunks,): the largest `|t c|` of a chunk."""


def encode_items(factors: Floats) -> ItemCodes:
    """Return item vectors in bytes.

    Args:
        factors: Item vectors, shape (n_items, f); with similar lengths side by side, bounds of chunks are tight.
    """
    n_items, f = factors.shape
    n_blocks, n_groups = -(-n_items // TESTED) * (TESTED // LANES), -(-f // GROUP)
    n_chunks = -(-n_blocks // CHUNK_BLOCKS)
    blocks = aligned_bytes(n_blocks * n_groups * LANES * GROUP).reshape((n_blocks, n_groups, LANES, GROUP))
    scales = np.full(n_blocks * LANES, np.nan, np.float32)
    errors, lengths = np.zeros(n_chunks, np.float32), np.zeros(n_chunks, np.float32)
    _encode_items(as_kernel_array(factors, np.float32), blocks, scales, errors, lengths)
    return ItemCodes(
        as_kernel_array(blocks, np.uint8),
        as_kernel_array(scales, np.float32),
        as_kernel_array(errors, np.float32),
        as_kernel_array(lengths, np.float32),
    )


def first_codes(codes: ItemCodes, n: int) -> ItemCodes:
    """Return the codes of the first n items; bounds of the last chunk may be those of more items."""
    n_places = -(-n // TESTED) * TESTED
    scales = codes.scales[:n_places].copy()
    scales[n:] = np.nan
    n_chunks = -(-n_places // CHUNK)
    bounds = codes.errors[:n_chunks], codes.lengths[:n_chunks]
    return ItemCodes(codes.blocks[: n_places // LANES], as_kernel_array(scales, np.float32), *bounds)


def aligned_bytes(n: int) -> Codes:
    """Return n bytes, all zero as codes, that begin where a line of the cache does."""
    memory = np.full(n + ALIGNMENT, _ZERO, np.uint8)
    offset = -memory.ctypes.data % ALIGNMENT
    return memory[offset : offset + n]


@kernel
def _encode_items(factors: Floats, blocks: Codes, scales: Floats, errors: Floats, lengths: Floats) -> None:
    codes = np.empty(factors.shape[1], np.int32)
    for row in range(len(factors)):
        scale, error, length = encode(factors[row], codes)
        block, lane, chunk = row // LANES, row % LANES, row // CHUNK
        scales[row] = scale
        for a in range(len(codes)):
            blocks[block, a // GROUP, lane, a % GROUP] = np.uint8(codes[a] + _ZERO)
        errors[chunk] = max(errors[chunk], np.float32(error))
        lengths[chunk] = max(lengths[chunk], np.float32(length))


@njit
def encode(vector: Floats, codes: Rows) -> tuple[np.float32, float, float]:
    """Write a vector's bytes; return its scale, the length of the error that they leave, and their own length."""
    largest = np.float32(0)
    for a in range(len(vector)):
        largest = max(largest, abs(vector[a]))
    scale = np.float32(1)
    fits = _SMALLEST <= largest <= _LARGEST
    if fits:
        scale = np.float32(largest / np.float32(_MOST))
    error, length = 0.0, 0.0
    for a in range(len(vector)):
        code = np.int32(0)
        if fits:
            code = np.int32(np.rint(vector[a] / scale))
            code = min(max(code, np.int32(-_MOST)), np.int32(_MOST))
        codes[a] = code
        of_code = np.float64(scale) * code
        length += of_code * of_code
        error += (vector[a] - of_code) ** 2
    return scale, _not_nan(np.sqrt(error) * _UP), np.sqrt(length) * _UP


@njit
def _not_nan(error: float) -> float:
    """Return an error, without a bound if it is none."""
    return error + _TINY if error >= 0 else np.inf


@njit
def encode_query(query: Floats, codes: Rows, words: Rows) -> tuple[float, float, float]:
    """Write a query's words, as a scan takes them; return its scale, its length, and that of the error left."""
    scale, error, _ = encode(query, codes)
    square, total = 0.0, 0
    signed, shorts = words.view(np.int8), words.view(np.int16)
    words[:] = 0
    for a in range(len(query)):
        square += np.float64(query[a]) * query[a]
        total += codes[a]
        word = a // GROUP * QUERY_WORDS
        signed[4 * word + a % GROUP] = np.int8(codes[a])
        shorts[2 * (word + 1 + a % 2) + a % GROUP // 2] = np.int16(codes[a])
    words[-1] = np.int32(-_ZERO * total)
    return np.float64(scale), np.sqrt(square) * _UP, error


@njit
def write_errors(query: tuple[float, float, float], factors: int, items: tuple[Floats, Floats], errors: Floats) -> None:
    """Write how far an estimate, in units of the query's scale, may be off a computed score, by chunk.

    Args:
        query: Its scale, its length, and that of the error of its bytes.
        factors: Numbers in a vector.
        items: The largest error and the largest length of each chunk, as of `ItemCodes`.
        errors: (n_chunks,), written.
    """
    scale, length, rest = query
    rounding, underflow = (factors + 16) * 2.0**-24, factors * 2.0**-125
    for chunk in range(len(errors)):
        error, size = np.float64(items[0][chunk]), np.float64(items[1][chunk])
        bound = length * error + rest * size + rounding * (length + rest) * (error + size) + underflow
        errors[chunk] = np.float32(bound / scale * _UP)
