"""The rejects of a batch that does not decode."""

import msgspec

from agents.plays.reject_batch import PART_BYTES_MAX, reject_batch
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.records import RejectedPlay


def rejects(raw: bytes, n_records: int | None = 3) -> list[RejectedPlay]:
    """Return the rejects of a batch with these bytes."""
    batch = UnreadableBatch("plays", 1, 7, 9, n_records, "the checksum is wrong", raw, 0)
    items = list(reject_batch(batch))
    assert {b""} == {key for key, _ in items}
    return [msgspec.json.decode(value or b"", type=RejectedPlay) for _, value in items]


def test_a_batch_is_one_reject_with_its_place_and_its_bytes() -> None:
    """The last offset says how many plays are behind it."""
    (rejected,) = rejects(b"\x00\xff bytes")

    assert (
        RejectedPlay(
            topic="plays",
            partition=1,
            offset=7,
            reason="a batch of 3 records cannot be read: the checksum is wrong",
            key=None,
            value=b"\x00\xff bytes",
            last_offset=9,
        )
        == rejected
    )


def test_a_large_batch_is_several_rejects() -> None:
    """Each fits the topic of rejects; together they are the batch."""
    raw = b"x" * (2 * PART_BYTES_MAX + 1)

    parts = rejects(raw, None)

    assert raw == b"".join(part.value or b"" for part in parts)
    assert [7] * 3 == [part.offset for part in parts]
    assert "a batch cannot be read: the checksum is wrong; part 3 of 3 of its bytes" == parts[-1].reason


def test_bytes_that_show_a_private_play_stay_where_they_are() -> None:
    """A private play is on the topic of plays alone."""
    (rejected,) = rejects(b'\x00{"user_id": "ann", "private": true}')

    assert None is rejected.value
    assert rejected.reason.endswith("; its bytes show a private play and stay in the topic of plays alone")
