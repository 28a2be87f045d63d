"""The store of a worker's partitions, beside Faust."""

import logging
import os
import time
from pathlib import Path

import pytest

from state.partition_state import PartitionState, Place
from state.user_store import STATE_S_MAX, UserStore, add_user_table
from streams.app import create_app
from streams.settings import Settings


def left_behind(folder: Path, age_s: float) -> None:
    """Leave the state of a user, as a worker did that was stopped some time ago."""
    state = PartitionState(folder)
    state.commit([(b"ann", b"x" * 80)], Place(7, 3))
    state.close()
    then = time.time() - age_s
    for path in folder.iterdir():
        os.utime(path, (then, then))


@pytest.mark.parametrize(("age_s", "kept"), [(STATE_S_MAX - 600, True), (STATE_S_MAX + 600, False)])
async def test_a_state_that_may_have_missed_a_tombstone_is_rebuilt(
    tmp_path: Path, age_s: float, caplog: pytest.LogCaptureFixture, *, kept: bool
) -> None:
    """Else whoever was forgotten while the worker was away would come back with it."""
    caplog.set_level(logging.WARNING)
    settings = Settings(data_dir=str(tmp_path))
    store: UserStore = add_user_table(create_app(settings), settings)
    left_behind(store.folder / "2", age_s)

    state = store.partition(2)

    assert kept == (state.read([b"ann"]) != [None])
    assert kept == (state.place.changelog_offset == 7)
    assert kept == ("old_state_dropped" not in caplog.text)
    await store.on_stop()
