"""A file of made-up plays, and settings that commands read: models on it are trained in no time."""

from pathlib import Path

import msgspec
import pytest

from streams.settings import Settings
from tests.jobs.tastes import drawn_events

COLUMNS = ("--user-column", "who", "--item-column", "what")


def read_by_commands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Let commands read these settings, with short vectors and few iterations; return the settings."""
    small = msgspec.structs.replace(settings, factors=8, iterations=2, threads=1)
    for field in ("brokers", "data_dir", "group", "topic_prefix", "factors", "iterations", "threads"):
        monkeypatch.setenv(f"PLAYFOLD_{field.upper()}", str(getattr(small, field)))
    return settings


def write_plays(path: Path) -> Path:
    """Write plays with columns of other names; return the path."""
    events = drawn_events()
    rows = zip(events.users.tolist(), events.item_keys.tolist(), events.played_at_s.tolist(), strict=True)
    lines = [f"u{user},i{item},{1_600_000_000 + at_s}\n" for user, item, at_s in rows]
    path.write_text("".join(["who,what,played_at\n", *lines]))
    return path
