"""The state taken into another topic of plays, or to a changelog that was made again."""

import asyncio
import shutil

import msgspec
import pytest

from jobs.progress import JobProgress, no_progress
from jobs.topics import rebase as module
from jobs.topics.errors import MoveError
from jobs.topics.from_disk import describe_uncertain, write_from_disk
from jobs.topics.group import commit_offsets
from jobs.topics.rebase import END, Rebased, rebase
from jobs.user_requests.send import send_and_wait
from state.keys import EPOCH_KEY, item_key
from state.users.plays_epoch import PlaysEpoch, read_epoch
from streams.messages.events import Pause
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.positions import epoch_of, offset_of
from streams.readers.lag import lag_of
from streams.readers.topic_identities import present_id
from streams.settings import Settings, override
from streams.topics.topics import USERS_TABLE, TopicNames
from tests.kafka.made_state import USERS as LISTENERS
from tests.kafka.made_state import apply_all, committed_of, put_on_disk, send_round
from tests.kafka.test_topic_identity import USERS, learn, plays, records, total
from tests.kafka.test_wishes import prepared
from tests.support.commands import error_of
from tests.support.forked import run_forked, run_started
from tests.support.gateway import client_of, gateway, read
from tests.support.plays import play_record
from tests.support.topics import remake, send, values, worker
from tests.support.wait import block_until


class DiedError(RuntimeError):
    """The process died here."""


def rebased(settings: Settings, *options: str) -> Rebased:
    """Run a rebase to its end."""
    ended = run_forked(settings, "state", "rebase", "--json", *options)
    assert 0 == ended.returncode, ended.stderr
    return msgspec.json.decode(ended.stdout, type=Rebased)


def test_histories_go_on_with_another_topic(settings: Settings, names: TopicNames) -> None:
    """Every play of both topics counts once; a repeated one with a play id counts once, too."""
    quick = override(settings, session_timeout_s=3)
    first = [play_record(user, f"i{item}", play_id=f"{user}-{item}") for user in USERS for item in range(10)]
    repeated = [play_record(user, f"i{item}", play_id=f"{user}-{item}") for user in USERS for item in (8, 9)]
    learn(quick, names, [first])
    remake(quick, names.plays)
    send(quick, repeated + plays(10, 3))

    done = rebased(quick)

    assert 1 == done.epoch
    assert {0: 0, 1: 0, 2: 0, 3: 0} == done.starts
    assert "Nothing to move" in run_started(quick, "state", "rebase").stdout
    with worker(quick):
        block_until(lambda: total(quick, names) == 120 + 36, 30)
        send(quick, plays(20, 2))
        block_until(lambda: total(quick, names) == 120 + 36 + 24, 30)
        receipt = asyncio.run(send_and_wait(Pause(user_id="u1"), quick))
    stored = records(quick, names)
    assert 13 + 2 == len({entry.item_key for entry in stored["u3"].history})
    assert {1} == {epoch_of(record.applied_offset) for record in stored.values()}
    assert stored["u1"].paused
    assert receipt.plays_offset == offset_of(stored["u1"].applied_offset)


def test_a_killed_rebase_is_finished_by_the_next_one(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then no worker accepts the remaining partitions."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 5)])
    remake(quick, names.plays)
    send(quick, plays(5, 1))
    committed = commit_offsets
    left = [3]

    async def dying(*arguments: object) -> None:
        if not left[0]:
            raise DiedError
        left[0] -= 1
        await committed(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "commit_offsets", dying)
    with pytest.raises(DiedError):
        asyncio.run(rebase(quick, None, no_progress))
    monkeypatch.undo()
    epochs = [read_epoch(value).epoch for key, value in values(quick, names.users_changelog) if key == EPOCH_KEY]
    assert [0, 0, 0, 0, 1, 1, 1] == sorted(epochs)
    assert "is another topic now" in error_of("worker", quick)

    done = rebased(quick)

    assert 1 == done.epoch
    assert [3] == list(done.starts)
    with worker(quick):
        block_until(lambda: total(quick, names) == 72, 30)


def test_a_rebase_needs_stopped_workers(settings: Settings, names: TopicNames) -> None:
    """It says which ones are members."""
    quick = override(settings, session_timeout_s=3)
    with worker(quick):
        send(quick, plays(0, 1))
        block_until(lambda: total(quick, names) == 12, 30)

        with pytest.raises(MoveError, match=r"has 1 member \(test-\w+-a\): stop every worker"):
            asyncio.run(rebase(quick, None, no_progress))


def test_the_place_to_go_on_is_asked_for_where_plays_may_repeat(settings: Settings, names: TopicNames) -> None:
    """The same topic, forced: from its end, nothing counts twice."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 2)])

    ended = run_forked(quick, "state", "rebase", "--force")
    assert 1 == ended.returncode
    assert "Say where workers go on: --from beginning counts all of its plays again" in ended.stderr
    done = rebased(quick, "--force", "--from", "end")

    assert 24 == sum(done.starts.values())
    with worker(quick):
        send(quick, plays(2, 1))
        block_until(lambda: total(quick, names) == 36, 30)
        assert 0 == asyncio.run(_lag(quick))


async def _lag(settings: Settings) -> int:
    async with lag_of(settings) as lag:
        for _ in range(50):
            if not await lag.plays():
                return 0
            await asyncio.sleep(0.1)
        return await lag.plays()


def test_the_changelog_is_written_from_the_disk(settings: Settings, names: TopicNames) -> None:
    """Histories and names; the plays topic is the same one, and workers go on where they were."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 4)])
    before = records(quick, names)
    remake(quick, names.users_changelog)

    done = rebased(quick, "--from-disk")

    assert 0 == done.epoch
    assert before == records(quick, names)
    with worker(quick):
        send(quick, plays(4, 1))
        block_until(lambda: total(quick, names) == 60, 30)
    assert 5 == len({entry.item_key for entry in records(quick, names)["u2"].history})


def test_plays_that_the_disk_lacks_are_learnt_again(settings: Settings, names: TopicNames) -> None:
    """A crash leaves the disk behind the committed offsets; the records in between were in the former changelog."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 3)])
    earlier = shutil.copytree(settings.application.worker_path, settings.application.data_path / "earlier")
    learn(quick, names, [plays(3, 2)])
    shutil.rmtree(settings.application.worker_path)
    shutil.copytree(earlier, settings.application.worker_path)
    remake(quick, names.users_changelog)

    ended = run_forked(quick, "state", "rebase", "--from-disk")

    assert "Workers go on behind the last play on the disk, at these offsets (by partition): 0: " in ended.stdout
    with worker(quick):
        block_until(lambda: total(quick, names) == 60, 30)
    assert {user: [f"i{item}" for item in range(5)] for user in USERS} == {
        user: sorted(items) for user, items in items_of(quick, names).items()
    }


async def test_plays_of_an_epoch_that_the_disk_lacks_altogether_are_learnt_again(
    settings: Settings, names: TopicNames
) -> None:
    """The disk knows where its epoch began: workers go on from there, and earlier plays do not count again."""
    await send_round(settings, 0)
    await apply_all(settings)
    begun = await rebase(settings, END, no_progress, force=True)
    await put_on_disk(settings)
    await send_round(settings, 1)
    await apply_all(settings, 1)  # which the disk lacks
    remake(settings, names.users_changelog)

    done = await write_from_disk(settings, no_progress)

    committed = await committed_of(settings)
    assert {} == done.uncertain
    assert begun.starts == {partition: offset or 0 for partition, offset in committed.items()}
    assert len(LISTENERS) == sum(begun.starts.values())
    assert {partition: start for partition, start in begun.starts.items() if start} == done.taken_back


async def test_partitions_whose_disk_does_not_know_the_beginning_of_its_epoch_are_named(
    settings: Settings, names: TopicNames
) -> None:
    """An older version began the epoch, and the plays since then may be missing."""
    await send_round(settings, 0)
    await apply_all(settings)
    await rebase(settings, END, no_progress, force=True)
    plays_id = await present_id(settings, names.plays)
    async with Outbox(settings.kafka) as outbox:
        for partition in range(settings.topics.partitions):
            record = EPOCH_KEY, PlaysEpoch(1, plays_id).encode()
            await (await outbox.send(names.users_changelog, partition, [record])).written()
    await put_on_disk(settings)
    await send_round(settings, 1)
    await apply_all(settings, 1)  # which the disk lacks
    remake(settings, names.users_changelog)

    steps = list[JobProgress]()

    done = await write_from_disk(settings, steps.append)

    committed = await committed_of(settings)
    assert [describe_uncertain(*place) for place in done.uncertain.items()] == [
        step.name for step in steps if step.is_note
    ]
    assert {partition: offset for partition, offset in committed.items() if offset} == done.uncertain
    assert {} == done.taken_back
    assert 2 * len(LISTENERS) == sum(done.uncertain.values())


def items_of(settings: Settings, names: TopicNames) -> dict[str, list[str]]:
    """Return the items of every listener's history."""
    ids = {item_key(f"i{number}"): f"i{number}" for number in range(20)}
    return {
        user: [ids[entry.item_key] for entry in record.history] for user, record in records(settings, names).items()
    }


def test_a_state_on_two_machines_is_written_by_both(settings: Settings, names: TopicNames) -> None:
    """The first one does not begin the histories of the other one anew."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 4)])
    before = records(quick, names)
    other = override(quick, data_dir=str(settings.application.data_path / "other"))
    (mine,) = settings.application.worker_path.glob(f"**/{USERS_TABLE}/2")
    theirs = other.application.data_path / mine.relative_to(settings.application.data_path)
    theirs.parent.mkdir(parents=True)
    shutil.move(mine, theirs)
    remake(quick, names.users_changelog)

    ended = run_forked(quick, "state", "rebase", "--from-disk")

    assert 1 == ended.returncode
    assert (
        "The states of 3 partitions on this machine were written. Of these partitions it has no state, and their "
        "changelog is empty: 2. Run `playfold state rebase --from-disk` on the machine with their states;"
    ) in ended.stderr
    assert 0 == rebased(other, "--from-disk").epoch
    assert before == records(quick, names)


def test_an_epoch_survives_a_changelog_that_was_made_again(settings: Settings, names: TopicNames) -> None:
    """Lists of the new state are newer for readers, though no disk and no changelog knows the epoch."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 2)])
    remake(quick, names.plays)
    assert 1 == rebased(quick).epoch
    shutil.rmtree(settings.application.worker_path)
    remake(quick, names.users_changelog, names.plays)

    assert 2 == rebased(quick, "--from", "beginning").epoch


def test_a_gateway_takes_lists_of_the_new_epoch(settings: Settings, names: TopicNames) -> None:
    """Though their offsets are lower; a read that waits for a play is not content with an old list."""
    quick = prepared(override(settings, session_timeout_s=3))
    user, partition = "u1", partition_of("u1", 4)
    with gateway(quick) as process, client_of(process) as client:
        learn(quick, names, [plays(0, 10)])
        block_until(lambda: client.get(f"/v1/users/{user}/recommendations").json()["offset"] > 2, 20)
        remake(quick, names.plays)
        rebased(quick)
        stale = client.get(f"/v1/users/{user}/recommendations", params={"after": f"{partition}:0", "wait_ms": 1500})
        assert stale.json()["reflected"] is False

        with worker(quick):
            send(quick, [play_record(user, "i30")])
            fresh = read(client, user, {"partition": partition, "offset": 0})

    assert fresh["reflected"] is True
    assert 1 == fresh["epoch"]
    assert 0 == fresh["offset"]
