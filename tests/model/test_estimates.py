"""The items of a block that are in doubt, against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import estimates
from model.arrays import Floats
from model.item_codes import CHUNK
from model.kernel import kernel
from model.vectors import LANES

# As kernels, their machine code is cached.
doubtful_rows = kernel(estimates.doubtful_rows.py_func)
first_bar = kernel(estimates.first_bar.py_func)
flagged_rows = kernel(estimates.flagged_rows.py_func)
leave_out = kernel(estimates.leave_out.py_func)
write_scales = kernel(estimates.write_scales.py_func)

FIRST = 2 * CHUNK
"""The first row of the block."""


def maxima_of(out: Floats) -> Floats:
    """Return the best estimate of every group by the definition."""
    whole = np.full(-(-len(out) // CHUNK) * CHUNK, -np.inf, np.float32)
    whole[: len(out)] = np.where(np.isnan(out), -np.inf, out)
    maxima: Floats = whole.reshape(-1, CHUNK // LANES, LANES).max(axis=1).ravel()
    return maxima


def drawn(seed: int, width: int = 3 * CHUNK + 64) -> Floats:
    """Return estimates, some of them equal, and some of withdrawn items."""
    rng = np.random.default_rng(seed)
    out = np.round(rng.standard_normal(width), 1).astype(np.float32)
    out[rng.random(width) < 0.1] = np.nan
    return out


@given(seed=st.integers(0, 1000), n_known=st.integers(0, 400))
def test_rows_left_out_are_in_no_maximum(seed: int, n_known: int) -> None:
    """Rows of other blocks, unknown ones (-1) and repeated ones change nothing."""
    out, rng = drawn(seed), np.random.default_rng(seed)
    known = rng.integers(-1, FIRST + len(out) + CHUNK, n_known).astype(np.int32)
    expected, maxima = out.copy(), maxima_of(out)
    expected[np.unique(known[(known >= FIRST) & (known < FIRST + len(out))]) - FIRST] = np.nan

    leave_out(out, maxima, known, FIRST)

    np.testing.assert_array_equal(expected, out)
    np.testing.assert_array_equal(maxima_of(expected), maxima)


@given(seed=st.integers(0, 1000), n=st.integers(1, 64), error=st.sampled_from([0.0, 0.3, np.inf]))
def test_n_items_certainly_reach_the_first_bar(seed: int, n: int, error: float) -> None:
    """Each of them has an estimate that much above it; the bar is nearly the best such one."""
    out = drawn(seed)
    errors = np.full(4, error, np.float32)

    bar = first_bar(maxima_of(out), errors, n)

    lowest = np.where(np.isnan(out), -np.inf, out - np.float32(error))
    assert n <= int((lowest >= bar).sum())
    assert n + n // 16 >= int((np.unique(maxima_of(out) - np.float32(error)) > bar).sum())


def test_fewer_groups_than_places_have_no_bar() -> None:
    """Then every item is in doubt."""
    out = drawn(0, CHUNK)

    assert -np.inf == first_bar(maxima_of(out), np.zeros(1, np.float32), LANES + 1)


@given(seed=st.integers(0, 1000), bar=st.sampled_from([-np.inf, -1.0, 0.0, 1.3, 9.0]))
def test_rows_in_doubt_are_those_that_may_reach_the_bar(seed: int, bar: float) -> None:
    """Ascending; a chunk with a larger error has more of them, and one without a bound has all."""
    out, errors = drawn(seed), np.array([0, 0.5, np.inf, 0.1], np.float32)
    rows = np.empty(len(out), np.int32)

    count = doubtful_rows(out, errors, bar, FIRST, rows)

    may_reach = out >= bar - errors.astype(np.float64)[np.arange(len(out)) // CHUNK] - 1e-6
    expected = np.flatnonzero(~np.isnan(out) & may_reach) + FIRST
    assert expected.tolist() == rows[:count].tolist()


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.01, 1.0]), n_known=st.integers(0, 60))
def test_flagged_rows_are_those_whose_bit_is_set(seed: int, share: float, n_known: int) -> None:
    """Ascending, without known ones; rows of other blocks, unknown ones (-1) and repeated ones change nothing."""
    rng = np.random.default_rng(seed)
    is_flagged = rng.random(192) <= share
    flags = np.packbits(is_flagged, bitorder="little").view(np.uint64)
    known, rows = rng.integers(-1, FIRST + 250, n_known).astype(np.int32), np.empty(192, np.int32)

    count = flagged_rows(flags, FIRST, known, rows)

    assert np.setdiff1d(np.flatnonzero(is_flagged) + FIRST, known).tolist() == rows[:count].tolist()


@pytest.mark.parametrize(("expected", "withdrawn"), [(False, [3, 900]), (True, [3, 520, 600]), (False, [])])
def test_withdrawn_rows_have_no_scale(expected: bool, withdrawn: list[int]) -> None:  # noqa: FBT001  a parameter
    """Those of the block alone; without any nothing is written."""
    scales, out = np.arange(1, 129, dtype=np.float32), np.zeros(128, np.float32)

    assert expected == write_scales(scales, np.array(withdrawn, np.int32), FIRST, out)
    assert [row for row in withdrawn if FIRST <= row < FIRST + 128] == (np.flatnonzero(np.isnan(out)) + FIRST).tolist()
