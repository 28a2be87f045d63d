"""Keys never change: files and topics were written with them."""

from hypothesis import given
from hypothesis import strategies as st

from state.keys import generation_key, is_item_name, item_key, item_name_key, play_id_key


def test_keys_are_what_they_always_were() -> None:
    """XXH3-64 of the UTF-8 bytes; another value would orphan every history."""
    assert 0xD6D0_60F3_FDF5_FB6D == item_key("song-1")
    assert item_key("naïve") == generation_key("naïve") == play_id_key("naïve") == 0xCCCC_BC10_C227_7808


@given(st.integers(0, 2**64 - 1))
def test_an_item_name_stands_under_its_key(key: int) -> None:
    """The key of a name is told from a user's, and gives the item's key back."""
    name = item_name_key(key)

    assert is_item_name(name)
    assert key == int.from_bytes(name[1:], "big")


@given(st.text(min_size=1, max_size=128).filter(str.isprintable))
def test_a_user_is_never_taken_for_an_item(user_id: str) -> None:
    """User ids are printable."""
    assert not is_item_name(user_id.encode())
