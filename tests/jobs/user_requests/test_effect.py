"""Whether a record shows the effect of a request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobs.user_requests.effect import Result, UserRequest, shows_effect
from state.keys import item_key
from state.users.record import HistoryEntry, UserRecord
from streams.messages.events import Forget, Hide, Pause, Resume, Unhide
from streams.positions import position_of
from streams.topics.topics import topic_names
from tests.support.deliveries import Delivered
from tests.support.settings import settings_with

NAMES = topic_names(settings_with())
PAUSED, PLAIN = UserRecord(applied_offset=7, plays=1, paused=True), UserRecord(applied_offset=7, plays=1)
HIDDEN = UserRecord(applied_offset=7, plays=1, hidden=[item_key("i1")])
MARKER = UserRecord(applied_offset=7)
PLAYED_SINCE = UserRecord(applied_offset=8, plays=1, history=[HistoryEntry(1, 1.0, 1, 1)])


@pytest.mark.parametrize(("request_", "with_effect", "without"), [
    (Pause(user_id="ann"), PAUSED, PLAIN),
    (Resume(user_id="ann"), PLAIN, PAUSED),
    (Hide(user_id="ann", item_id="i1"), HIDDEN, PLAIN),
    (Unhide(user_id="ann", item_id="i1"), PLAIN, HIDDEN),
    (Forget(user_id="ann"), MARKER, PLAIN),
    (Forget(user_id="ann"), PLAYED_SINCE, PLAIN),
])  # fmt: skip
def test_a_record_shows_the_effect_or_not(request_: UserRequest, with_effect: UserRecord, without: UserRecord) -> None:
    """Every request has an effect of its own; a forgotten listener may have played since."""
    assert shows_effect(request_, with_effect.encode(), 7)
    assert not shows_effect(request_, without.encode(), 7)


async def waited(request_: UserRequest, position: int, *records: Delivered) -> Result:
    """Wait for the result of a request in some records of the changelog."""
    result = Result(request_, position, NAMES)

    async def reading() -> AsyncIterator[tuple[str, Any]]:
        for record in records:
            yield NAMES.users_changelog, record

    await result.wait(reading())
    return result


async def test_the_record_of_an_earlier_topic_is_no_result() -> None:
    """Its offset is higher, but of another topic."""
    earlier, result_record = (Delivered(at, b"ann", record.encode()) for at, record in enumerate([
        UserRecord(applied_offset=5_000, paused=True),
        UserRecord(applied_offset=position_of(1, 3), paused=True),
    ]))  # fmt: skip

    result = await waited(Pause(user_id="ann"), position_of(1, 3), earlier, result_record)

    assert {NAMES.users_changelog: 1} == result.offsets


async def test_a_record_without_the_effect_is_named() -> None:
    """There is no receipt for it."""
    result = await waited(Pause(user_id="ann"), 7, Delivered(12, b"ann", PLAIN.encode()))

    assert {} == result.offsets
    expected = "the record that a worker wrote (users changelog, offset 12) did not show it"
    assert expected == result.describe_missing()


async def test_a_missing_tombstone_is_named() -> None:
    """The record alone does not remove a list."""
    result = await waited(Forget(user_id="ann"), 7, Delivered(12, b"ann", MARKER.encode()))

    assert "no tombstone of their list came" == result.describe_missing()
    assert (await waited(Forget(user_id="ann"), 7)).describe_missing() is None
