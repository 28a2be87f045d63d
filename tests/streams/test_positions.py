"""Positions: offsets of several topics of plays, in one order."""

from hypothesis import given
from hypothesis import strategies as st

from streams.positions import EPOCH_MAX, OFFSET_MASK, epoch_of, offset_of, position_of

epochs, offsets = st.integers(0, EPOCH_MAX), st.integers(0, OFFSET_MASK)


@given(epochs, offsets)
def test_a_position_names_its_epoch_and_its_offset(epoch: int, offset: int) -> None:
    """And fits into the 64 bits of a record."""
    position = position_of(epoch, offset)

    assert epoch == epoch_of(position)
    assert offset == offset_of(position)
    assert 0 <= position < 2**63


@given(epochs, offsets, epochs, offsets)
def test_positions_are_ordered_by_epoch_and_then_by_offset(epoch: int, offset: int, other: int, later: int) -> None:
    """So one comparison of numbers is enough everywhere."""
    assert ((epoch, offset) < (other, later)) == (position_of(epoch, offset) < position_of(other, later))


def test_in_the_first_epoch_a_position_is_the_offset() -> None:
    """Records of older versions need no conversion; no offset stays below all of them."""
    assert 5_000 == position_of(0, 5_000)
    assert -1 == position_of(7, -1)
    assert 0 == epoch_of(-1)
    assert -1 == offset_of(-1)
