"""Plays of a file as events: by time, with the keys that items have everywhere."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.evaluation.event_sources import events_of_file, events_of_ml100k
from jobs.evaluation.movielens import Ml100k
from jobs.progress import JobProgress
from model.evaluation.event_log import Events
from state.keys import item_key
from streams.files.errors import PlaysFileError
from streams.files.plays_file import PlaysFile
from streams.settings import Settings
from tests.support.settings import settings_with

AT_S = 1_600_000_000
PLAYS = [("ann", "x", 3), ("bob", "y", 1), ("ann", "y", 2), ("cat", "x", 2), ("bob", "z", 1)]


def write_plays(folder: Path, plays: list[tuple[str, str, int]]) -> PlaysFile:
    """Write a CSV file of plays, so many seconds after the first moment."""
    path = folder / "plays.csv"
    rows = [f"{user},{item},{AT_S + after_s}\n" for user, item, after_s in plays]
    path.write_text("".join(["user_id,item_id,played_at\n", *rows]))
    return PlaysFile(path)


def rows_of(events: Events) -> list[tuple[int, int, int, float]]:
    """Return events as tuples of listener, item key, seconds since the first moment, and worth."""
    after_s = events.played_at_s.astype(int) - AT_S
    columns = (events.users, events.item_keys, after_s, events.weights)
    return list(zip(*(column.tolist() for column in columns), strict=True))


ANN, BOB, CAT = 0, 1, 2
EXPECTED = [(BOB, "y", 1), (BOB, "z", 1), (ANN, "y", 2), (CAT, "x", 2), (ANN, "x", 3)]


def test_the_plays_of_a_file_become_events_by_time(tmp_path: Path) -> None:
    """Listeners are numbered as they come; two plays of one second stay in the file's order."""
    events = events_of_file(write_plays(tmp_path, PLAYS), Settings().signals)

    assert [(user, item_key(item), after_s, 1.0) for user, item, after_s in EXPECTED] == rows_of(events)
    assert ["int64", "uint64", "uint32", "float32", "float32", "bool"] == [column.dtype.name for column in events]


def test_a_file_in_pieces_gives_the_same_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener or an item has one number through all pieces; every piece is told."""
    plays, seen = write_plays(tmp_path, PLAYS), list[JobProgress]()
    whole = events_of_file(plays, Settings().signals)
    monkeypatch.setattr("streams.files.plays_file.PIECE_ROWS", 2)

    pieces = events_of_file(plays, Settings().signals, seen.append)

    assert rows_of(whole) == rows_of(pieces)
    assert [JobProgress("reading plays.csv", n, None) for n in (2, 4, 5)] == seen


def test_a_file_without_plays_has_no_events(tmp_path: Path) -> None:
    """Its columns are of the same kinds."""
    events = events_of_file(write_plays(tmp_path, []), Settings().signals)

    assert [] == rows_of(events)
    assert ["int64", "uint64", "uint32", "float32", "float32", "bool"] == [column.dtype.name for column in events]


def test_a_value_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """The sentence is that of the file's reader, with the row."""
    plays = write_plays(tmp_path, [*PLAYS, ("", "x", 4)])

    with pytest.raises(PlaysFileError, match=f"Row 6 of {plays.path}: user_id is ''"):
        events_of_file(plays, Settings().signals)


def test_ratings_become_the_events_of_a_file_of_them(tmp_path: Path) -> None:
    """MovieLens-100K is one more source of the same plays."""
    users, items, after_s = zip(*PLAYS, strict=True)
    times = [AT_S + moment for moment in after_s]
    columns = {"user_id": users, "item_id": items, "played_at_s": times, "stars": [1, 2, 3, 4, 5]}

    events = events_of_ml100k(Ml100k(pa.table(columns), {}))

    assert rows_of(events_of_file(write_plays(tmp_path, PLAYS), Settings().signals)) == rows_of(events)
    assert [-0.5, 2.0, 0.5, 1.0, -1.0] == events.signals.tolist()
    assert events.counted.all()


def test_the_settings_give_the_weights_of_signals(tmp_path: Path) -> None:
    """A like or a skip is no play; a play that was cut short weighs less; an unknown type is an error with its row."""
    path = tmp_path / "plays.csv"
    path.write_text(
        f"user_id,item_id,played_at,type,ms_played,duration_ms\nann,x,{AT_S},,50,200\nann,x,{AT_S + 1},like,,\n"
        f"ann,y,{AT_S + 2},skip,,\n"
    )

    events = events_of_file(PlaysFile(path), settings_with(event_weights="play=1,like=3,skip=-2").signals)

    assert [0.25, 3, -2] == events.signals.tolist()
    assert [True, False, False] == events.counted.tolist()
    with pytest.raises(PlaysFileError, match=r"Row 2 of .*: type is 'like', which is none of play: set PLAYFOLD_"):
        events_of_file(PlaysFile(path), settings_with(event_weights="play=1").signals)


def test_private_plays_are_left_out(tmp_path: Path) -> None:
    """No model is trained on them, and none is scored with them."""
    path = tmp_path / "plays.jsonl"
    rows = [{"user_id": "ann", "item_id": item, "played_at": AT_S} for item in ("x", "y")]
    path.write_text("".join(json.dumps(row | {"private": row["item_id"] == "x"}) + "\n" for row in rows))

    assert [(ANN, item_key("y"), 0, 1.0)] == rows_of(events_of_file(PlaysFile(path), Settings().signals))
