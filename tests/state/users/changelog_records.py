"""Records of a users changelog, and the states that read them."""

from dataclasses import dataclass
from pathlib import Path

from state.users.partition import PartitionState
from state.users.record import UserRecord


@dataclass
class Logged:
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


def record(applied: int, plays: int = 1) -> bytes:
    """Return the bytes of a record; `plays` tells apart those of one applied offset."""
    return UserRecord(applied_offset=applied, plays=plays).encode()


def logged(first: int, *items: tuple[bytes, bytes | None]) -> list[Logged]:
    """Return consecutive changelog records."""
    return [Logged(offset, key, value) for offset, (key, value) in enumerate(items, first)]


def reopen(state: PartitionState, tmp_path: Path) -> PartitionState:
    """Close a state and open it again, as a new process does."""
    state.close()
    return PartitionState(tmp_path / "0")


def mark_swept(state: PartitionState, generation_key: int) -> None:
    """Sweep a state of which nothing is to be folded."""
    state.begin_sweep(generation_key)
    assert state.end_sweep(generation_key)
