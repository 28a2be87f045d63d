"""The end of a replay whose reports cannot be read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from rich.progress import Progress

from cli.commands import replay_plays
from cli.commands.replay_plays import ReplayOptions, send_with
from cli.commands.replay_result import Count
from streams.connection.rights import MissingRightError
from streams.files.replay import Pace, Sender
from streams.readers.outcome_watch import OutcomeWatch
from tests.support.settings import settings_with

OPTIONS = ReplayOptions(
    pace=cast(Pace, None),
    from_row=1,
    limit=None,
    set_aside=Path("set-aside"),
    sets_bad_aside=False,
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
