"""Sends rejected records again, after the cause of their rejection is mended."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import msgspec

from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.rejects.already_sent import Later, Places, read_later
from jobs.rejects.read import StoredReject, read_rejects
from jobs.rejects.summary import REASONS_MAX, kind_of
from streams.messages.events import UnreadablePlay, read_event, read_value
from streams.messages.records import RejectedPlay
from streams.messages.retried import HEADER, place_of
from streams.outbox import Outbox, UnacknowledgedError
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names

WHOLE_BATCH = "a batch that does not decode; its producer has to send its records again"
BATCH = 500
"""Records that are sent at once."""


class RetryError(ConnectionError):
    """Kafka did not acknowledge records. Run the retry again: it sends no record twice."""


class RetryChoice(NamedTuple):
    """The rejects that are sent again."""

    reason: str = ""
    """A text that their reason contains; empty for all."""
    limit: int = 10_000
    """The largest number that is sent."""
    mends_keys: bool = False
    """Whether a record is sent under the `user_id` of its value instead of its own key."""
    is_rehearsal: bool = False
    """Whether nothing is sent, and all else is done."""


class RetryResult(msgspec.Struct, kw_only=True):
    """The outcome of a retry."""

    sent: int = 0
    already_sent: int = 0
    """Rejects that an earlier retry has sent."""
    still_rejected: dict[str, int] = {}
    """Rejects that workers would reject again, by reason; they are not sent."""
    without_content: int = 0
    """Rejects of private plays, whose content is not stored."""
    forgotten: int = 0
    """Rejects from before their listener's request to be forgotten; they are not sent."""
    left: int = 0
    """Rejects beyond the limit."""


class _Retried(NamedTuple):
    """A record that is sent again."""

    place: bytes
    key: bytes
    value: bytes
    partition: int


async def retry_rejects(
    settings: Settings, choice: RetryChoice, on_progress: ProgressCallback = no_progress
) -> RetryResult:
    """Send rejected records to `plays` again, with their bytes, their key and their place in a header.

    Step 1: read the places of all rejects.
    Step 2: read `plays` from the first of these places on. A record with the place of a reject in its header is one
    that an earlier retry sent; a request to be forgotten excludes the rejects before it.
    Step 3: send the others. A crash leaves records on `plays`, which step 2 of the next retry finds.

    Raises:
        LogReadError: Kafka does not answer, or a topic does not exist.
        RetryError: Kafka did not acknowledge.
    """
    # Step 1
    places = Places(topic_names(settings).plays)
    async for stored in read_rejects(settings):
        places.add(stored)
    # Step 2
    later = await read_later(places, settings, on_progress)
    # Step 3
    result, reasons, chosen = RetryResult(), Counter[str](), list[_Retried]()
    async with Outbox(settings.kafka) as outbox:
        async for retried in _retried(later, choice, settings, result, reasons):
            if result.sent + len(chosen) >= choice.limit:
                result.left += 1
                continue
            chosen.append(retried)
            if len(chosen) >= BATCH:
                result.sent += await _send(chosen, outbox, choice, settings)
                chosen = []
                on_progress(JobProgress("sending rejects", result.sent, None))
        result.sent += await _send(chosen, outbox, choice, settings)
    result.still_rejected = dict(reasons.most_common())
    return result


async def _retried(
    later: Later, choice: RetryChoice, settings: Settings, result: RetryResult, reasons: Counter[str]
) -> AsyncIterator[_Retried]:
    """Yield the records to send, each once; count those that are not sent."""
    seen = set[bytes]()
    async for stored in read_rejects(settings):
        if choice.reason not in stored.reject.reason:
            continue
        retried = _judge(stored, later, choice, settings, result, reasons)
        if retried is not None and retried.place not in seen:
            seen.add(retried.place)
            yield retried


def _judge(
    stored: StoredReject,
    later: Later,
    choice: RetryChoice,
    settings: Settings,
    result: RetryResult,
    reasons: Counter[str],
) -> _Retried | None:
    """Return the record to send, or count the reason for not sending it."""
    reject = stored.reject
    if reject.last_offset is not msgspec.UNSET:
        reasons[WHOLE_BATCH] += 1
        return None
    if reject.key is None and reject.value is None:
        result.without_content += 1
        return None
    place = place_of(reject)
    if place in later.places:
        result.already_sent += 1
        return None
    try:
        key = _checked_key(reject, choice, settings)
    except UnreadablePlay as error:
        kind = kind_of(str(error))
        reasons[kind if kind in reasons or len(reasons) < REASONS_MAX else "other reasons"] += 1
        return None
    if later.forgets_after(key, stored):
        result.forgotten += 1
        return None
    return _Retried(place, key, reject.value or b"", partition_of(key.decode(), settings.topics.partitions))


def _checked_key(reject: RejectedPlay, choice: RetryChoice, settings: Settings) -> bytes:
    """Return the key under which workers accept a record now.

    Raises:
        UnreadablePlay: They would reject it again.
    """
    bytes_max, types = settings.topics.play_bytes_max, frozenset(settings.signals.weights)
    if choice.mends_keys:
        return read_value(reject.value, bytes_max, types).user_id.encode()
    return read_event(reject.key, reject.value, bytes_max, types).user_id.encode()


async def _send(chosen: Sequence[_Retried], outbox: Outbox, choice: RetryChoice, settings: Settings) -> int:
    """Send records and await their acknowledgement; return their number."""
    if choice.is_rehearsal:
        return len(chosen)
    topic = topic_names(settings).plays
    try:
        pending = [
            await outbox.send_headed(topic, record.partition, (record.key, record.value), [(HEADER, record.place)])
            for record in chosen
        ]
        for sent in pending:
            await sent.written()
    except UnacknowledgedError as error:
        message = f"{error} Run the retry again when it answers, and no record is sent twice."
        raise RetryError(message) from error
    return len(chosen)
