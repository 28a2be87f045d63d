"""Plays as clients write them and as they travel."""

from typing import Any

import msgspec

from streams.outbox import Item

FIRST_PLAY_MS = 1_700_000_000_000


def play(user_id: str = "ann", item_id: str = "i1", **fields: Any) -> dict[str, Any]:
    """Return a play as a client writes it."""
    return {"user_id": user_id, "item_id": item_id, "played_at_ms": FIRST_PLAY_MS} | fields


def play_record(user_id: str, item_id: str, played_at_ms: int = FIRST_PLAY_MS, **fields: Any) -> Item:
    """Return a play as it travels: the listener's id, and JSON."""
    return user_id.encode(), msgspec.json.encode(play(user_id, item_id, played_at_ms=played_at_ms, **fields))


def plays_of_neighbours() -> list[Item]:
    """Return plays of 12 listeners, `u0` and so on, each of five neighbours among the nine items `i0` to `i8`."""
    return [play_record(f"u{number}", f"i{item}") for number in range(12) for item in range(number % 5, number % 5 + 5)]
