"""The estimates of a block of items for one query: which of them are in doubt, and have to be scored."""

import numpy as np
from numba import njit

from model.arrays import Floats, Keys, Rows
from model.item_codes import CHUNK
from model.vectors import LANES, TESTED, first_bit, reaching

_HALVINGS = 40


@njit
def leave_out(out: Floats, maxima: Floats, rows: Rows, first: int) -> None:
    """Take rows out of a block's estimates, and of the maxima of their groups."""
    for row in rows:
        place = row - first
        if not 0 <= place < len(out):
            continue
        value, out[place] = out[place], np.float32(np.nan)
        group = place // CHUNK * LANES + place % LANES
        if not value >= maxima[group]:
            continue
        most = np.float32(-np.inf)
        begin = place // CHUNK * CHUNK + place % LANES
        for other in range(begin, min(len(out), begin + CHUNK), LANES):
            most = max(most, out[other])
        maxima[group] = most


@njit(fastmath={"nnan", "nsz", "reassoc"})
def _n_reaching(values: Floats, bar: np.float32) -> np.float32:
    """Return how many values are at least `bar`, as a float: that is counted as wide as the values are."""
    count = np.float32(0)
    for i in range(len(values)):
        count += np.float32(1) if values[i] >= bar else np.float32(0)
    return count


@njit(fastmath={"nnan", "nsz", "reassoc"})
def _limits(values: Floats) -> tuple[np.float32, np.float32]:
    """Return the least value that is finite, and the largest value."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for i in range(len(values)):
        finite = values[i] if values[i] > -np.inf else np.float32(np.inf)
        low, high = min(low, finite), max(high, values[i])
    return low, high


@njit
def first_bar(maxima: Floats, errors: Floats, n: int) -> np.float32:
    """Return an estimate that at least n items certainly reach: about the n-th best of the groups' maxima.

    The maxima are lowered by how far off they may be. The bar is looked for by halving, so it may be a little low.
    """
    for chunk in range(len(errors)):
        for i in range(chunk * LANES, (chunk + 1) * LANES):
            maxima[i] -= errors[chunk]
    low, high = _limits(maxima)
    if _n_reaching(maxima, low) < n:
        return np.float32(-np.inf)
    for _ in range(_HALVINGS):
        middle = np.float32(0.5) * low + np.float32(0.5) * high
        reaching_it = _n_reaching(maxima, middle)
        if reaching_it < n:
            high = middle
        else:
            low = middle
            if reaching_it <= n + n // 16:
                break
    bar: np.float32 = low
    return bar


@njit
def least_estimate(bar: float, error: np.float32) -> np.float32:
    """Return a number that the estimate of no score at a bar is below."""
    lowest = bar - np.float64(error)
    return np.float32(lowest - abs(lowest) * 2.0**-22)


@njit
def flagged_rows(flags: Keys, first: int, known_rows: Rows, rows: Rows) -> int:
    """Write the rows whose bit is set, without known ones; return their number.

    Args:
        flags: A bit for each item of a block, 64 a number.
        first: The first row of the block.
        known_rows: Rows to leave out.
        rows: Written.
    """
    count = 0
    for place in range(len(flags)):
        bits = flags[place]
        while bits:
            row = np.int32(first + TESTED * place + first_bit(bits))
            bits &= bits - np.uint64(1)
            n_same = 0
            for i in range(len(known_rows)):
                n_same += known_rows[i] == row
            if n_same == 0:
                rows[count] = row
                count += 1
    return count


@njit
def doubtful_rows(out: Floats, errors: Floats, bar: float, first: int, rows: Rows) -> int:
    """Write the rows whose score may reach a bar; return their number."""
    count, address = 0, out.ctypes.data
    for chunk in range(len(errors)):
        least = least_estimate(bar, errors[chunk])
        for place in range(chunk * CHUNK, min(len(out), (chunk + 1) * CHUNK), TESTED):
            bits = reaching(address + 4 * place, least)
            while bits:
                rows[count] = first + place + first_bit(bits)
                count += 1
                bits &= bits - np.uint64(1)
    return count


@njit
def write_scales(scales: Floats, withdrawn_rows: Rows, first: int, out: Floats) -> bool:
    """Write the scales of a block, NaN for withdrawn rows: their estimates are NaN, too, and in no list.

    Returns:
        Whether a row of the block is withdrawn; nothing is written otherwise.
    """
    low, high = np.searchsorted(withdrawn_rows, first), np.searchsorted(withdrawn_rows, first + len(out))
    if low == high:
        return False
    out[:] = scales
    for row in withdrawn_rows[low:high]:
        out[row - first] = np.float32(np.nan)
    return True
