"""Plays as events: those of a file, or those of MovieLens-100K."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ml100k import Ml100k
from jobs.step import Step, Watch, unwatched
from model.arrays import Keys
from model.events import Events, events_of
from state.keys import item_key
from streams.plays_file import PlaysFile


def events_of_file(plays: PlaysFile, watch: Watch = unwatched) -> Events:
    """Read all plays of a file.

    Raises:
        PlaysFileError: The file or a value in it cannot be read.
    """
    tables, n_read, total = [], 0, plays.n_plays
    for piece in plays.pieces():
        columns = (pa.array(piece.user_ids), pa.array(piece.item_ids), pa.array(piece.played_at_ms))
        tables.append(pa.table(columns, ["user_id", "item_id", "played_at_ms"]))
        n_read += piece.n_plays
        watch(Step(f"reading {plays.path.name}", n_read, total))
    if not tables:
        return events_of(np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.uint32))
    table = pa.concat_tables(tables)
    return _events(table, table["played_at_ms"].to_numpy() // 1000)


def events_of_ml100k(found: Ml100k) -> Events:
    """Return the ratings of MovieLens-100K."""
    return _events(found.plays, found.plays["played_at_s"].to_numpy())


def _events(table: pa.Table, played_at_s: np.ndarray) -> Events:
    """Number the listeners, and give items their keys."""
    users = pc.dictionary_encode(table["user_id"].combine_chunks()).indices.to_numpy()
    items = pc.dictionary_encode(table["item_id"].combine_chunks())
    keys: Keys = np.array([item_key(item_id) for item_id in items.dictionary.to_pylist()], np.uint64)
    return events_of(users.astype(np.int64), keys[items.indices.to_numpy()], played_at_s.astype(np.uint32))
