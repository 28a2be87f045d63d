"""An announcement whose process dies: no generation is announced before its related items are on their topic."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from cli.commands.generations import app
from jobs.announcement import announce, announced
from jobs.progress import no_progress
from jobs.retraining.publishing_steps import announce_generation
from jobs.retraining.run import Run
from state.generations.open_store import generation_store
from streams.settings import Settings, environment_of
from streams.topics.topics import TopicNames
from tests.kafka.deaths import Deaths, DiedError
from tests.support.stores import write_night
from tests.support.topics import values

FIRST, SECOND = "2026-03-01", "2026-03-02"
N_ITEMS = 40


def roll_back(_settings: Settings) -> None:
    """Roll back to the first generation, as an operator does."""
    error = CliRunner().invoke(app, ["rollback", FIRST]).exception
    if error is not None:
        raise error


def finish_retrain(settings: Settings) -> None:
    """Announce the first generation as the last step of a retrain."""
    run: Any = SimpleNamespace(settings=settings, generation_id=FIRST, on_progress=no_progress)
    announce_generation(cast(Run, run), Path())


@pytest.fixture
def serving_second(settings: Settings, names: TopicNames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings of a store with two generations, of which the second is in service."""
    assert names.generations
    for generation_id in (FIRST, SECOND):
        generation_store(settings).publish(write_night(tmp_path, generation_id, None))
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    asyncio.run(announce(settings, SECOND, 0, 1))
    return settings


def serving(settings: Settings) -> str | None:
    """Return the generation that is announced."""
    announcement = asyncio.run(announced(settings))
    return announcement.generation_id if announcement else None


@pytest.mark.parametrize("bring_first", [roll_back, finish_retrain])
def test_a_death_before_an_announcement_leaves_the_present_one(
    serving_second: Settings,
    names: TopicNames,
    monkeypatch: pytest.MonkeyPatch,
    bring_first: Callable[[Settings], None],
) -> None:
    """At each write before it, and in place of it; the next run sends all of them, and announces the generation."""
    deaths, n_writes = Deaths(monkeypatch), serving_second.topics.partitions + 1
    for number in range(1, n_writes + 1):
        deaths.at(number)
        with pytest.raises(DiedError):
            bring_first(serving_second)
        assert SECOND == serving(serving_second)
    assert N_ITEMS == len(dict(values(serving_second, names.related_items)))

    deaths.at(0)
    bring_first(serving_second)

    assert FIRST == serving(serving_second)
    assert n_writes == deaths.n
    assert N_ITEMS == len(dict(values(serving_second, names.related_items)))
