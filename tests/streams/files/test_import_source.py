"""Exports of several files, and options that they need."""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from streams.files.errors import PlaysFileError
from streams.files.formats.rows import ImportedPlay
from streams.files.import_source import ImportSource, recognise
from streams.files.unpacked import DamagedFileError
from tests.support.imports import SAMPLES, options, plays_of

SPOTIFY = SAMPLES / "spotify"
OWN_COLUMNS = {"user_id", "item_id", "played_at"}


def zipped(folder: Path, target: Path) -> Path:
    """Pack a folder into a zip, in a folder of it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"Spotify Extended Streaming History/{path.name}")
    return target


def test_a_folder_and_its_zip_tell_the_same_plays(tmp_path: Path) -> None:
    """The name of the zip does not matter, and other files in it are ignored and counted."""
    packed = ImportSource(zipped(SPOTIFY, tmp_path / "data"), options())
    rows = [row for _, row in packed.rows()]

    assert [row for _, row in ImportSource(SPOTIFY, options()).rows()] == rows
    assert 2 == packed.n_files
    assert 1 == packed.n_other_files
    assert 10 == packed.n_rows
    assert ["Spotify's extended streaming history"] == list(packed.formats)


def test_rows_are_numbered_within_their_file() -> None:
    """A reader finds a row again."""
    places = [place for place, _ in ImportSource(SPOTIFY, options()).rows()]

    assert [1, 2, *range(1, 9)] == [place.row for place in places]
    assert {str(SPOTIFY / "Streaming_History_Audio_2023_0.json")} == {place.file for place in places[2:]}


def test_an_export_without_listeners_needs_one() -> None:
    """The sentence names the option."""
    path = SPOTIFY / "Streaming_History_Audio_2023_0.json"
    with pytest.raises(PlaysFileError) as caught:
        plays_of(path, options(user_id=None))

    assert f"{path} names no listener: name the listener with --user." == str(caught.value)


def test_a_listener_that_an_export_names_is_replaced() -> None:
    """Their id here is another one than there."""
    plays = plays_of(SAMPLES / "lastfm" / "page-1.json", options(user_id="listener-7"))

    assert {"listener-7"} == {play.user_id for play in plays}


def test_several_listeners_are_not_replaced_by_one() -> None:
    """Their plays would be those of one listener."""
    path = SAMPLES / "listenbrainz" / "1.listens"
    with pytest.raises(PlaysFileError) as caught:
        plays_of(path, options(user_id="listener-7"))

    expected = f"{path} names more than one listener, 'anna' and 'ben' among them: leave --user out."
    assert expected == str(caught.value)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_a_long_array_is_never_in_memory(tmp_path: Path, compress: bool) -> None:  # noqa: FBT001
    """The first play comes when a small part of the file is read."""
    row = (SPOTIFY / "Streaming_History_Audio_2023-2024_1.json").read_bytes().strip()[1:-1]
    array = b"[" + b",".join([row] * 5000) + b"]"
    path = tmp_path / "history.json"
    path.write_bytes(gzip.compress(array, 0) if compress else array)
    source = ImportSource(path, options())
    rows = source.rows()

    next(rows)

    assert 0 < source.done.n < path.stat().st_size / 4
    assert 9999 == len([*rows])


def test_a_damaged_export_says_how_far_reading_came(tmp_path: Path) -> None:
    """After the rows before the damage; the caller may want these."""
    path = tmp_path / "history.json"
    whole = (SPOTIFY / "Streaming_History_Audio_2023_0.json").read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(DamagedFileError) as caught:
        plays_of(path)
    partial = ImportSource(path, options(), reads_damaged=True)

    assert 7 == len([*partial.rows()])
    assert [str(caught.value)] == partial.damage
    assert str(caught.value) == (
        f"{path} cannot be read further: its JSON is damaged, parse error: premature EOF. "
        "7 of its rows were read before."
    )


def test_a_folder_without_plays_names_the_formats(tmp_path: Path) -> None:
    """Or the one that the caller named."""
    (tmp_path / "a.txt").write_text("no plays")
    with pytest.raises(PlaysFileError) as any_format:
        plays_of(tmp_path)
    with pytest.raises(PlaysFileError) as one_format:
        plays_of(SPOTIFY, format_name="lastfm")

    assert str(any_format.value).startswith(f"{tmp_path} has no file of plays in one of these formats: spotify, ")
    assert str(any_format.value).endswith(" Name a file with playfold's columns itself, not its folder or archive.")
    assert f"{SPOTIFY} has no file of plays in one of these formats: lastfm." == str(one_format.value)


def test_a_named_format_is_used_for_a_file_that_looks_like_none(tmp_path: Path) -> None:
    """Its first row may be the damaged one."""
    path = tmp_path / "plays.tsv"
    path.write_text("damaged\nann\t2009-05-04T23:08:57Z\t\tA\t\tT\n")

    assert None is recognise(path, OWN_COLUMNS)
    assert ["T"] == [play.title for play in plays_of(path, format_name="lastfm-1k")]


def test_playfolds_own_columns_come_first(tmp_path: Path) -> None:
    """A file with them is no export, with any other columns."""
    path = tmp_path / "plays.csv"
    path.write_text("user_id,item_id,played_at,artist,track,uts\nann,x,1600000000,a,t,1600000000\n")

    assert None is recognise(path, OWN_COLUMNS)
    assert "lastfm-csv" == getattr(recognise(path, {"listener", "item_id", "played_at"}), "name", None)


LISTENS = (SAMPLES / "listenbrainz" / "1.listens").read_bytes()
N_LISTENS = len(LISTENS.splitlines())


def tarred(*contents: bytes) -> bytes:
    """Pack files of listens into a tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, content in enumerate(contents):
            entry = tarfile.TarInfo(f"{number}.listens")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zstd(content: bytes) -> bytes:
    """Compress with Zstandard."""
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gz", "zst"])
def test_the_files_before_the_damage_of_an_archive_are_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Wherever the archive is cut, and each damage is named once."""
    noise = b"".join(b'{"noise": "%s"}\n' % os.urandom(40).hex().encode() for _ in range(20_000))
    path = tmp_path / "dump"
    path.write_bytes(pack(tarred(LISTENS, LISTENS, LISTENS + noise))[:-400_000])
    with pytest.raises(DamagedFileError):
        plays_of(path, options(user_id=None))
    partial = ImportSource(path, options(user_id=None), reads_damaged=True)

    plays = [row for _, row in partial.rows() if isinstance(row, ImportedPlay)]

    assert 3 * N_LISTENS == len(plays)
    assert 1 == len(partial.damage)
    assert str(path) in partial.damage[0]


def test_a_damaged_file_does_not_end_a_folder(tmp_path: Path) -> None:
    """The files after it are read; the caller may want them."""
    packed = gzip.compress(LISTENS)
    for name, content in {"a.gz": packed[:10], "b.gz": packed, "c.gz": packed[:-10], "d": LISTENS}.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedFileError):
        plays_of(tmp_path, options(user_id=None))
    partial = ImportSource(tmp_path, options(user_id=None), reads_damaged=True)

    plays = [row for _, row in partial.rows() if isinstance(row, ImportedPlay)]

    assert len(plays) >= 2 * N_LISTENS
    assert ["a.gz", "c.gz"] == [Path(sentence.partition(" cannot")[0]).name for sentence in partial.damage]
    assert not [sentence for sentence in partial.damage if ".." in sentence or ".:" in sentence]


def test_a_damaged_file_does_not_end_a_zip(tmp_path: Path) -> None:
    """The list at its end says where the files after the damaged one begin."""
    path = tmp_path / "dump.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("1.listens", "2.listens", "3.listens"):
            archive.writestr(name, LISTENS)
    content = bytearray(path.read_bytes())
    content[content.index(LISTENS) + len(LISTENS) - 3] ^= 1
    path.write_bytes(content)
    partial = ImportSource(path, options(user_id=None), reads_damaged=True)

    n_plays = sum(isinstance(row, ImportedPlay) for _, row in partial.rows())

    assert n_plays >= 2 * N_LISTENS
    assert [f"{path}:1.listens"] == [sentence.partition(" cannot")[0] for sentence in partial.damage]


def test_a_zip_without_its_end_has_no_files(tmp_path: Path) -> None:
    """The list of its files is cut off."""
    path = tmp_path / "dump.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.listens", LISTENS)
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(DamagedFileError):
        list(ImportSource(path, options(user_id=None), reads_damaged=True).rows())


def test_nothing_but_damage_is_an_error(tmp_path: Path) -> None:
    """Also if the rows before it are wanted."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(LISTENS)[:10])
    with pytest.raises(DamagedFileError) as caught:
        list(ImportSource(tmp_path, options(), reads_damaged=True).rows())

    assert str(caught.value).startswith(f"{tmp_path / 'a.gz'} cannot be read")


@pytest.mark.parametrize("page", ["archive_browser.html", "z.html"])
def test_a_file_that_cannot_be_used_counts_among_the_others(tmp_path: Path, page: str) -> None:
    """Before and after the file of plays, whose format is named."""
    youtube = SAMPLES / "youtube-music" / "watch-history.json"
    (tmp_path / "watch-history.json").write_bytes(youtube.read_bytes())
    (tmp_path / page).write_bytes((SAMPLES / "youtube-music-page" / "watch-history.html").read_bytes())
    source = ImportSource(tmp_path, options())

    assert 4 == len([*source.rows()])
    assert 1 == source.n_files
    assert 1 == source.n_other_files
    assert ["YouTube Music in Google Takeout"] == list(source.formats)
