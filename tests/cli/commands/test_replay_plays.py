"""The end of a replay whose reports cannot be read, and the rows that are set aside."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from rich.progress import Progress

from cli.commands import replay_plays
from cli.commands.replay_plays import PlaysRun, ReplayOptions, send_with
from cli.commands.replay_result import Count
from streams.connection.rights import MissingRightError
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from streams.files.replay import Pace, Sender, Sent
from streams.files.times import LocalTimes
from streams.outbox import Written
from streams.readers.outcome_watch import OutcomeWatch
from tests.support.settings import settings_with

OPTIONS = ReplayOptions(
    pace=cast(Pace, None),
    from_row=1,
    limit=None,
    set_aside=Path("set-aside"),
    sends_requests=False,
    as_json=True,
)


class Unallowed:
    """A watch that may not read reports."""

    async def wait(self, _seconds: float) -> None:
        """Fail."""
        message = "grant READ on topic pulse."
        raise MissingRightError(message)


async def replayed(monkeypatch: pytest.MonkeyPatch, failure: Exception | None) -> bool:
    """Replay nothing, with a failure while plays are sent if there is one; return whether it was stopped."""

    @asynccontextmanager
    async def watch_outcomes(_: object) -> AsyncIterator[OutcomeWatch]:
        yield cast(OutcomeWatch, Unallowed())

    async def replay(*_: Any) -> None:
        if failure is not None:
            raise failure

    monkeypatch.setattr(replay_plays, "watch_outcomes", watch_outcomes)
    monkeypatch.setattr(replay_plays, "replay", replay)
    with Progress(disable=True) as progress:
        count = Count(1, progress, None)
        return await send_with(cast(Sender, None), iter(()), OPTIONS, count, settings_with())


async def test_a_right_that_is_missing_after_the_replay_is_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plays are acknowledged: the result is printed, and the file is not sent once more."""
    assert not await replayed(monkeypatch, None)

    expected = "The plays are sent, but the outcomes of some are not known. grant READ on topic pulse.\n"
    assert expected == capsys.readouterr().err


async def test_a_right_that_is_missing_before_the_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all plays are sent."""
    with pytest.raises(MissingRightError, match="grant WRITE"):
        await replayed(monkeypatch, MissingRightError("grant WRITE."))


def run_on(path: Path, options: ReplayOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replay a file without a Kafka: every row is acknowledged at once."""

    async def send_all(pieces: Iterator[PlaysPiece], *others: Any) -> bool:
        for piece in pieces:
            rows = [row for row, kind in enumerate(piece.types) if kind != LEFT_OUT]
            others[-1].add(piece, [Sent(0, rows, Written(0, 0, unbroken=True))])
        return False

    monkeypatch.setattr(replay_plays, "verify_topics", lambda _: None)
    monkeypatch.setattr(replay_plays, "send_all", send_all)
    PlaysRun(PlaysFile(path), options, settings_with(), LocalTimes(None)).run()


@pytest.mark.parametrize(("row", "sends_requests", "reason"), [
    ("ann,secret,1600000000,pause,true", False, "plays of private sessions"),
    ("ann,secret,secret,pause,true", False, "plays of private sessions"),
    ("ann,secret,1600000000,play,true", True, "plays of private sessions"),
    ("ann,,1600000000,pause,true", True, "rows whose item_id is no id of 1 to 128 printable characters"),
])  # fmt: skip
def test_nothing_of_a_private_row_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    row: str,
    sends_requests: bool,  # noqa: FBT001
    reason: str,
) -> None:
    """It is counted; a player's event is private by its mark, and not by its type."""
    path, aside = tmp_path / "plays.csv", tmp_path / "aside"
    path.write_text(f"user_id,item_id,played_at,type,private\n{row}\nann,x,1600000001,,\n")

    run_on(path, OPTIONS._replace(set_aside=aside, sends_requests=sends_requests), monkeypatch)

    assert {reason: 1} == json.loads(capsys.readouterr().out)["set_aside"]
    assert [(1, reason, None)] == [
        (line["row"], line["reason"], line["content"]) for line in map(json.loads, aside.read_text().splitlines())
    ]


def test_times_without_a_zone_name_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows are set aside for a time that needs one fact of the caller."""
    path = tmp_path / "plays.csv"
    path.write_text("user_id,item_id,played_at\nann,x,2023-11-14 22:13:20\nann,y,1600000001\n")

    run_on(path, OPTIONS._replace(set_aside=tmp_path / "aside", as_json=False), monkeypatch)

    assert "A time without a zone needs --timezone, such as --timezone Europe/Berlin." in capsys.readouterr().out
