"""Ten thousand damaged files of every format: plays, rows set aside, and at most one sentence; never another error."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.errors import PlaysFileError
from streams.files.formats.ids import play_id_of
from streams.files.formats.rows import ImportedPlay
from streams.files.import_source import ImportSource, recognise
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import PlaysPiece
from streams.files.row_types import RowTypes
from streams.messages.events import Play, read_value
from tests.support.imports import SAMPLES, options

N_FILES, N_PARTS, N_TRACED = 10_000, 25, 3
PARTS = [pytest.param(part, marks=[] if part < N_TRACED else [pytest.mark.no_cover]) for part in range(N_PARTS)]
"""Parts of the files; those after the first ones run the same lines again, and tracing would double their time."""
OWN_CSV = b"user_id,item_id,played_at,ms_played,type\n" + b"".join(
    b"ann,item-%d,%d,%d,\n" % (number, 1_600_000_000 + number, number) for number in range(20)
)
OWN_LINES = b"".join(
    b'{"user_id":"ann","item_id":"item-%d","played_at":%d}\n' % (number, 1_600_000_000 + number) for number in range(20)
)
NASTY = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1", b"[" * 3000,
    b'{"a":' * 3000, b"9" * 400, b"-1e999", b"NaN", b"Infinity", b"null", b"true", b"[]", b"{}", b'"', b"\\ud800",
    b"\xed\xa0\x80", b"\xc3", b"\r", b"\n", b",", b"\t", b";", b"::", b"\x1b[2J", "\u202e".encode(),
    b"0001-01-01T00:00:00Z",
    b"9999-12-31T23:59:59+23:59", b"1e18", b"4102444800001",
)  # fmt: skip
"""Bytes that are put into files."""


def parquet() -> bytes:
    """Return a file of plays in Parquet."""
    packed = io.BytesIO()
    columns = {
        "user_id": ["ann"] * 9,
        "item_id": [f"i{number}" for number in range(9)],
        "played_at": [1_600_000_000] * 9,
    }
    pq.write_table(pa.table(columns), packed)
    return packed.getvalue()


def zipped(content: bytes) -> bytes:
    """Pack bytes into a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/one.json", content)
        archive.writestr("a/two.json", content)
    return packed.getvalue()


def tarred(content: bytes) -> bytes:
    """Pack bytes into a tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("a/one.listens")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zstd(content: bytes) -> bytes:
    """Compress with Zstandard."""
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


PACKINGS: tuple[Callable[[bytes], bytes], ...] = (
    bytes, bytes, bytes, gzip.compress, zstd, bz2.compress, lzma.compress, zipped, tarred,
    lambda b: gzip.compress(tarred(b)),
)  # fmt: skip
EXPORTS = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.*")) if path.is_file()]
OWN = [OWN_CSV, OWN_LINES, parquet()]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes a few times."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(6):
            case 0 if out:
                out[at % len(out)] ^= 1 << rng.randrange(8)
            case 1:
                del out[at:]
            case 2:
                out[at:at] = rng.choice(NASTY)
            case 3:
                out[at : at + rng.randrange(1, 30)] = rng.choice(NASTY)
            case 4:
                del out[at : at + rng.randrange(1, 200)]
            case _:
                out[at:at] = out[: rng.randrange(1, 300)]
    return bytes(out)


def make(rng: random.Random, contents: list[bytes]) -> bytes:
    """Return a damaged file: the damage is within its packing, or in the packing itself."""
    content, pack = rng.choice(contents), rng.choice(PACKINGS)
    return pack(damaged(content, rng)) if rng.random() < 0.5 else damaged(pack(content), rng)


def check_sentence(sentence: str) -> None:
    """Check that an error is one line of printable text that ends as a sentence does."""
    assert sentence.endswith("."), sentence
    assert sentence.isprintable(), sentence


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_export_is_plays_rows_set_aside_and_at_most_a_sentence(tmp_path: Path, part: int) -> None:
    """Every row that is read is one of both, and every play is one that workers accept."""
    rng, path = random.Random(part), tmp_path / "export"
    for _ in range(N_FILES // N_PARTS * 4 // 5):
        path.write_bytes(make(rng, EXPORTS))
        lacking = options(rng.choice(("anna", None)), zone="Europe/Oslo")
        export = ImportSource(path, lacking, reads_damaged=rng.random() < 0.5)
        n_rows = 0
        try:
            recognise(path, {"user_id", "item_id", "played_at"})
            for place, row in export.rows():
                n_rows += 1
                assert place.row >= 1
                assert not isinstance(row, ImportedPlay) or accepted(row)
        except PlaysFileError as error:
            check_sentence(str(error))
        assert n_rows == export.n_rows
        for sentence in export.damage:
            check_sentence(sentence)


def accepted(play: ImportedPlay) -> bool:
    """Return whether a worker accepts the record of a play."""
    user_id = play.user_id or ""
    ids: list[str | None] = [play_id_of(user_id, play.item_id, play.played_at_ms)]
    lengths = [play.ms_played], [play.duration_ms]
    piece = PlaysPiece(1, [user_id], [play.item_id], [play.played_at_ms], *lengths, ids, [play.type])
    return isinstance(read_value(RowTypes().record(piece, 0), 4096, {"play", "skip"}), Play)


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_file_of_plays_is_plays_and_at_most_a_sentence(tmp_path: Path, part: int) -> None:
    """The rows before the damage are read in order."""
    rng, path = random.Random(1000 + part), tmp_path / "plays"
    for _ in range(N_FILES // N_PARTS // 5):
        path.write_bytes(make(rng, OWN))
        next_row = 1
        try:
            for piece in PlaysFile(path).pieces():
                assert next_row == piece.first_row
                next_row += piece.n_plays
        except PlaysFileError as error:
            check_sentence(str(error))


@pytest.mark.parametrize("cut", [1, 2, 10])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gz", "zst"])
def test_the_rows_before_a_cut_are_read(tmp_path: Path, pack: Callable[[bytes], bytes], cut: int) -> None:
    """All rows of a compressed file up to the last block, and every whole line of a plain one."""
    line = (SAMPLES / "listenbrainz" / "1.listens").read_bytes().splitlines(keepends=True)[0]
    path = tmp_path / "listens"
    path.write_bytes(pack(line * 2000)[:-cut])
    export = ImportSource(path, options(), reads_damaged=True)

    rows = [row for _, row in export.rows()]

    n_plays = sum(isinstance(row, ImportedPlay) for row in rows)
    assert n_plays + len(export.damage) >= 1
    assert (n_plays == 1999 + (cut == 1)) if pack is bytes else len(export.damage) == 1
