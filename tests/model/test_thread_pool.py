"""Work that threads share: every part once, for any number of threads."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.thread_pool import PARTS_A_THREAD, even_parts, share

PARTS = [slice(low, low + 1) for low in range(7)]


@pytest.mark.parametrize("threads", [1, 2, 20])
@pytest.mark.parametrize("n_parts", [0, 1, 7])
def test_every_part_is_done_once(threads: int, n_parts: int) -> None:
    """When the work returns all of it is done, with fewer threads than parts and with more."""
    done: list[int] = []

    share(lambda part: done.append(part.start), PARTS[:n_parts], threads)

    assert list(range(n_parts)) == sorted(done)


def test_threads_work_side_by_side() -> None:
    """A part that waits for the next one is not waited for."""
    both_are_there = threading.Barrier(2)
    waited = []

    def work(_: slice) -> None:
        waited.append(both_are_there.wait(5))

    share(work, PARTS[:2], threads=2)

    assert [0, 1] == sorted(waited)


def test_one_thread_is_the_callers() -> None:
    """Nothing is started where nothing is shared."""
    workers = set()

    share(lambda _: workers.add(threading.current_thread()), PARTS, threads=1)
    share(lambda _: workers.add(threading.current_thread()), PARTS[:1], threads=3)

    assert {threading.current_thread()} == workers


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("bad", [0, 6])
def test_an_exception_in_a_part_reaches_the_caller(threads: int, bad: int) -> None:
    """Whichever part it is: nobody takes half a result for the whole."""

    def work(part: slice) -> None:
        if part.start == bad:
            message = f"part {bad}"
            raise ValueError(message)

    with pytest.raises(ValueError, match=f"^part {bad}$"):
        share(work, PARTS, threads)


@given(lengths=st.lists(st.integers(0, 50), max_size=200), threads=st.integers(1, 4), first=st.sampled_from([0, 1_000]))
def test_parts_cover_all_rows_once(lengths: list[int], threads: int, first: int) -> None:
    """In their order, without a gap, empty rows included; none is empty unless there are no rows at all."""
    starts = first + np.cumsum([0, *lengths], dtype=np.int64)

    parts = even_parts(starts, threads)

    assert list(range(len(lengths))) == [row for part in parts for row in range(part.start, part.stop)]
    assert not lengths or all(part.start < part.stop for part in parts)


@given(
    lengths=st.lists(st.integers(0, 50), min_size=1, max_size=200),
    threads=st.integers(2, 4),
    first=st.sampled_from([0, 1_000]),
)
def test_parts_have_about_equal_entries(lengths: list[int], threads: int, first: int) -> None:
    """None has more than its share and one row: rows are not torn apart."""
    starts = first + np.cumsum([0, *lengths], dtype=np.int64)

    entries = [int(starts[part.stop] - starts[part.start]) for part in even_parts(starts, threads)]

    assert max(entries) <= sum(lengths) / (threads * PARTS_A_THREAD) + max(lengths)


def test_equal_rows_make_as_many_parts_as_threads_take() -> None:
    """A thread that lost its core leaves the rest of its parts to the others."""
    parts = even_parts(np.arange(0, 6400 + 1, 2), 2)

    assert [3200 // (2 * PARTS_A_THREAD)] * 2 * PARTS_A_THREAD == [part.stop - part.start for part in parts]
