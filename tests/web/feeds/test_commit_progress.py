"""How far the workers are, asked of a real Kafka."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from state.gateway_view.view import View
from streams.messages.pulse import OutcomeSpan
from streams.outbox import Outbox
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.support.pulses import pulse_of
from tests.support.settings import settings_with
from tests.support.topics import remake
from tests.support.unreadable_token import UnreadableToken
from tests.support.wait import wait_until
from web.feeds import commit_progress
from web.feeds.commit_progress import CommitProgress
from web.feeds.list_waiters import ListWaiters
from web.feeds.outcome_feed import OutcomeFeed
from web.feeds.present_epoch import PresentEpoch
from web.feeds.topic_follower import TopicFollower


@pytest.fixture
async def progress(settings: Settings, names: TopicNames, tmp_path: Path) -> AsyncIterator[CommitProgress]:
    """Give the progress beside the store of lists, with ten plays in partition 2."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(names.plays, 2, [(b"k", b"{}")] * 10)).written()
    view = View(tmp_path / "view")
    follower = TopicFollower(settings, view, lambda *_: None)
    epoch, outcomes = PresentEpoch(settings.application.group), OutcomeFeed()
    made = CommitProgress(settings, follower, ListWaiters(), epoch, outcomes)
    tasks = [asyncio.create_task(follower.run()), asyncio.create_task(made.run())]
    await asyncio.wait_for(follower.caught_up.wait(), 20)
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    view.close()


async def commit(settings: Settings, names: TopicNames, offset: int) -> None:
    """Have the workers' group commit its place in partition 2."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.brokers, group_id=settings.application.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        tp = TopicPartition(names.plays, 2)
        consumer.assign([tp])
        await consumer.commit({tp: offset})
    finally:
        await consumer.stop()


async def test_the_lag_is_what_is_not_committed(
    settings: Settings, names: TopicNames, progress: CommitProgress
) -> None:
    """Partition by partition; before any commit that is everything."""
    await wait_until(lambda: progress.lags is not None)
    assert {0: 0, 1: 0, 2: 10, 3: 0} == progress.lags
    assert 10 == progress.lag

    await commit(settings, names, 7)

    await wait_until(lambda: progress.lag == 3)


async def test_a_play_is_settled_once_the_workers_committed_it(
    settings: Settings, names: TopicNames, progress: CommitProgress
) -> None:
    """A waiting request is woken by it; without one, Kafka is not asked."""
    await commit(settings, names, 7)
    await wait_until(lambda: progress.lag == 3)
    assert not progress.is_settled(2, 0)

    with progress._waiters.wait_for("ann") as came:  # noqa: SLF001  as a reader does
        await asyncio.wait_for(came.wait(), 5)
        assert [True, True, False, False] == [progress.is_settled(2, offset) for offset in (0, 6, 7, 10)]
        assert not progress.is_settled(1, 0)
        await commit(settings, names, 8)
        await wait_until(lambda: progress.is_settled(2, 7))


async def test_plays_made_again_have_other_outcomes(
    settings: Settings, names: TopicNames, progress: CommitProgress
) -> None:
    """Reports on the old topic do not answer for the new one."""
    outcomes = progress._outcomes  # noqa: SLF001  as the gateway's parts have it
    await wait_until(lambda: progress.lags is not None)
    outcomes.on_pulse(pulse_of("west", outcomes=[OutcomeSpan.of(2, 0, [("learnt", 10)])]))
    assert {(2, 0): "learnt"} == await outcomes.wait([(2, 0)], 0.1)

    await asyncio.to_thread(remake, settings, names.plays)
    await wait_until(lambda: progress.lags == dict.fromkeys(range(4), 0))

    assert {} == await outcomes.wait([(2, 0)], 0.1)


@pytest.mark.virtual_time
async def test_a_token_that_cannot_be_read_for_a_moment_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection reads its file, which may be rewritten in place."""
    view = View(tmp_path / "view")
    unreadable = UnreadableToken()
    monkeypatch.setattr(CommitProgress, "_look", unreadable.read)
    settings = settings_with(data_dir=str(tmp_path))
    follower = TopicFollower(settings, view, lambda *_: None)
    made = CommitProgress(settings, follower, ListWaiters(), PresentEpoch("a"), OutcomeFeed())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(made.run(), 5)

    assert 2 == unreadable.n_reads
    view.close()


@pytest.mark.processes
async def test_without_kafka_the_lag_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unknown lag is None, never 0. The gateway asks again, and logs the failure once."""
    monkeypatch.setattr(commit_progress, "QUIET_S", 0.01)
    settings = settings_with(brokers="127.0.0.1:1", data_dir=str(tmp_path), kafka_timeout_s=0.3)
    view = View(tmp_path / "view")
    unreached = CommitProgress(
        settings,
        TopicFollower(settings, view, lambda *_: None),
        ListWaiters(),
        PresentEpoch(settings.application.group),
        OutcomeFeed(),
    )
    looks = []
    unreached.lags = {0: 5}
    look = unreached._look  # noqa: SLF001  counted here

    async def counted() -> None:
        looks.append(unreached.lags)
        await look()

    monkeypatch.setattr(unreached, "_look", counted)
    task = asyncio.create_task(unreached.run())
    await wait_until(lambda: len(looks) > 2)

    assert [{0: 5}, None, None] == looks[:3]
    assert None is unreached.lag
    assert ["progress_unknown"] == [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    view.close()
