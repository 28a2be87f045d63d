"""Score and row as one number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import candidates
from model.kernel import kernel

# As kernels, their machine code is cached.
candidate_of, score_bits_of, row_of = (
    kernel(one.py_func) for one in (candidates.candidate_of, candidates.score_bits_of, candidates.row_of)
)
cut, write_list = kernel(candidates.cut.py_func), kernel(candidates.write_list.py_func)
floats = st.floats(width=32, allow_nan=False)
rows = st.integers(0, 2**31 - 1)


def bits_of(score: float) -> np.uint32:
    """Return the bits of a score."""
    bits: np.uint32 = np.array([score], np.float32).view(np.uint32)[0]
    return bits


@given(one=st.tuples(floats, rows), other=st.tuples(floats, rows))
def test_the_order_is_that_of_scores_then_rows(one: tuple[float, int], other: tuple[float, int]) -> None:
    """A higher score is a larger number; of equal scores the lower row is."""
    larger = (one[0], -one[1]) > (other[0], -other[1])

    assert larger == (candidate_of(bits_of(one[0]), one[1]) > candidate_of(bits_of(other[0]), other[1]))


@given(score=floats, row=rows)
def test_score_and_row_come_back(score: float, row: int) -> None:
    """Every float but minus zero, which comes back as zero."""
    candidate = np.uint64(candidate_of(bits_of(score), row))

    assert row == row_of(candidate)
    assert bits_of(score + 0.0) == score_bits_of(candidate)


def test_minus_zero_ties_with_zero() -> None:
    """A product may come out as minus zero; it ranks by row like any other zero."""
    assert candidate_of(bits_of(0.0), 3) == candidate_of(bits_of(-0.0), 3)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 250, 300, 1000])
@pytest.mark.parametrize("n", [1, 10, 600])
def test_a_list_has_the_best_candidates_in_order(count: int, n: int) -> None:
    """However many there are; places without one keep their padding."""
    rng = np.random.default_rng(count)
    scores = rng.integers(-5, 6, count).astype(np.float32)
    numbered = [candidate_of(bits, row) for row, bits in enumerate(scores.view(np.uint32))]
    space, rows, listed = np.array(numbered, np.uint64), np.full(n, -1, np.int32), np.full(n, -np.inf, np.float32)

    write_list(rng.permutation(space), count, rows, listed.view(np.uint32))

    best = np.argsort(-scores, kind="stable")[:n]
    assert [*best.tolist(), *[-1] * (n - len(best))] == rows.tolist()
    assert [*scores[best].tolist(), *[-np.inf] * (n - len(best))] == listed.tolist()


@given(seed=st.integers(0, 1000), count=st.integers(1, 400), n=st.integers(1, 400))
def test_the_best_candidates_are_moved_to_the_front(seed: int, count: int, n: int) -> None:
    """In any order; the others are lost."""
    n, rng = min(n, count), np.random.default_rng(seed)
    scores = rng.integers(-2, 3, count).astype(np.float32)
    numbered = np.array([candidate_of(bits, row) for row, bits in enumerate(scores.view(np.uint32))], np.uint64)
    best = np.sort(numbered)[::-1][:n]

    cut(numbered, count, n)

    assert best.tolist() == np.sort(numbered[:n])[::-1].tolist()
