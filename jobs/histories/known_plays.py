"""The plays of some listeners that count already, as far as their records remember them."""

import asyncio
from collections.abc import Collection, Mapping
from typing import NamedTuple

from state.keys import item_key, play_id_key
from state.users.record import UserRecord
from state.users.record_bytes import applied_offset_of, is_forgotten
from streams.files.formats.ids import play_id_of
from streams.partitioning import partition_of
from streams.readers.lag import lag_of
from streams.readers.log_reader import Span, read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

POLL_S = 0.5
"""Pause between two looks at the lag of the workers."""
STALLED_S = 5.0
"""Seconds without progress after which no worker is waited for."""


class _Remembered(NamedTuple):
    """One listener's record, as far as it tells which plays it contains."""

    plays: frozenset[tuple[int, int]]
    """Item key and second of every signal in the history."""
    play_ids: frozenset[int]
    latest_s: dict[int, int]
    """The latest second of every item in the history."""
    oldest_s: int
    """The earliest second in a full history, 0 for one that has dropped nothing."""


class KnownPlays:
    """Answers whether plays count already.

    A history drops a signal only when it is full: the oldest one that a later one repeats, or else the oldest. So in a
    full history a play counts as known, too, if it is older than every signal, or than another one of its item.
    """

    def __init__(self, values: dict[bytes, bytes], history_max: int) -> None:
        """Read the records of listeners, by their ids in UTF-8."""
        self._by_user = {user.decode(): _remembered(value, history_max) for user, value in values.items()}

    def __call__(self, user_id: str, item_id: str, played_at_ms: int) -> bool:
        """Return whether a listener's play of an item, at a time in milliseconds since 1970, counts already."""
        remembered = self._by_user.get(user_id)
        if remembered is None:
            return False
        key, at_s = item_key(item_id), played_at_ms // 1000
        play_id = play_id_key(play_id_of(user_id, item_id, played_at_ms))
        if (key, at_s) in remembered.plays or play_id in remembered.play_ids:
            return True
        return bool(remembered.oldest_s) and (at_s < remembered.oldest_s or at_s < remembered.latest_s.get(key, 0))


def _remembered(value: bytes, history_max: int) -> _Remembered:
    record = UserRecord.decode(value)
    latest_s: dict[int, int] = {}
    for entry in record.history:
        latest_s[entry.item_key] = max(latest_s.get(entry.item_key, 0), entry.last_played_s)
    is_full = len(record.history) >= history_max
    return _Remembered(
        frozenset((entry.item_key, entry.last_played_s) for entry in record.history),
        frozenset(record.play_ids),
        latest_s,
        min(entry.last_played_s for entry in record.history) if is_full else 0,
    )


async def known_plays(user_ids: Collection[str], settings: Settings) -> KnownPlays:
    """Read the records of listeners from the changelog.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    wanted = {user_id.encode() for user_id in user_ids}
    partitions = sorted({partition_of(user_id, settings.topics.partitions) for user_id in user_ids})
    values: dict[bytes, bytes] = {}
    changelog = topic_names(settings).users_changelog
    async for _, records in read_topic(settings.kafka, changelog, settings.kafka.timeout_s, partitions):
        for record in records:
            if record.key in wanted:
                _take(values, record.key, record.value)
    current = {user: value for user, value in values.items() if not is_forgotten(value)}
    return KnownPlays(current, settings.users.history_max)


def _take(values: dict[bytes, bytes], user: bytes, value: bytes | None) -> None:
    """Keep the record with the highest applied offset; after a tombstone, none."""
    if value is None:
        values.pop(user, None)
    elif user not in values or applied_offset_of(value) >= applied_offset_of(values[user]):
        values[user] = value


async def await_workers(settings: Settings) -> int:
    """Wait until workers have committed all plays of now, while they make progress; return the plays that still wait.

    Plays that producers send meanwhile are not waited for.

    Raises:
        LogReadError: Kafka does not answer.
    """
    loop = asyncio.get_running_loop()
    async with lag_of(settings) as lag:
        spans = await lag.spans()
        ends = {partition: span.end for partition, span in spans.items()}
        fewest, stalled_at = _n_before(ends, spans), loop.time() + STALLED_S
        while fewest and loop.time() < stalled_at:
            await asyncio.sleep(POLL_S)
            n_waiting = _n_before(ends, await lag.spans())
            if n_waiting < fewest:
                fewest, stalled_at = n_waiting, loop.time() + STALLED_S
    return fewest


def _n_before(ends: Mapping[int, int], waiting: Mapping[int, Span]) -> int:
    """Return the number of plays that wait and stand before the ends."""
    return sum(max(0, ends.get(partition, 0) - span.start) for partition, span in waiting.items())
