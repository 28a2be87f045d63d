"""Files of any packaging, and paths that are no files."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from streams.files.containers import members_of
from streams.files.errors import PlaysFileError
from streams.files.unpacked import BUFFER_BYTES, BytesRead, DamagedFileError, open_unpacked

TEXT = "user_id,item_id\nann,x\nbén,y\n"


def zstd(content: bytes) -> bytes:
    """Compress with Zstandard."""
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


def written(folder: Path, content: bytes) -> Path:
    """Write a file whose name says nothing."""
    path = folder / "file"
    path.write_bytes(content)
    return path


def fault_of(path: Path) -> str:
    """Return the sentence about a path that cannot be read."""
    with pytest.raises(PlaysFileError) as caught:
        read_all(path)
    return str(caught.value)


def read_all(path: Path) -> None:
    """Read every file of a path."""
    for _, stream in members_of(path):
        stream.read()


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, zstd, bz2.compress, lzma.compress, lambda content: gzip.compress(zstd(content))],
    ids=["plain", "gz", "zst", "bz2", "xz", "zst in gz"],
)
def test_compression_is_recognised_by_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """And the name does not matter."""
    with open_unpacked(written(tmp_path, pack(TEXT.encode()))) as stream:
        assert TEXT.encode() == stream.read()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_byte_order_mark_is_decoded(tmp_path: Path, encoding: str) -> None:
    """It comes out as UTF-8 without the mark."""
    with open_unpacked(written(tmp_path, TEXT.encode(encoding))) as stream:
        assert TEXT.encode() == stream.read()


def test_the_files_of_an_archive_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Also of an archive inside; hidden and empty files are left out."""
    inner, path = io.BytesIO(), tmp_path / "export"
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        entry = tarfile.TarInfo("c.txt")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"3"))
    with zipfile.ZipFile(path, "w") as archive_of_all:
        for name, content in {
            "b.tgz": inner.getvalue(),
            "a.txt": b"1",
            ".x": b"2",
            "__MACOSX/a": b"4",
            "z": b"",
        }.items():
            archive_of_all.writestr(name, content)

    assert [(f"{path}:a.txt", b"1"), (f"{path}:b.tgz:c.txt", b"3")] == [
        (name, stream.read()) for name, stream in members_of(path)
    ]


def test_the_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """With the folders in it, and the bytes on the disk are counted."""
    (tmp_path / "b").mkdir()
    for name, content in {"b/1.txt": b"2", "a.txt": b"1", ".hidden": b"x", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
    done = BytesRead()

    assert [b"1", b"2"] == [stream.read() for _, stream in members_of(tmp_path, done)]
    assert 2 == done.n


@pytest.mark.parametrize("pack", [gzip.compress, zstd, bz2.compress, lzma.compress], ids=["gz", "zst", "bz2", "xz"])
def test_what_stands_before_damage_is_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """The sentence says how far reading came."""
    content = os.urandom(1 << 20)
    path = written(tmp_path, pack(content)[:-1000])
    blocks: list[bytes] = []
    with open_unpacked(path) as stream, pytest.raises(DamagedFileError) as caught:
        blocks.extend(iter(stream.read1, b""))

    n_bytes = sum(map(len, blocks))
    assert 0 < n_bytes < len(content)
    assert content.startswith(b"".join(blocks))
    assert str(caught.value).startswith(f"{path} cannot be read after {n_bytes:,} bytes (")
    assert str(caught.value).endswith("): fetch it again, or repair it.")


def make_pipe(path: Path) -> str:
    """Make a pipe, which would block a reader."""
    os.mkfifo(path)
    return "is a device or a pipe, but a file is needed: write its content to a file first."


def make_empty(path: Path) -> str:
    """Make an empty file."""
    path.touch()
    return "is empty: fetch it again."


def make_nothing(path: Path) -> str:
    """Make nothing."""
    assert not path.exists()
    return "does not exist."


@pytest.mark.parametrize("make", [make_pipe, make_empty, make_nothing])
def test_a_path_that_is_no_file_is_a_sentence(tmp_path: Path, make: Callable[[Path], str]) -> None:
    """Nothing is read, and nothing waits."""
    path = tmp_path / "export"

    sentence = make(path)

    assert f"{path} {sentence}" == fault_of(path)


def test_a_device_is_a_sentence() -> None:
    """It has no end."""
    sentence = "/dev/zero is a device or a pipe, but a file is needed: write its content to a file first."
    assert sentence == fault_of(Path("/dev/zero"))


def test_a_folder_is_no_single_file(tmp_path: Path) -> None:
    """A caller that wants one file gets a sentence."""
    with pytest.raises(PlaysFileError, match=r"is a folder: name a file in it\.$"):
        open_unpacked(tmp_path)


def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the test refuses."""
    path = written(tmp_path, b"x")
    monkeypatch.setattr("streams.files.unpacked.os.access", lambda *_: False)

    assert f"{path} cannot be opened (Permission denied): check its permissions." == fault_of(path)


def test_an_encrypted_zip_is_a_sentence(tmp_path: Path) -> None:
    """The library's words stand in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", b"x" * 100)
    content = bytearray(packed.getvalue())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path = written(tmp_path, bytes(content))

    said = fault_of(path)

    assert said.startswith(f"{path} cannot be read (File ")
    assert said.endswith("is encrypted, password required for extraction): fetch it again, or repair it.")


def test_archives_in_archives_have_a_limit(tmp_path: Path) -> None:
    """So that no file unpacks for ever."""
    content = b"x"
    for _ in range(6):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a", content)
        content = packed.getvalue()

    assert fault_of(written(tmp_path, content)).endswith("is packed more than 4 times: unpack it first.")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_the_beginning_of_text_with_a_mark_is_as_long_as_of_any_other(tmp_path: Path, encoding: str) -> None:
    """Formats are recognised by it."""
    text = "x" * BUFFER_BYTES * 2
    with open_unpacked(written(tmp_path, text.encode(encoding))) as stream:
        assert BUFFER_BYTES == len(stream.peek(1))


def test_the_text_before_letters_that_do_not_decode_is_read(tmp_path: Path) -> None:
    """The sentence names the encoding."""
    path = written(tmp_path, ("ab" * 300_000).encode("utf-16") + b"\x00\xdc\x00")
    blocks: list[bytes] = []
    with open_unpacked(path) as stream, pytest.raises(DamagedFileError) as caught:
        blocks.extend(iter(stream.read1, b""))

    assert b"".join(blocks).startswith(b"abab")
    assert len(b"".join(blocks)) > 590_000
    assert str(caught.value).startswith(f"{path} cannot be read as UTF-16 (")


def test_damage_may_be_passed(tmp_path: Path) -> None:
    """The files of a folder and of archives before and after it are read, and each damage is reported."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a")[:5])
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(tar_of({"1": b"x" * 10, "2": os.urandom(1 << 17)}))[: 1 << 16])
    (tmp_path / "c.txt").write_bytes(b"c")
    damage: list[DamagedFileError] = []
    begun: dict[str, bytes] = {}

    for name, stream in members_of(tmp_path, on_damage=damage.append):
        begun[name.removeprefix(f"{tmp_path}/")] = stream.read(1)

    assert {"b.tar.gz:1": b"x", "c.txt": b"c"} == {name: byte for name, byte in begun.items() if name != "b.tar.gz:2"}
    assert {"a.gz", "b.tar.gz"} == {Path(str(error).partition(" cannot")[0]).name.partition(":")[0] for error in damage}


def tar_of(files: dict[str, bytes]) -> bytes:
    """Pack files into a tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
