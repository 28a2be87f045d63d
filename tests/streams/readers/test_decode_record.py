"""Values of records are decoded, or the error says why they are not."""

import msgspec
import pytest

from streams.readers.decode_record import UnreadableRecord, decode_record


class Song(msgspec.Struct):
    """A record of these tests."""

    title: str


DECODER = msgspec.json.Decoder(Song)


def test_a_value_is_decoded() -> None:
    """The result is the decoder's struct."""
    assert Song("Ferry") == decode_record(DECODER, b'{"title": "Ferry"}', "A song")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"[]", "Expected object, got array"),
        (b'{"title": 1}', "Expected str, got int - at $.title"),
        (b'{"title": "\xff"}', "the value is not UTF-8"),
        (b"", "Input data was truncated"),
        (None, "Input data was truncated"),
        (b'{"x":' * 100_000, "the value is nested too deeply"),
    ],
)
def test_a_value_that_does_not_decode_is_a_sentence(value: bytes | None, reason: str) -> None:
    """The sentence has the description of the record and the decoder's reason, without back-quotes."""
    with pytest.raises(UnreadableRecord) as caught:
        decode_record(DECODER, value, "A song")

    assert f"A song cannot be decoded: {reason}." == str(caught.value)
    assert reason == caught.value.reason
