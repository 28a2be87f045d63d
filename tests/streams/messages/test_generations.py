"""Announcements, and the keys of the topic `generations`."""

import msgspec

from streams.messages.generations import Announcement

NOW_MS = 1_700_000_000_000


def test_an_announcement_survives_the_wire() -> None:
    """A worker reads the announcement that a retraining wrote."""
    announcement = Announcement(generation_id="2026-11-22T03-00-00Z", revision=1, announced_at_ms=NOW_MS)

    assert announcement == msgspec.json.decode(msgspec.json.encode(announcement), type=Announcement)
