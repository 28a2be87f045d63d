"""Snapshots of made-up listeners, without a changelog."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from jobs.histories.snapshot import ITEMS, USERS, USERS_SCHEMA, Snapshot, SnapshotRecord, tables_of, write_items
from state.keys import item_key
from state.users.record import HistoryEntry, UserRecord

Played = dict[str, list[str]]
"""The items that listeners played, in order."""


def record_of(items: list[str], first_s: int = 100) -> bytes:
    """Return the record of a listener with plays of these items."""
    history = [HistoryEntry(item_key(item), 1.0, number, first_s + number) for number, item in enumerate(items, 1)]
    return UserRecord(plays=len(items), last_played_s=first_s + len(items), history=history).encode()


def records_of(plays: Played) -> list[bytes]:
    """Return everybody's record, by user id."""
    return [record_of(plays[user]) for user in sorted(plays)]


def snapshot_of(folder: Path, plays: Played) -> Snapshot:
    """Write a snapshot of listeners with plays of these items."""
    users = dict(zip((user.encode() for user in sorted(plays)), records_of(plays), strict=True))
    with pq.ParquetWriter(folder / USERS, USERS_SCHEMA) as file:
        for table in tables_of(users):
            file.write_table(table)
    item_ids = {item_key(item): item for items in plays.values() for item in items}
    write_items(folder / ITEMS, item_ids)
    return Snapshot(folder, SnapshotRecord(read_through={0: 5, 2: 9}, n_users=len(users), n_items=len(item_ids)))


def drawn_plays(n_users: int = 60, n_items: int = 30, lengths: tuple[int, ...] = (15,)) -> Played:
    """Return listeners with plays by a power law, some of them repeated; in turns so many plays each."""
    rng = np.random.default_rng(0)
    played = {}
    for user in range(n_users):
        rows = (rng.pareto(0.7, lengths[user % len(lengths)]).astype(int) % n_items).tolist()
        played[f"u{user:03}"] = [f"i{row}" for row in rows]
    return played
