"""The rejects that the doctor reads on a real Kafka."""

import msgspec

from jobs.doctor.damaged_records import DamagedRecords
from jobs.doctor.probes import probe_rejects
from streams.messages.records import RejectedPlay
from streams.outbox import Outbox
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.kafka.made_state import USERS, apply_all, log_of, send_round


async def test_rejects_of_an_earlier_topic_do_not_count(settings: Settings, names: TopicNames) -> None:
    """A topic of plays that was made again has not reached their offsets, so they are none of its events."""
    for number in range(2):
        await send_round(settings, number)
    await apply_all(settings)
    partition = (await log_of(settings, names.plays))[0].partition
    rejects = [
        RejectedPlay(topic=names.plays, partition=partition, offset=offset, reason="no JSON", key=None, value=b"{")
        for offset in (0, 5_000)
    ]
    async with Outbox(settings.kafka) as outbox:
        items = [(b"", msgspec.json.encode(reject)) for reject in rejects]
        await (await outbox.send(names.plays_rejected, partition, items)).written()

    readings = await probe_rejects(settings, DamagedRecords())

    assert [0] == [reject.offset for reject in readings.rejected]
    assert 2 * len(USERS) == readings.n_events
