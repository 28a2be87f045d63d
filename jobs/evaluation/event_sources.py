"""Events of a file of plays, or of MovieLens-100K."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.evaluation.movielens import Ml100k
from jobs.progress import JobProgress, ProgressCallback, no_progress
from model.arrays import Flags, Floats, Keys
from model.evaluation.event_log import Events, events_of
from state.keys import item_key
from streams.event_time import counted_at_ms
from streams.files.errors import PlaysFileError
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from streams.settings.users import SignalSettings
from streams.signal_weight import NOTHING, PLAY, SignalWeights, Worth

STARS = {1: -1.0, 2: -0.5, 3: 0.5, 4: 1.0, 5: 2.0}
"""The weight of a rating as a signal: three and more stars count for a film, fewer against it."""


def events_of_file(plays: PlaysFile, signals: SignalSettings, on_progress: ProgressCallback = no_progress) -> Events:
    """Read all plays and other signals of a file.

    Signals of the future count as of now. Plays of which nothing was heard are left out, as a worker does it. So are
    private plays.

    Args:
        plays: The file.
        signals: The weights of signals.
        on_progress: Called after every piece.

    Raises:
        PlaysFileError: The file or a value in it cannot be read.
    """
    tables, n_read, total, signal_weights = [], 0, plays.n_plays, SignalWeights(signals)
    now_ms = time.time_ns() // 1_000_000
    for piece in plays.pieces():
        at_ms = [counted_at_ms(played_at_ms, now_ms, now_ms) for played_at_ms in piece.played_at_ms]
        worths = _worths(piece, signal_weights, plays)
        weights, counted = [worth.weight for worth in worths], [worth.is_play for worth in worths]
        columns = [pa.array(column) for column in (piece.user_ids, piece.item_ids, at_ms, weights, counted)]
        table = pa.table(columns, ["user_id", "item_id", "played_at_ms", "signal", "is_play"])
        tables.append(table.filter(pa.array([not worth.is_nothing for worth in worths])))
        n_read += piece.n_plays
        on_progress(JobProgress(f"reading {plays.path.name}", n_read, total))
    if not tables:
        return events_of(np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.uint32))
    table = pa.concat_tables(tables)
    weighted = table["signal"].to_numpy().astype(np.float32), table["is_play"].to_numpy()
    return _events(table, table["played_at_ms"].to_numpy() // 1000, *weighted)


def _worths(piece: PlaysPiece, signal_weights: SignalWeights, plays: PlaysFile) -> list[Worth]:
    """Return the worth of a piece's signals."""
    worths = []
    for row, (kind, *lengths) in enumerate(zip(piece.types, piece.ms_played, piece.duration_ms, strict=True)):
        if kind == LEFT_OUT:
            worths.append(NOTHING)
            continue
        if (kind or PLAY) not in signal_weights.types:
            message = (
                f"Row {piece.first_row + row} of {plays.path}: type is {kind!r}, which is none of "
                f"{', '.join(sorted(signal_weights.types))}: set PLAYFOLD_EVENT_WEIGHTS."
            )
            raise PlaysFileError(message)
        worths.append(signal_weights.worth(kind or PLAY, *lengths))
    return worths


def events_of_ml100k(films: Ml100k) -> Events:
    """Return the ratings of MovieLens-100K as plays; the stars give the weights of the signals."""
    stars = films.plays["stars"].to_numpy()
    signals = np.array([STARS[star] for star in stars.tolist()], np.float32)
    return _events(films.plays, films.plays["played_at_s"].to_numpy(), signals)


def _events(
    table: pa.Table, played_at_s: np.ndarray, signals: Floats | None = None, counted: Flags | None = None
) -> Events:
    """Return events with numbered listeners and item keys."""
    users = pc.dictionary_encode(table["user_id"].combine_chunks()).indices.to_numpy()
    items = pc.dictionary_encode(table["item_id"].combine_chunks())
    keys: Keys = np.array([item_key(item_id) for item_id in items.dictionary.to_pylist()], np.uint64)
    at_s = played_at_s.astype(np.uint32)
    return events_of(users.astype(np.int64), keys[items.indices.to_numpy()], at_s, signals, counted)
