"""What becomes of a wish that was sent and waited for."""

import msgspec


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a wish and what followed from it stand."""

    wish: str
    """Its type: `forget`, `pause`, `resume`, `hide` or `unhide`."""
    user_id: str
    item_id: str | None = None
    """The item that it is about, if it is about one."""
    partition: int
    """Partition of every topic named here."""
    plays_offset: int
    """Where the wish stands on `plays`."""
    changelog_offset: int
    """Where the record that reflects it stands on the users changelog: an empty one of who is forgotten."""
    recommendations_offset: int | None = None
    """Where the tombstone of who is forgotten stands on `recommendations`."""
