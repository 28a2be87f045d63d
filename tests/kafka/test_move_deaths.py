"""A rebase or a repartition that dies at any of its durable writes: nothing in between is accepted, or lost."""

import pytest

from jobs.progress import no_progress
from jobs.topics import from_disk as from_disk_module
from jobs.topics import rebase as rebase_module
from jobs.topics import target as target_module
from jobs.topics.from_disk import write_from_disk
from jobs.topics.rebase import rebase
from jobs.topics.repartition import repartition
from jobs.topics.target import latest_copied
from state.users.plays_epoch import UNFINISHED
from streams.readers.state_topics import latest_state_topics
from streams.settings import Settings, override
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import topic_names
from tests.kafka.deaths import Deaths, DiedError
from tests.kafka.made_state import (
    USERS,
    apply_all,
    committed_of,
    marks_of,
    plays_of,
    put_on_disk,
    send_round,
    waiting_of,
)
from tests.kafka.moves import each, target_of
from tests.support.topics import delete, remake

REBASE_WRITES = 2 * 2 + 1
"""An offset and an epoch for each of two partitions, and the published topics."""

PARTITION_WRITES = 5
"""Names with users, the epoch, the offset, and the removal of an older state and of the newest one."""
FROM_DISK_WRITES = 2 * PARTITION_WRITES
"""The writes of two partitions."""


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Give topics of two partitions."""
    made = override(settings, partitions=2, session_timeout_s=6)
    create_topics(made)
    return made


@pytest.mark.parametrize("number", range(1, REBASE_WRITES + 1))
async def test_a_rebase_that_dies_is_finished_by_the_next_one(
    small: Settings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Partitions are moved one after the other, each with its offset; readers hear of it at the end."""
    await send_round(small, 0)
    await apply_all(small)
    remake(small, topic_names(small).plays)
    await send_round(small, 1)
    deaths = Deaths(monkeypatch, rebase_module)
    deaths.at(number)

    with pytest.raises(DiedError):
        await rebase(small, None, no_progress)

    n_moved = (number - 1) // 2
    marks, known, committed = await marks_of(small), await latest_state_topics(small), await committed_of(small)
    assert [1] * n_moved + [0] * (2 - n_moved) == [marks[partition].epoch for partition in range(2)]
    assert known is not None
    assert 0 == known.epoch
    assert [0] * n_moved == [committed[partition] for partition in range(n_moved)]

    deaths.at(0)
    done = await rebase(small, None, no_progress)

    known, marks = await latest_state_topics(small), await marks_of(small)
    assert dict.fromkeys(range(n_moved, 2), 0) == done.starts
    assert known is not None
    assert 1 == known.epoch
    assert done.plays_id == known.plays_id
    assert {(1, done.plays_id)} == {(mark.epoch, mark.topic_id) for mark in marks.values()}
    assert each("i1") == await waiting_of(small)
    assert dict.fromkeys(USERS, 1) == await plays_of(small)


async def test_a_rebase_has_no_other_durable_writes(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the deaths above are all that there are."""
    await send_round(small, 0)
    await apply_all(small)
    remake(small, topic_names(small).plays)
    deaths = Deaths(monkeypatch, rebase_module)

    await rebase(small, None, no_progress)

    assert REBASE_WRITES == deaths.n


@pytest.mark.parametrize("number", range(1, FROM_DISK_WRITES + 1))
async def test_a_run_from_the_disk_that_dies_is_finished_by_the_next_one(
    small: Settings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A state stays on the disk until the changelog has it, and the offset of its last play is committed.

    An older state beside it is removed first: the next run would write it.
    """
    older = override(small, instance="older")
    await send_round(small, 0)
    await apply_all(small)
    await put_on_disk(older)
    await send_round(small, 1)
    await apply_all(small)
    await put_on_disk(small)
    await send_round(small, 2)
    await apply_all(small)  # which the disk lacks
    remake(small, topic_names(small).users_changelog)
    deaths = Deaths(monkeypatch, from_disk_module)
    deaths.at(number)

    with pytest.raises(DiedError):
        await write_from_disk(small, no_progress)

    n_done, n_written = divmod(number - 1, PARTITION_WRITES)
    n_removed = n_done + (n_written == PARTITION_WRITES - 1)
    assert ["0", "1"][n_done:] == states_of(small)
    assert ["0", "1"][n_removed:] == states_of(older)

    deaths.at(0)
    done = await write_from_disk(small, no_progress)

    assert list(range(n_done, 2)) == list(done.written)
    assert number > 1 or deaths.n == FROM_DISK_WRITES
    assert dict.fromkeys(USERS, 2) == await plays_of(small)
    assert each("i2") == await waiting_of(small)
    assert [] == states_of(small) + states_of(older)


def states_of(settings: Settings) -> list[str]:
    """Return the partitions of which the worker of these settings has a state."""
    return sorted(folder.name for folder in settings.application.worker_path.glob("users/*"))


@pytest.mark.timeout(300)
async def test_a_repartition_that_dies_is_finished_by_the_next_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of its writes: until the state, the plays and the offsets are complete, no partition is accepted."""
    old = override(settings, partitions=1, session_timeout_s=6)
    create_topics(old)
    await send_round(old, 0)
    await apply_all(old)
    await send_round(old, 1)
    deaths = Deaths(monkeypatch, target_module)
    n_writes, number = 1, 0
    while number < n_writes:
        number += 1
        new = target_of(old, f"n{number}", 2)
        deaths.at(number)
        with pytest.raises(DiedError):
            await repartition(old, new, no_progress)

        await check_accepted(new)

        deaths.at(0)
        await repartition(old, new, no_progress)
        n_writes = deaths.n if number == 1 else n_writes
        await check_moved(new)
        delete_topics(new)
    assert n_writes > 2 + 2 + len(USERS) + 2
    assert each("i1") == await waiting_of(old)


async def test_a_repartition_that_dies_among_its_new_topics_is_finished_by_the_next_one(settings: Settings) -> None:
    """Some of them are there; none has a record."""
    old = override(settings, partitions=1, session_timeout_s=6)
    create_topics(old)
    await send_round(old, 0)
    await apply_all(old)
    await send_round(old, 1)
    new = target_of(old, "some", 2)
    created = create_topics(new)
    delete(new, *created[1::2])

    await repartition(old, new, no_progress)

    await check_moved(new)
    delete_topics(new)


async def check_accepted(new: Settings) -> None:
    """Check that a partition which workers accept is complete, and that records of a listener have a mark."""
    marks = await marks_of(new)
    if await plays_of(new):
        assert new.topics.partitions == len(marks)
    if any(mark.topic_id != UNFINISHED for mark in marks.values()):
        assert dict.fromkeys(USERS, 1) == await plays_of(new)
        assert each("i1") == await waiting_of(new)
        assert {0: 0, 1: 0} == await committed_of(new)
        assert {0: 2 * len(USERS)} == (await latest_copied(new)).ends


async def check_moved(new: Settings) -> None:
    """Check that workers accept every partition, with the state and the waiting plays, each once."""
    marks, known = await marks_of(new), await latest_state_topics(new)
    assert known is not None
    assert [(1, known.plays_id)] * 2 == [(mark.epoch, mark.topic_id) for mark in marks.values()]
    assert dict.fromkeys(USERS, 1) == await plays_of(new)
    assert each("i1") == await waiting_of(new)
    assert {0: 0, 1: 0} == await committed_of(new)
