"""The gateway's follower of rejects, when it cannot connect."""

import asyncio

import pytest

from tests.support.settings import settings_with
from tests.support.unreadable_token import UnreadableToken
from web.feeds.rejects import RETRY_S, Rejects


@pytest.mark.virtual_time
async def test_a_token_that_cannot_be_read_for_a_moment_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every connection reads its file, which may be rewritten in place."""
    unreadable = UnreadableToken()
    monkeypatch.setattr(Rejects, "_follow", unreadable.read)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Rejects(settings_with()).run(), 2 * RETRY_S)

    assert 2 == unreadable.n_reads
    assert ["rejects_unread"] == caplog.messages
