"""Deaths of a run in a test lose as much as those of a process."""

import pytest

from streams.outbox import Outbox
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.kafka.deaths import Deaths, DiedError
from tests.kafka.made_state import log_of


async def test_records_that_are_not_sent_yet_die_with_the_run(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outbox sends them at its end otherwise."""
    deaths = Deaths(monkeypatch)
    deaths.at(4)

    with pytest.raises(DiedError):
        await send_four(settings, names.plays)

    assert [b"written"] == [record.key for record in await log_of(settings, names.plays)]


async def send_four(settings: Settings, topic: str) -> None:
    """Send records, and wait for the first of them alone."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send_headed(topic, 0, (b"written", b"{}"), [])).written()
        for number in range(3):
            await outbox.send_headed(topic, 0, (f"pending {number}".encode(), b"{}"), [])
