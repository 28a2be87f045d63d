"""Events of a file of plays, or of MovieLens-100K."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.evaluation.movielens import Ml100k
from jobs.progress import JobProgress, ProgressCallback, no_progress
from model.arrays import Flags, Floats, Keys
from model.evaluation.event_log import Events, events_of
from state.keys import item_key
from streams.files.play_columns import PlaysFileError, PlaysPiece
from streams.files.plays_file import PlaysFile
from streams.settings.users import SignalSettings
from streams.signal_weight import PLAY, SignalWeights

STARS = {1: -1.0, 2: -0.5, 3: 0.5, 4: 1.0, 5: 2.0}
"""The weight of a rating as a signal: three and more stars count for a film, fewer against it."""


def events_of_file(plays: PlaysFile, signals: SignalSettings, on_progress: ProgressCallback = no_progress) -> Events:
    """Read all plays and other signals of a file.

    Args:
        plays: The file.
        signals: The weights of signals.
        on_progress: Called after every piece.

    Raises:
        PlaysFileError: The file or a value in it cannot be read.
    """
    tables, n_read, total, signal_weights = [], 0, plays.n_plays, SignalWeights(signals)
    for piece in plays.pieces():
        columns = (pa.array(piece.user_ids), pa.array(piece.item_ids), pa.array(piece.played_at_ms))
        counted = pa.array([kind in (None, PLAY) for kind in piece.types])
        weighted = pa.array(_signals(piece, signal_weights, plays)), counted
        tables.append(pa.table([*columns, *weighted], ["user_id", "item_id", "played_at_ms", "signal", "is_play"]))
        n_read += piece.n_plays
        on_progress(JobProgress(f"reading {plays.path.name}", n_read, total))
    if not tables:
        return events_of(np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.uint32))
    table = pa.concat_tables(tables)
    weighted = table["signal"].to_numpy().astype(np.float32), table["is_play"].to_numpy()
    return _events(table, table["played_at_ms"].to_numpy() // 1000, *weighted)


def _signals(piece: PlaysPiece, signal_weights: SignalWeights, plays: PlaysFile) -> list[float]:
    """Return the weights of a piece's signals."""
    weights = []
    for row, (kind, *lengths) in enumerate(zip(piece.types, piece.ms_played, piece.duration_ms, strict=True)):
        if (kind or PLAY) not in signal_weights.types:
            message = (
                f"Row {piece.first_row + row} of {plays.path}: type is {kind!r}, which is none of "
                f"{', '.join(sorted(signal_weights.types))}: set PLAYFOLD_EVENT_WEIGHTS."
            )
            raise PlaysFileError(message)
        weights.append(signal_weights.weight(kind or PLAY, *lengths))
    return weights


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
