"""Dumps and exports of ListenBrainz, in every packaging."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.imports import FIRST_MS, HARBOUR, SAMPLES, SECOND_MS, options, plays_of, reasons_of

SAMPLE = SAMPLES / "listenbrainz" / "1.listens"
MBID = "mbid:00000000-0000-4000-8000-00000000000a"


def zstd(content: bytes) -> bytes:
    """Compress with Zstandard."""
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


def tar(content: bytes) -> bytes:
    """Return a dump: listens in folders, and files beside them that are none."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in (("SCHEMA_SEQUENCE", b"1\n"), ("listens/2023/11.listens", content)):
            entry = tarfile.TarInfo(f"listenbrainz-listens-dump-1/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


def zipped(content: bytes) -> bytes:
    """Return a listener's export."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", '{"user_id": 7}')
        archive.writestr("listens/2023/11.jsonl", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "pack",
    [bytes, zstd, tar, lambda content: zstd(tar(content)), zipped],
    ids=["plain", "zst", "tar", "tar.zst", "zip"],
)
def test_every_packaging_tells_the_same_plays(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """The content decides, not the name."""
    path = tmp_path / "listens"
    path.write_bytes(pack(SAMPLE.read_bytes()))

    plays = plays_of(path, options(user_id=None))

    expected = [(MBID, SECOND_MS, "anna"), (HARBOUR, FIRST_MS + 100_000, "ben"), (HARBOUR, FIRST_MS, "anna")]
    assert expected == [play[:3] for play in plays]
    assert 210_000 == plays[0].duration_ms


def test_damaged_lines_are_set_aside(tmp_path: Path) -> None:
    """The lines after them are read."""
    path = tmp_path / "listens.jsonl"
    path.write_bytes(
        SAMPLE.read_bytes() + b'{"listened_at":\n[1]\n\xff\n{"listened_at": "x"}\n{"listened_at": 1.7e9}\n'
    )

    unreadable = ["rows that cannot be read"] * 3
    lacking = options(user_id=None)
    assert [*unreadable, "rows without a time that can be read", "rows that name no item"] == reasons_of(path, lacking)
    assert 3 == len(plays_of(path, lacking))


def test_a_mapped_recording_has_the_id_of_its_mapping(tmp_path: Path) -> None:
    """The player's own id counts first; without a name, the number of the listener is the id."""
    path = tmp_path / "listens.jsonl"
    listen = {
        "user_id": 7,
        "timestamp": 1_700_000_000,
        "track_metadata": {"additional_info": {"recording_mbid": "own"}},
    }
    path.write_text(json.dumps(listen))

    (play,) = plays_of(path, options(user_id=None))

    assert ("mbid:own", FIRST_MS, "7") == play[:3]


@pytest.mark.parametrize(
    ("at", "ms"),
    [
        ("1700000000", FIRST_MS),
        ("2023-11-14T22:13:20Z", FIRST_MS),
        ("2023-11-14T22:13:20", FIRST_MS),
        ("9" * 5000, None),
    ],
)
def test_a_time_may_be_a_text(tmp_path: Path, at: str, ms: int | None) -> None:
    """Epoch seconds, or ISO in UTC; any other text is no time."""
    path = tmp_path / "1.listens"
    listen = {"listened_at": at, "track_metadata": {"track_name": "Harbour Lights", "artist_name": "The Made Ups"}}
    path.write_text(json.dumps(listen) + "\n")

    assert ([] if ms is None else [ms]) == [play.played_at_ms for play in plays_of(path)]


def test_a_file_whose_first_line_is_damaged_is_recognised(tmp_path: Path) -> None:
    """The line is set aside, and the file is not ignored beside the others of its dump."""
    path = tmp_path / "1.listens"
    path.write_bytes(b'{"listened_at": 17\n' + SAMPLE.read_bytes())

    assert ["rows that cannot be read"] == reasons_of(path, options(user_id=None))
    assert plays_of(SAMPLE, options(user_id=None)) == plays_of(path, options(user_id=None))


def test_a_listen_may_take_several_lines(tmp_path: Path) -> None:
    """As an editor writes it."""
    path = tmp_path / "listens.json"
    listens = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(listen, indent=2) for listen in listens))

    assert plays_of(SAMPLE, options(user_id=None)) == plays_of(path, options(user_id=None))
