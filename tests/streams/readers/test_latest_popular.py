"""The latest popular list of a kind."""

import msgspec
import pytest

from streams.messages.records import PopularItems
from streams.readers.decode_record import UnreadableRecord
from streams.readers.latest_popular import as_list_of, read_popular
from tests.support.settings import settings_with

POPULAR = PopularItems(
    kind="song", generation="g1", revision=2, as_of_ms=900, made_at_ms=1000, items=["i1", "i2"], plays=[3.5, 1.5]
)


def test_a_popular_list_survives_its_encoding() -> None:
    """The reader returns the list that was written."""
    assert POPULAR == read_popular("song", msgspec.json.encode(POPULAR))


def test_a_value_that_is_no_popular_list_is_a_sentence() -> None:
    """The sentence names the kind."""
    with pytest.raises(UnreadableRecord) as caught:
        read_popular("song", b"7")

    assert "A popular list of kind 'song' cannot be decoded: Expected object, got int." == str(caught.value)


def test_a_popular_list_is_the_list_of_a_listener_without_one() -> None:
    """It reflects no play of the listener, and expires as their own list would."""
    shown = as_list_of("ann", POPULAR, settings_with(list_expires_s=60))

    assert "ann" == shown.user_id
    assert "popular" == shown.kind
    assert -1 == shown.offset
    assert 61_000 == shown.expires_at_ms
    assert ["i1", "i2"] == shown.items
    assert [3.5, 1.5] == shown.scores
