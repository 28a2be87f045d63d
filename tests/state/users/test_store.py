"""The store of a worker's partitions, beside Faust."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rocksdict

from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.store import STATE_S_MAX, UserStore, add_user_table
from streams.consumer.faust_app import create_app
from tests.support.settings import settings_with
from tests.support.wait import wait_idle

PROJECT = Path(__file__).parents[3]
DYING = """
import os, signal, sys, time
from pathlib import Path
from state.users.store import STATE_S_MAX, _drop_old

remove, seen = os.unlink, []
def unlink(*arguments, **options):
    seen.append(arguments)
    if len(seen) > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    remove(*arguments, **options)
os.unlink = unlink
_drop_old(Path(sys.argv[1]), time.time() + STATE_S_MAX + 600)
"""


def left_behind(folder: Path, age_s: float) -> None:
    """Leave the state of a user, as a worker did that was stopped some time ago."""
    state = PartitionState(folder)
    state.commit([(b"ann", b"x" * 80)], Place(7, 3))
    state.close()
    then = time.time() - age_s
    for path in folder.iterdir():
        os.utime(path, (then, then))


def half_removed(folder: Path, n_removed: int) -> int:
    """Let a process find a state too old, and kill it after so many of the files; return how it ended."""
    command = [sys.executable, "-c", DYING, str(folder), str(n_removed)]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode


@pytest.mark.parametrize(("age_s", "is_kept"), [(STATE_S_MAX - 600, True), (STATE_S_MAX + 600, False)])
async def test_a_state_that_may_have_missed_a_tombstone_is_rebuilt(
    tmp_path: Path, age_s: float, caplog: pytest.LogCaptureFixture, *, is_kept: bool
) -> None:
    """Otherwise a listener that was forgotten in the worker's absence would come back."""
    caplog.set_level(logging.WARNING)
    settings = settings_with(data_dir=str(tmp_path))
    store: UserStore = add_user_table(create_app(settings), settings)
    left_behind(store.folder / "2", age_s)

    state = store.partition(2)

    assert is_kept == (state.read([b"ann"]) != [None])
    assert is_kept == (state.place.changelog_offset == 7)
    assert is_kept == ("old_state_dropped" not in caplog.text)
    await store.on_stop()


@pytest.mark.processes
@pytest.mark.parametrize("n_removed", [0, 1, 3])
async def test_a_removal_that_dies_half_way_leaves_no_half_of_a_state(tmp_path: Path, n_removed: int) -> None:
    """The next start has an empty, usable state at any later time, and the rest is removed."""
    settings = settings_with(data_dir=str(tmp_path))
    store: UserStore = add_user_table(create_app(settings), settings)
    left_behind(store.folder / "2", age_s=60)
    assert -signal.SIGKILL == half_removed(store.folder / "2", n_removed)
    assert [] != list(store.folder.iterdir())

    state = store.partition(2)

    assert [None] == state.read([b"ann"])
    assert (-1) == state.place.changelog_offset
    assert ["2"] == [path.name for path in store.folder.iterdir()]
    await store.on_stop()


async def test_a_partition_is_closed_behind_the_work_that_reads_it(tmp_path: Path) -> None:
    """A read that is under way in the closing thread ends first, and no later one gets the partition."""
    settings = settings_with(data_dir=str(tmp_path))
    store: UserStore = add_user_table(create_app(settings), settings)
    state, goes_on = store.partition(2), threading.Event()

    def read() -> list[bytes | None]:
        assert goes_on.wait(10)
        return state.read([b"ann"])

    state.commit([(b"ann", b"x" * 80)], Place(7, 3))
    with ThreadPoolExecutor(1) as thread:
        store.thread = thread
        reading = thread.submit(read)
        stopping = asyncio.create_task(store.on_stop())
        await wait_idle()
        gone = dict(store.partitions)
        goes_on.set()
        await stopping

    assert {} == gone
    assert [b"x" * 80] == reading.result()
    with pytest.raises(rocksdict.DbClosedError):
        state.read([b"ann"])
