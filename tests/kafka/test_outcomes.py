"""The outcomes of imported plays in `playfold replay` and in the listener's record, on a real Kafka."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jobs.user_requests.explain import latest_record
from state.users.record import UserRecord
from streams.settings import Settings, environment_of, override
from streams.topics.topics import TopicNames
from tests.kafka.test_replay import PROJECT, command_line
from tests.support.plays import play_record
from tests.support.topics import send, worker
from tests.support.wait import block_until

DAY_S = 86_400
FIRST_S = 1_500_000_000
N_PLAYS = 6000


@pytest.fixture
def quick(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which a worker reports often."""
    assert names.plays
    return override(settings, pulse_s=0.5)


def replayed(settings: Settings, path: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Replay a file; return the answer, and the text on stderr."""
    ended = subprocess.run(
        command_line("replay", str(path), "--json", "--wait", "30", *options),
        env=environment_of(settings), cwd=PROJECT, capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    return json.loads(ended.stdout), ended.stderr


def written(folder: Path, rows: list[tuple[str, str, int]]) -> Path:
    """Write plays into a file."""
    path = folder / "plays.csv"
    lines = "".join(f"{user},{item},{at_s}\n" for user, item, at_s in rows)
    path.write_text(f"user_id,item_id,played_at\n{lines}")
    return path


def record_of(settings: Settings, user: str) -> UserRecord:
    """Return a listener's record."""
    return UserRecord.decode(asyncio.run(latest_record(user, settings)) or b"")


def test_a_history_counts_in_any_order(quick: Settings, tmp_path: Path) -> None:
    """Two plays a day, newest first, after a play of today: all are learnt, and a file is sent in order of time."""
    today_s = FIRST_S + DAY_S * (N_PLAYS // 2)
    rows = [("ben", f"i{number}", FIRST_S + DAY_S * (number // 2)) for number in range(N_PLAYS)]
    backwards = [("ben", "today", today_s), *rows[::-1]]
    with worker(quick):
        send(quick, [play_record("ann", item, 1000 * at_s) for _, item, at_s in backwards])
        by_time, hint = replayed(quick, written(tmp_path, backwards))
        block_until(lambda: plays_of(quick, "ann") == N_PLAYS + 1, 20)

    assert {"learnt": N_PLAYS + 1} == by_time["outcomes"]
    assert 0 == by_time["unreported"]
    assert "is not in the order of its times" in hint
    ann, ben = record_of(quick, "ann"), record_of(quick, "ben")
    assert today_s == ann.last_played_s == ben.last_played_s
    assert sorted(entry.last_played_s for entry in ben.history) == [entry.last_played_s for entry in ben.history]


def plays_of(settings: Settings, user: str) -> int:
    """Return the number of a listener's plays that are learnt."""
    value = asyncio.run(latest_record(user, settings))
    return UserRecord.decode(value).plays if value else 0


def test_a_play_of_2098_counts_as_of_now(quick: Settings) -> None:
    """The limit of a day goes on, and the last play is one of today."""
    limited = override(quick, user_signals_per_day_max=3)
    rows = [("future", 4_050_000_000), *((f"i{n}", FIRST_S + DAY_S * (n // 4)) for n in range(40))]
    with worker(limited):
        send(limited, [play_record("ann", item, 1000 * at_s) for item, at_s in rows])
        block_until(lambda: plays_of(limited, "ann") == 31, 20)

    assert record_of(limited, "ann").last_played_s < 4_000_000_000


def test_without_a_worker_no_effect_is_claimed(quick: Settings, tmp_path: Path) -> None:
    """The plays are acknowledged, and wait."""
    path = written(tmp_path, [("ann", "i1", FIRST_S)])

    ended = subprocess.run(
        command_line("replay", str(path)),
        env=environment_of(quick), cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert "all acknowledged. No worker has reported on them yet: `playfold pulse` shows the workers.\n" in ended.stdout
