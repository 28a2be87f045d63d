"""The data set Last.fm-1K."""

from pathlib import Path

from tests.support.imports import HARBOUR, SAMPLES, options, plays_of, reasons_of

SAMPLE = SAMPLES / "lastfm-1k" / "userid-timestamp-artid-artname-traid-traname.tsv"


def test_every_line_is_a_play() -> None:
    """A track without MusicBrainz' id has an id of its names."""
    plays = plays_of(SAMPLE, options(user_id=None))

    assert ["mbid:00000000-0000-4000-8000-00000000000a", HARBOUR, HARBOUR] == [play.item_id for play in plays]
    assert [1_241_478_537_000, 1_241_445_250_000, 1_241_478_000_000] == [play.played_at_ms for play in plays]
    assert ["user_000001", "user_000001", "user_000002"] == [play.user_id for play in plays]


def test_quotation_marks_are_ordinary_characters(tmp_path: Path) -> None:
    """And a line with another number of fields is set aside."""
    path = tmp_path / "plays.tsv"
    path.write_text('u\t2009-05-04T23:08:57Z\ta\tA\tb\t"Heroes"\nu\t2009-05-04T23:08:57Z\ta\n')

    assert ['"Heroes"'] == [play.title for play in plays_of(path, options(user_id=None))]
    assert ["rows that cannot be read"] == reasons_of(path)
