"""The values of topics survive the wire."""

import base64
import json

import msgspec

from streams.messages.records import Recommendations, RejectedPlay

NOW_MS = 1_700_000_000_000


def test_a_rejected_play_keeps_its_bytes() -> None:
    """Bytes that are no text travel in base64 and come back."""
    rejected = RejectedPlay(topic="plays", partition=3, offset=7, reason="why", key=None, value=b"\xff\x00")

    wire = msgspec.json.encode(rejected)

    assert base64.b64encode(b"\xff\x00").decode() == json.loads(wire)["value"]
    assert rejected == msgspec.json.decode(wire, type=RejectedPlay)


def test_a_list_survives_the_wire() -> None:
    """A consumer reads the list that a worker writes."""
    recommendations = Recommendations(
        user_id="u1",
        kind="personal",
        generation="2026-11-22T03-00-00Z",
        revision=0,
        partition=1,
        offset=42,
        made_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 1,
        items=["i1", "i2"],
        scores=[0.5, 0.25],
    )

    assert recommendations == msgspec.json.decode(msgspec.json.encode(recommendations), type=Recommendations)
