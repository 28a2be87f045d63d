"""Items of the catalog."""

import pytest

from streams.messages.records import CatalogItem
from streams.readers.catalog_item import read_catalog_item
from streams.readers.decode_record import UnreadableRecord


def test_an_item_is_decoded_under_its_id() -> None:
    """Unknown fields are ignored."""
    value = b'{"item_id": "i1", "title": "Ferry", "label": "none"}'

    assert CatalogItem(item_id="i1", title="Ferry") == read_catalog_item(b"i1", value)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"i2", b'{"item_id": "i1"}', "the key is not the item_id"),
        (None, b'{"item_id": "i1"}', "the key is not the item_id"),
        (b"i1", b'{"item_id": 1}', "Expected str, got int - at $.item_id"),
        (b"i1", b'{"x":' * 100_000, "the value is nested too deeply"),
    ],
)
def test_a_record_that_is_no_item_is_a_sentence(key: bytes | None, value: bytes, reason: str) -> None:
    """The sentence has the reason."""
    with pytest.raises(UnreadableRecord) as caught:
        read_catalog_item(key, value)

    assert f"A record of the catalog cannot be decoded: {caught.value.reason}." == str(caught.value)
    assert reason == caught.value.reason
