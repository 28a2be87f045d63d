"""A compacted topic followed by every process, on a real Kafka."""

import asyncio
from collections.abc import Callable

import pytest

from streams.outbox import Outbox
from streams.readers.broadcast import Broadcast
from streams.readers.log_reader import LogReadError
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.support.topics import remake
from tests.support.wait import wait_until

Seen = list[tuple[bytes | None, bytes | None]]


async def announce(settings: Settings, topic: str, *values: bytes | None) -> None:
    """Write records."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic, 0, [(b"serving", value) for value in values])).written()


def broadcast(settings: Settings, topic: str, on_record: Callable[[bytes | None, bytes | None], None]) -> Broadcast:
    """Return a broadcast that is not started."""
    return Broadcast(settings.kafka, topic, on_record, settings.kafka.timeout_s)


async def test_what_stands_there_is_known_at_start(settings: Settings, names: TopicNames) -> None:
    """A worker knows the generation in service before it folds its first play; later records follow in order."""
    seen: Seen = []
    await announce(settings, names.generations, b"1", b"2", None)

    following = broadcast(settings, names.generations, lambda key, value: seen.append((key, value)))
    assert {} == following.places
    async with following:
        assert {0: 3} == following.places
        assert [(b"serving", b"1"), (b"serving", b"2"), (b"serving", None)] == seen
        await announce(settings, names.generations, b"4")
        await wait_until(lambda: len(seen) == 4)

    assert (b"serving", b"4") == seen[-1]


async def test_others_have_their_turn_while_much_is_read(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large topic is taken in a few records at a time, in order."""
    monkeypatch.setattr("streams.readers.broadcast.RECORDS_AT_ONCE", 5)
    await announce(settings, names.generations, *(str(number).encode() for number in range(100)))
    turns, seen = 0, []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    others = asyncio.create_task(take_turns())
    async with broadcast(settings, names.generations, lambda _key, value: seen.append((value, turns))):
        others.cancel()

    assert [str(number).encode() for number in range(100)] == [value for value, _ in seen]
    assert 20 == len({turn for _, turn in seen})


async def test_every_process_gets_every_record(settings: Settings, names: TopicNames) -> None:
    """No consumer group shares them out; an empty topic is ready at once."""
    seen: tuple[Seen, Seen] = [], []

    async with (
        broadcast(settings, names.generations, lambda key, value: seen[0].append((key, value))),
        broadcast(settings, names.generations, lambda key, value: seen[1].append((key, value))),
    ):
        await announce(settings, names.generations, b"1")
        await wait_until(lambda: all(seen))

    assert ([(b"serving", b"1")], [(b"serving", b"1")]) == seen


async def test_a_topic_that_was_made_again_is_read_from_its_beginning(
    settings: Settings, names: TopicNames, caplog: pytest.LogCaptureFixture
) -> None:
    """Also if it has as many records as were read of the old one; places are of the new one then."""
    seen, remade = list[bytes | None](), list[bytes | None]()
    await announce(settings, names.generations, b"1", b"2")
    following = Broadcast(
        settings.kafka,
        names.generations,
        lambda _key, value: seen.append(value),
        settings.kafka.timeout_s,
        on_remade=lambda: remade.extend(seen),
    )
    async with following:
        former_id = following.topic_id
        await asyncio.to_thread(remake, settings, names.generations)
        await announce(settings, names.generations, b"3", b"4")
        await wait_until(lambda: following.topic_id != former_id)
        await wait_until(lambda: seen[-2:] == [b"3", b"4"])
        await announce(settings, names.generations, b"5")
        await wait_until(lambda: seen[-1] == b"5")
        await wait_until(lambda: following.places == {0: 3})

    assert former_id
    assert [b"1", b"2"] == remade[:2]
    assert 1 == caplog.messages.count("topic_remade")


async def test_a_missing_topic_is_said_at_start(settings: Settings) -> None:
    """Not by a hang."""
    with pytest.raises(
        LogReadError, match=r"^Topic no-such-topic does not exist; `playfold topics create` makes it\.$"
    ):
        await broadcast(settings, "no-such-topic", lambda _key, _value: None).start()


async def test_a_failure_while_following_is_told(settings: Settings, names: TopicNames) -> None:
    """A caller that waits for `failed` gets the error."""

    def stumble(_key: bytes | None, value: bytes | None) -> None:
        message = f"cannot take {value!r}"
        raise ArithmeticError(message)

    async with broadcast(settings, names.generations, stumble) as following:
        await announce(settings, names.generations, b"1")
        with pytest.raises(ArithmeticError, match=r"^cannot take b'1'$"):
            await asyncio.wait_for(following.failed(), 5)


async def test_stopping_before_the_start_is_no_error(settings: Settings) -> None:
    """A worker that never came that far shuts down all the same, and leaves no task behind."""
    before = asyncio.all_tasks()

    await broadcast(settings, "plays", lambda _key, _value: None).stop()

    assert before == asyncio.all_tasks()
