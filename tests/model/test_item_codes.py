"""The bound of an estimate's error, against scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import item_codes
from model.arrays import Doubles, Floats
from model.item_codes import CHUNK, encode_items, first_codes
from model.kernel import kernel
from model.vectors import GROUP, LANES, QUERY_WORDS, dots_plain
from tests.support.hostile import KINDS, hostile_vectors

# As kernels, their machine code is cached.
encode_query, write_errors = kernel(item_codes.encode_query.py_func), kernel(item_codes.write_errors.py_func)


def estimates_of(query: Floats, factors: Floats) -> tuple[Doubles, Doubles]:
    """Return the estimate of every score by the definition, and how far off it may be, in units of scores."""
    n_items, f = factors.shape
    codes = encode_items(factors)
    signed = codes.blocks.astype(np.float64) - 128
    of_items = signed.transpose(0, 2, 1, 3).reshape(len(codes.scales), -1)[:n_items, :f]
    numbers, words = np.empty(f, np.int32), np.empty(-(-f // GROUP) * QUERY_WORDS + 1, np.int32)
    sizes = encode_query(query, numbers, words)
    errors = np.empty(len(codes.errors), np.float32)
    write_errors(sizes, f, (codes.errors, codes.lengths), errors)
    estimates = of_items @ numbers * codes.scales[:n_items] * sizes[0]
    return estimates, errors[np.arange(n_items) // CHUNK].astype(np.float64) * sizes[0]


@given(
    n_items=st.integers(1, 600),
    f=st.sampled_from([1, 2, 3, 4, 7, 16, 17, 64, 100]),
    kinds=st.tuples(st.sampled_from([*KINDS]), st.sampled_from([*KINDS])),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=300)
def test_no_score_is_further_from_its_estimate_than_the_bound(
    n_items: int, f: int, kinds: tuple[str, str], seed: int
) -> None:
    """For vectors of any kind; scores in double precision, and as they are computed."""
    rng = np.random.default_rng(seed)
    factors, query = hostile_vectors(kinds[0], n_items, f, rng), hostile_vectors(kinds[1], 1, f, rng)[0]

    estimates, bounds = estimates_of(query, factors)

    assert (np.abs(factors.astype(np.float64) @ query - estimates) <= bounds).all()
    assert (np.abs(dots_plain(factors, query) - estimates) <= bounds).all()


def test_the_bound_is_tight_enough_to_be_of_use() -> None:
    """About one hundredth of the product of the lengths, which leaves few of ten thousand items in doubt."""
    rng = np.random.default_rng(0)
    factors, query = hostile_vectors("alike", 1000, 64, rng), hostile_vectors("alike", 1, 64, rng)[0]

    _, bounds = estimates_of(query, factors)

    assert bounds.max() < 0.02 * np.linalg.norm(query) * np.linalg.norm(factors, axis=1).max()


@pytest.mark.parametrize("n", [1, 63, 64, 65, 300, 500])
def test_the_first_codes_are_those_of_the_first_items(n: int) -> None:
    """Behind the last item no scale is a number."""
    factors = hostile_vectors("alike", 500, 6, np.random.default_rng(0))
    whole, alone = encode_items(factors), encode_items(factors[:n])

    first = first_codes(whole, n)

    np.testing.assert_array_equal(alone.scales, first.scales)
    np.testing.assert_array_equal(
        alone.blocks.reshape(-1, LANES, 8)[: n // LANES], first.blocks.reshape(-1, LANES, 8)[: n // LANES]
    )
    assert (first.errors >= alone.errors).all()
    assert (first.lengths >= alone.lengths).all()
