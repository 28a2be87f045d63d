"""Apple Music's play activity."""

from pathlib import Path

from tests.support.imports import FIRST_MS, HARBOUR, PAPER, SAMPLES, plays_of, reasons_of

SAMPLE = SAMPLES / "apple-music" / "Apple_Music_Play_Activity.csv"


def test_the_events_that_end_a_play_are_plays() -> None:
    """From the time of its start, with both lengths; the other events are set aside."""
    plays = plays_of(SAMPLE)

    assert [(HARBOUR, FIRST_MS, "anna", 182_000, 182_000), (PAPER, FIRST_MS + 183_000, "anna", 17_000, 208_000)] == [
        play[:5] for play in plays
    ]
    assert ["rows of another kind of activity"] * 2 == reasons_of(SAMPLE)


def test_newer_copies_name_no_artist(tmp_path: Path) -> None:
    """The album stands for the artist in the id, and no artist goes to the catalog."""
    path = tmp_path / "activity.csv"
    path.write_text(
        "Album Name,Event End Timestamp,Event Start Timestamp,Event Type,Play Duration Milliseconds,Song Name\n"
        "Made Up,2023-11-14T22:16:20Z,,PLAY_END,180000,Harbour Lights\n"
        "Made Up,,,PLAY_END,180000,Harbour Lights\n"
        "Made Up,2023-11-14T22:16:20Z,,PLAY_END,180000,\n"
    )

    (play,) = plays_of(path)

    assert FIRST_MS == play.played_at_ms
    assert None is play.artist
    assert HARBOUR != play.item_id
    assert ["rows without a time that can be read", "rows that name no item"] == reasons_of(path)
