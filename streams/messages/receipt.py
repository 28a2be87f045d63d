"""The receipt of a user request that a worker has processed."""

import msgspec


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The places of a user request and of its results on the topics."""

    wish: str
    """Its type: `forget`, `pause`, `resume`, `hide` or `unhide`."""
    user_id: str
    item_id: str | None = None
    """The item of the request, if it has one."""
    partition: int
    """Partition of the listener's key, and of all offsets named here."""
    plays_offset: int
    """Offset of the request on `plays`."""
    changelog_offset: int
    """Offset of the record that reflects it on the users changelog; of a forgotten listener, an empty record."""
    recommendations_offset: int | None = None
    """Offset of the tombstone of a forgotten listener on `recommendations`."""
    copies: int = 0
    """Other partitions on which workers have processed a copy of the request."""
