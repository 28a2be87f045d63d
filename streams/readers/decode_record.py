"""Decodes the values of topics other than `plays` and the changelog."""

from typing import TypeVar

import msgspec

from streams.process.format_text import decode_reason

Record = TypeVar("Record")


class UnreadableRecord(ValueError):  # noqa: N818 - it names the record, which is not an error of ours
    """A record does not decode. Find the other program that writes to the topic.

    Attributes:
        reason: The reason without the description of the record.
    """

    def __init__(self, description: str, reason: str) -> None:
        """Describe the record."""
        super().__init__(f"{description} cannot be decoded: {reason}.")
        self.reason = reason


def decode_record(decoder: msgspec.json.Decoder[Record], value: bytes | None, description: str) -> Record:
    """Decode the value of a record.

    Args:
        decoder: The decoder of the topic's struct.
        value: The record's value, JSON in UTF-8.
        description: The subject of the error message.

    Raises:
        UnreadableRecord: The value is no JSON of that struct.
    """
    try:
        return decoder.decode(value or b"")
    except (ValueError, RecursionError) as error:
        raise UnreadableRecord(description, decode_reason(error)) from None
