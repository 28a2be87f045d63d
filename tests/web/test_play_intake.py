"""Events on their way to Kafka, whose part a list in memory plays."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError

from streams.connection.credentials import CredentialsError
from streams.outbox import Headers, Item, OutboxError, Pending
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings
from streams.topics.topics import topic_names
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with
from tests.support.wait import wait_idle
from web.play_intake import BATCH_BYTES, RECONNECT_S, IntakeError, IntakeFullError, PlayIntake

PLAYS = topic_names(Settings()).plays

pytestmark = pytest.mark.virtual_time


class CountingOutbox(MemoryOutbox):
    """Remembers how many events went at once."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Begin with none."""
        super().__init__(kafka)
        self.sizes: list[int] = []

    async def send(
        self, topic: str, partition: int, items: Iterable[Item], headers: Iterable[Headers] | None = None
    ) -> Pending:
        """Count and keep sent events."""
        batch = list(items)
        self.sizes.append(len(batch))
        return await super().send(topic, partition, batch, headers)


class GoneOutbox(MemoryOutbox):
    """Does not connect."""

    def __init__(self, kafka: KafkaSettings, failure: Exception | None = None) -> None:
        """Fail with an error; without one, no broker answers."""
        super().__init__(kafka)
        self._failure = failure or OutboxError("No Kafka broker answered.")

    async def start(self) -> None:
        """Fail."""
        raise self._failure


def intake_of(*outboxes: MemoryOutbox, **settings: Any) -> PlayIntake:
    """Return an intake that gets one outbox after the other."""
    waiting = list(outboxes)
    return PlayIntake(settings_with(**settings), lambda _: waiting.pop(0))


@pytest.fixture
async def outbox() -> CountingOutbox:
    """Give a Kafka in memory."""
    return CountingOutbox(Settings().kafka)


@pytest.fixture
async def intake(outbox: CountingOutbox) -> AsyncIterator[PlayIntake]:
    """Give an intake that has reached it."""
    made = intake_of(outbox)
    await made.start()
    yield made
    await made.stop()


def events(*names: str) -> list[Item]:
    """Return small events."""
    return [(name.encode(), b"{}") for name in names]


def keys(outbox: MemoryOutbox, partition: int = 0) -> list[str]:
    """Return whose events stand in a partition."""
    return [key.decode() for key, _ in outbox.logs.get((PLAYS, partition), [])]


async def test_events_stand_where_they_are_said_to_stand(intake: PlayIntake, outbox: CountingOutbox) -> None:
    """Each request learns its own offsets, partition by partition."""
    assert [0, 1] == await intake.put(0, events("a", "b"))
    assert [0] == await intake.put(3, events("c"))
    assert [2] == await intake.put(0, events("d"))
    assert ["a", "b", "d"] == keys(outbox)
    assert ["c"] == keys(outbox, 3)


async def test_what_comes_while_a_batch_is_on_its_way_goes_together(intake: PlayIntake, outbox: CountingOutbox) -> None:
    """One batch at a time, so that order is kept; nobody waits for a timer."""
    outbox.held.add(PLAYS)
    puts = [asyncio.create_task(intake.put(0, events(f"u{number}", f"u{number}"))) for number in range(50)]
    await wait_idle()
    assert [100] == outbox.sizes
    late = asyncio.create_task(intake.put(0, events("late")))
    await wait_idle()

    outbox.release(PLAYS)

    offsets_of_all = [offset for offsets in await asyncio.gather(*puts) for offset in offsets]
    assert list(range(100)) == offsets_of_all
    assert [100] == await late
    assert [100, 1] == outbox.sizes


async def test_partitions_do_not_wait_for_each_other(intake: PlayIntake, outbox: CountingOutbox) -> None:
    """A slow one holds up nobody's plays but its own."""
    outbox.held.add(PLAYS)
    slow = asyncio.create_task(intake.put(0, events("a")))
    await wait_idle()
    outbox.held.discard(PLAYS)

    assert [0] == await intake.put(1, events("b"))

    assert not slow.done()
    outbox.release(PLAYS)
    assert [0] == await slow


async def test_large_events_are_cut_into_batches(intake: PlayIntake, outbox: CountingOutbox) -> None:
    """So that the offsets of each are one run; the answer knows them all."""
    large = [(b"a", b"x" * 100_000) for _ in range(20)]

    assert list(range(20)) == await intake.put(0, large)

    most = BATCH_BYTES // 100_000
    assert len(outbox.sizes) > 2
    assert max(outbox.sizes) <= most


async def test_more_than_may_wait_is_refused_at_once(outbox: CountingOutbox) -> None:
    """None of it is sent; waiting events are unharmed; there is room again when they have arrived."""
    intake = intake_of(outbox, gateway_plays_waiting_max=3)
    await intake.start()
    outbox.held.add(PLAYS)
    first = asyncio.create_task(intake.put(0, events("a", "b")))
    await wait_idle()

    with pytest.raises(IntakeFullError, match=r"^2 events wait for Kafka already; nothing was sent\.$"):
        await intake.put(1, events("c", "d"))
    outbox.release(PLAYS)

    assert [0, 1] == await first
    assert [2, 3, 4] == await intake.put(0, events("c", "d", "e"))
    assert [] == keys(outbox, 1)


async def test_before_the_start_nothing_is_taken(outbox: CountingOutbox) -> None:
    """Said at once."""
    intake = intake_of(outbox)

    assert not intake.connected
    with pytest.raises(IntakeError, match=r"^Kafka at 127\.0\.0\.1:19092 does not answer; nothing was sent\.$"):
        await intake.put(0, events("a"))


async def test_a_kafka_that_goes_is_told_and_found_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A waiting request learns that its events may have arrived; later ones are refused until Kafka is back."""
    first, second = CountingOutbox(Settings().kafka), CountingOutbox(Settings().kafka)
    intake = intake_of(first, GoneOutbox(Settings().kafka), GoneOutbox(Settings().kafka), second)
    await intake.start()
    first.refused[PLAYS] = RequestTimedOutError()
    caplog.set_level("INFO")

    failed = await asyncio.gather(
        intake.put(0, events("a")), intake.put(0, events("b")), intake.put(1, events("c")), return_exceptions=True
    )

    assert [IntakeError] * 3 == [type(error) for error in failed]
    assert "did not acknowledge records of plays within 30 s (RequestTimedOutError()); it may have" in str(failed[0])
    assert "Send the events again; with a play_id each counts once." in str(failed[0])
    with pytest.raises(IntakeError, match="nothing was sent"):
        await intake.put(0, events("d"))
    await asyncio.sleep(RECONNECT_S)
    connected_early = intake.connected
    await asyncio.sleep(RECONNECT_S)
    await wait_idle()
    assert not connected_early
    assert intake.connected
    assert [0] == await intake.put(0, events("e"))
    assert ["e"] == keys(second)
    assert ["intake_lost_kafka", "intake_not_connected", "intake_found_kafka"] == caplog.messages
    await intake.stop()


async def test_a_file_that_cannot_be_read_once_does_not_end_the_reconnection(caplog: pytest.LogCaptureFixture) -> None:
    """A token is rewritten in place, so a connection may read it half written. Every other reason is logged."""
    first, second = CountingOutbox(Settings().kafka), CountingOutbox(Settings().kafka)
    failures = [CredentialsError("token has an empty first line."), CredentialsError("token cannot be read.")]
    intake = intake_of(first, *(GoneOutbox(Settings().kafka, failure) for failure in failures), second)
    await intake.start()
    first.refused[PLAYS] = RequestTimedOutError()

    await asyncio.gather(intake.put(0, events("a")), return_exceptions=True)
    await asyncio.sleep(3 * RECONNECT_S)

    assert intake.connected
    assert [0] == await intake.put(0, events("b"))
    reasons = [record.__dict__["reason"] for record in caplog.records if record.message == "intake_not_connected"]
    assert [str(failure) for failure in failures] == reasons
    await intake.stop()


async def test_a_kafka_that_does_not_answer_is_not_waited_for() -> None:
    """So long as the setting says; those behind in the lane are told as well."""
    outbox, clock = CountingOutbox(settings_with(kafka_timeout_s=7.0).kafka), asyncio.get_running_loop()
    intake = intake_of(outbox, CountingOutbox(Settings().kafka))
    await intake.start()
    outbox.held.add(PLAYS)
    began = clock.time()

    failed = await asyncio.gather(*(intake.put(0, events(f"u{number}")) for number in range(5)), return_exceptions=True)

    assert 7.0 == clock.time() - began
    assert {IntakeError} == {type(error) for error in failed}
    await intake.stop()


async def test_who_goes_away_takes_no_room(outbox: CountingOutbox) -> None:
    """A request that was given up leaves its place to others, and its events arrive."""
    intake = intake_of(outbox, gateway_plays_waiting_max=2)
    await intake.start()
    outbox.held.add(PLAYS)
    gone = asyncio.create_task(intake.put(0, events("a", "b")))
    await wait_idle()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    outbox.release(PLAYS)
    await wait_idle()

    assert [2, 3] == await intake.put(0, events("c", "d"))
    assert ["a", "b", "c", "d"] == keys(outbox)


async def test_a_stop_waits_for_what_is_on_its_way(outbox: CountingOutbox) -> None:
    """Waiting requests get their offsets."""
    intake = intake_of(outbox)
    await intake.start()
    outbox.held.add(PLAYS)
    put = asyncio.create_task(intake.put(0, events("a")))
    await wait_idle()
    stopping = asyncio.create_task(intake.stop())
    await wait_idle()
    assert not stopping.done()

    outbox.release(PLAYS)

    await stopping
    assert [0] == await put
