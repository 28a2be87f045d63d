"""Commands that take a file of plays, run on made-up ones: models on it are trained in no time."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.settings import Settings, flat_values, override
from tests.support.tastes import drawn_events

COLUMNS = ("--user-column", "who", "--item-column", "what")


def read_by_commands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Let commands read these settings, with short vectors and few iterations; return the settings."""
    small = override(settings, factors=8, iterations=2, threads=1)
    for field in ("brokers", "data_dir", "group", "topic_prefix", "factors", "iterations", "threads"):
        monkeypatch.setenv(f"PLAYFOLD_{field.upper()}", str(flat_values(small)[field]))
    return settings


def write_plays(path: Path) -> Path:
    """Write plays with columns of other names; return the path."""
    events = drawn_events()
    rows = zip(events.users.tolist(), events.item_keys.tolist(), events.played_at_s.tolist(), strict=True)
    lines = [f"u{user},i{item},{1_600_000_000 + at_s}\n" for user, item, at_s in rows]
    path.write_text("".join(["who,what,played_at\n", *lines]))
    return path


class Command:
    """A command as an operator runs it."""

    def __init__(self, app: typer.Typer) -> None:
        """Take the command's own app."""
        self._app = app

    def run(self, *arguments: object, status: int = 0) -> Result:
        """Run it and see that it ends as expected."""
        ended = CliRunner().invoke(self._app, [str(argument) for argument in arguments])
        assert status == ended.exit_code, ended.output
        return ended

    def told(self, *arguments: object) -> dict[str, Any]:
        """Return its answer with `--json`, which is one line."""
        (line,) = self.run(*arguments, "--json").stdout.splitlines()
        return msgspec.json.decode(line, type=dict[str, Any])

    def error(self, *arguments: object) -> BaseException | None:
        """Return the error that it ends with."""
        return CliRunner().invoke(self._app, [str(argument) for argument in arguments]).exception
