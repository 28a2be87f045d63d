"""Bytes that are no UTF-8, which become letters for a reader that takes UTF-8 alone."""

import io

import pyarrow as pa
import pytest

from streams.files.conversions import to_ids
from streams.files.utf8_lines import Utf8Lines, restore

EVERY = bytes(range(256)).replace(b"\n", b"")


def read(text: bytes) -> tuple[bytes, Utf8Lines]:
    """Return the text as it is read, and its reader."""
    lines = Utf8Lines(io.BufferedReader(io.BytesIO(text)))
    return io.BufferedReader(lines).read(), lines


@pytest.mark.parametrize("text", [EVERY, b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"a\xe6\x97"])
def test_a_text_is_utf_8_and_its_bytes_come_back(text: bytes) -> None:
    """Whichever bytes there are, and wherever they stand."""
    letters, lines = read(text + b"\n")

    table = lines.restore(pa.table({"a": pa.array([letters, b"", b"plain"])}))

    assert letters.decode()
    assert [text + b"\n", b"", b"plain"] == table["a"].to_pylist()
    assert text == restore(letters.rstrip(b"\n"))


def test_a_text_of_utf_8_stays_as_it_is() -> None:
    """Nothing is converted."""
    text = "日本 café \U0010ff69\n".encode()
    table = pa.table({"a": pa.array([text])})

    letters, lines = read(text)

    assert text == letters
    assert table is lines.restore(table)


def test_no_letter_can_be_in_an_id() -> None:
    """An id with a byte that is no UTF-8 is none, before and after."""
    letters, _ = read(b"caf\xe9")

    with pytest.raises(pa.ArrowInvalid):
        to_ids(pa.array([letters]))
