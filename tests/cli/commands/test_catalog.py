"""The result of a load of the catalog."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cli.commands import catalog
from cli.commands.catalog import Loaded, describe_load, send_all
from jobs.progress import no_progress
from streams.connection.rights import MissingRightError
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with

SENT = "1 catalog record sent, all acknowledged."


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (Loaded(items=1), SENT),
        (
            Loaded(items=1, workers=0, workers_waiting=0),
            f"{SENT} No worker runs; a worker reads the catalog when it starts.",
        ),
        (Loaded(items=1, workers=2, workers_waiting=0), f"{SENT} Running workers that have taken them in: 2."),
        (
            Loaded(items=1, workers=1, workers_waiting=1),
            (
                f"{SENT} Running workers that have taken them in: 1. Others, which have not yet: 1; "
                "`playfold pulse` shows the workers."
            ),
        ),
    ],
    ids=["unknown", "no worker", "all workers", "some workers"],
)
def test_the_result_names_the_workers(loaded: Loaded, said: str) -> None:
    """An acknowledgement alone changes no list."""
    assert said == describe_load(loaded)


class Unallowed:
    """A watch that may not read reports."""

    topic_id = ""

    def expect(self, _partition: int, _last: int) -> None:
        """Expect nothing."""

    async def wait(self, _seconds: float) -> None:
        """Fail."""
        message = "grant READ on topic pulse."
        raise MissingRightError(message)


async def loaded_with(failure: Exception | None, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Load one item, with a failure while it is sent if there is one."""

    @asynccontextmanager
    async def watching(*_: Any) -> AsyncIterator[Unallowed]:
        yield Unallowed()

    async def send_items(*_: Any) -> AsyncIterator[int]:
        if failure is not None:
            raise failure
        yield 1

    async def present_id(*_: Any) -> str:
        return "id"

    pieces: Iterator[Any] = iter(())
    monkeypatch.setattr(catalog, "present_id", present_id)
    monkeypatch.setattr(catalog, "watching", watching)
    monkeypatch.setattr(catalog, "Outbox", lambda kafka, _: MemoryOutbox(kafka))
    monkeypatch.setattr(catalog, "send_items", send_items)
    return await send_all(pieces, settings_with(), no_progress, None, 1.0)


async def test_a_right_that_is_missing_after_the_load_is_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The records are acknowledged, and need not be sent once more."""
    assert Loaded(items=1) == await loaded_with(None, monkeypatch)

    expected = (
        "The records are sent, but it is not known whether workers have taken them in. grant READ on topic pulse.\n"
    )
    assert expected == capsys.readouterr().err


async def test_a_right_that_is_missing_before_the_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all records are sent."""
    with pytest.raises(MissingRightError, match="grant WRITE"):
        await loaded_with(MissingRightError("grant WRITE."), monkeypatch)
