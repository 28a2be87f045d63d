"""The gateway's follower of rejects, when it cannot connect."""

import asyncio

import pytest

from streams.connection.credentials import CredentialsError
from tests.support.settings import settings_with
from web.feeds.rejects import RETRY_S, Rejects


@pytest.mark.virtual_time
async def test_a_token_that_cannot_be_read_for_a_moment_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every connection reads its file, which may be rewritten in place."""
    looks = []

    async def follow(_: Rejects) -> None:
        looks.append(1)
        if len(looks) == 1:
            message = "The token has an empty first line."
            raise CredentialsError(message)
        await asyncio.Event().wait()

    monkeypatch.setattr(Rejects, "_follow", follow)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Rejects(settings_with()).run(), 2 * RETRY_S)

    assert 2 == len(looks)
    assert ["rejects_unread"] == caplog.messages
