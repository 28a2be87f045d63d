"""The stages of `playfold demo`, really run, on made-up films: no test fetches MovieLens-100K."""

import io
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from cli.commands.demo import demo_folder, demo_settings, locked, perform
from cli.demo.stages import Stages
from jobs.evaluation.movielens import Ml100k
from streams.kafka.broker import Broker
from streams.kafka.ports import answers
from tests.support.settings import settings_with
from tests.support.shared_broker import JARS

N_PLAYS = 3000


def make_films() -> Ml100k:
    """Return plays of 60 listeners that prefer one of two halves of 100 films."""
    random = np.random.default_rng(7)
    users = random.integers(0, 60, N_PLAYS)
    items = random.integers(0, 50, N_PLAYS) + 50 * (users % 2)
    plays = pa.table(
        {
            "user_id": pa.array(users.astype(str)),
            "item_id": pa.array(items.astype(str)),
            "played_at_s": pa.array(880_000_000 + np.arange(N_PLAYS)),
        }
    )
    return Ml100k(plays, {str(item): f"Film {item} (1999)" for item in range(100)})


def make_stages(folder: Path, said: io.StringIO) -> Stages:
    """Return a demo of the made-up films."""
    settings = demo_settings(settings_with(factors=8), folder)
    broker = Broker(settings.application.broker_path, JARS, int(settings.kafka.brokers.rpartition(":")[2]))
    return Stages(settings, broker, make_films(), Console(file=said), rate=300, opens_page=False)


async def test_the_demo_plays_to_the_end_and_tells_its_figures(tmp_path: Path) -> None:
    """Every play of the live part is sent, lists follow within moments, and nothing is left running."""
    said = io.StringIO()
    stages = make_stages(tmp_path, said)

    await perform(stages, deadline=None)

    summary = stages.summary()
    assert N_PLAYS // 5 == summary.plays
    assert summary.judged > 100
    assert summary.hit_at_10 is not None
    assert summary.p50_ms is not None
    assert 0 < summary.p50_ms < 1000
    assert stages.figures.spotlight is not None
    output = said.getvalue()
    for line in ("2,400 plays were sent in", "60 listeners have a list.", "Now the other 600 plays, 300 a second"):
        assert line in output
    assert not answers(int(stages._settings.kafka.brokers.rpartition(":")[2]))  # noqa: SLF001


async def test_the_demo_ends_in_time(tmp_path: Path) -> None:
    """In every stage it reports the end and stops the processes that it started."""
    said = io.StringIO()
    stages = make_stages(tmp_path, said)
    before = time.monotonic()

    await perform(stages, deadline=before + 4)

    assert time.monotonic() - before < 30
    assert "The time is up while " in said.getvalue()
    assert not answers(int(stages._settings.kafka.brokers.rpartition(":")[2]))  # noqa: SLF001


def test_two_demos_do_not_meet_and_what_failed_is_cleared_away(tmp_path: Path) -> None:
    """Each has a folder of its own; that of one which failed stays until the next."""
    folders = []
    with demo_folder(tmp_path) as first, demo_folder(tmp_path) as second:
        folders = [first, second]
        assert first != second
        assert first.is_dir()
    assert not any(folder.exists() for folder in folders)

    def fail() -> None:
        with demo_folder(tmp_path) as folder:
            folders.append(folder)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert folders[2].is_dir()
    with demo_folder(tmp_path):
        assert not folders[2].exists()


def test_a_lock_that_is_held_is_not_waited_for_unless_wished(tmp_path: Path) -> None:
    """So a demo clears away only folders that nobody uses."""
    file = tmp_path / "lock"

    with locked(file), pytest.raises(BlockingIOError), locked(file, wait=False):
        pass
