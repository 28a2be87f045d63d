"""The whole lines of a text that is damaged further on."""

import io
from typing import Any

import pytest

from streams.files import whole_lines
from streams.files.unpacked import DamagedFileError
from streams.files.utf8_lines import Utf8Lines
from streams.files.whole_lines import WholeLines

LINES = b"first\nsecond\nthird"


class Stream(io.BufferedReader):
    """Gives blocks of a few bytes, and fails at its end if it is damaged."""

    def __init__(self, text: bytes, n_bytes: int, damage: DamagedFileError | None = None) -> None:
        """Give this text."""
        super().__init__(io.BytesIO(text))
        self._n_bytes, self._damage = n_bytes, damage

    def read1(self, size: Any = -1) -> bytes:
        """Return the next bytes."""
        assert size
        block = super().read(self._n_bytes)
        if not block and self._damage is not None:
            raise self._damage
        return block


DAMAGE = DamagedFileError("the file is cut.")


@pytest.mark.parametrize("kind", [WholeLines, Utf8Lines])
@pytest.mark.parametrize("n_bytes", [1, 5, 6, 7, 100])
def test_an_undamaged_text_is_read_to_its_end(kind: type[WholeLines], n_bytes: int) -> None:
    """Also its last line without an end."""
    with kind(Stream(LINES, n_bytes)) as lines:
        assert LINES == io.BufferedReader(lines).read()

        lines.check(3)


@pytest.mark.parametrize("kind", [WholeLines, Utf8Lines])
@pytest.mark.parametrize("n_bytes", [1, 5, 6, 7, 100])
def test_a_line_that_is_cut_is_not_read(kind: type[WholeLines], n_bytes: int) -> None:
    """It would be another row; the error says how many rows were read."""
    with kind(Stream(LINES, n_bytes, DAMAGE)) as lines:
        assert b"first\nsecond\n" == io.BufferedReader(lines).read()

        with pytest.raises(DamagedFileError) as caught:
            lines.check(2)

    assert "the file is cut. 2 of its rows were read before." == str(caught.value)


def test_a_line_of_any_length_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a longer line than the bound, parts are given out before its end."""
    monkeypatch.setattr(whole_lines, "LINE_BYTES_MAX", 10)
    with WholeLines(Stream(b"x" * 25 + b"\nend", 4, DAMAGE)) as lines:
        assert b"x" * 25 + b"\n" == io.BufferedReader(lines).read()
