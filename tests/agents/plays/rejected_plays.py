"""The rejects of a commit group."""

import msgspec

from agents.plays.decode import Group
from streams.messages.records import RejectedPlay


def rejected(group: Group, partition: int = 0) -> list[RejectedPlay]:
    """Return the rejects of a partition."""
    return [msgspec.json.decode(value or b"", type=RejectedPlay) for _, value in group.rejects[partition]]
