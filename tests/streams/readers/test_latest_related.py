"""The related items of an item."""

import msgspec
import pytest

from streams.messages.records import RelatedItems
from streams.readers.decode_record import UnreadableRecord
from streams.readers.latest_related import read_related

RELATED = RelatedItems(item_id="i1", generation="g1", items=["i2"], cosines=[0.5])


def test_related_items_survive_their_encoding() -> None:
    """The reader returns the record that was written."""
    assert RELATED == read_related("i1", msgspec.json.encode(RELATED))


def test_a_value_that_is_no_record_of_related_items_is_a_sentence() -> None:
    """The sentence names the item."""
    with pytest.raises(UnreadableRecord) as caught:
        read_related("i1", b"{}")

    expected = "The record of related items of 'i1' cannot be decoded: Object missing required field item_id."
    assert expected == str(caught.value)
