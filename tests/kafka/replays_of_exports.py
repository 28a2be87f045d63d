"""Replays of exports and files, as commands."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from state.users.record import UserRecord
from streams.messages.events import Play, read_event
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.support.changelog import read_history
from tests.support.forked import run_forked
from tests.support.topics import values

PROJECT = Path(__file__).parents[2]


def run(settings: Settings, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playfold command in a folder."""
    return run_forked(settings, *arguments, folder=folder, timeout_s=60)


def answer_of(settings: Settings, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a replay, and return its answer."""
    ended = run(settings, folder, "replay", "--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def plays_on(settings: Settings, names: TopicNames) -> list[Play]:
    """Return the plays on the topic, as workers read them."""
    events = [read_event(key, value, 4096, {"play", "skip"}) for key, value in values(settings, names.plays)]
    return [event for event in events if isinstance(event, Play)]


def write_history(folder: Path, name: str, first: int, last: int) -> Path:
    """Write an export of numbered plays, newest first; every third is of the same item."""
    rows = [
        {
            "ts": f"2023-01-01T{number // 60:02}:{number % 60:02}:00Z",
            "ms_played": 45_000,
            "spotify_track_uri": f"spotify:track:{0 if number % 3 == 0 else number}",
        }
        for number in range(first, last)
    ]
    path = folder / name
    path.write_text(json.dumps(rows[::-1]))
    return path


def record_of(settings: Settings, user: bytes = b"anna") -> UserRecord | None:
    """Return a listener's record, as the changelog has it."""
    value = asyncio.run(read_history(settings)).users.get(user)
    return UserRecord.decode(value) if value else None


def n_plays_of(settings: Settings) -> int:
    """Return the number of plays that count for anna."""
    record = record_of(settings)
    return record.plays if record else 0
