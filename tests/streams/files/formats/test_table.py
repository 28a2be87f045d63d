"""The recognition of formats by content."""

from pathlib import Path

import pytest

from streams.files.formats.head import Head
from streams.files.formats.table import FORMATS, format_of
from tests.support.imports import SAMPLES

FILES = [path for path in sorted(SAMPLES.rglob("*")) if path.is_file() and path.suffix != ".txt"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SAMPLES)))
def test_every_sample_is_recognised_by_its_content(path: Path) -> None:
    """By the format of its folder, and by no other; its name does not matter."""
    head = Head(path.read_bytes())

    assert {path.parent.name.removesuffix("-page")} == {form.name for form in FORMATS if form.recognises(head)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"{}",
        b"[]",
        b"[[[[",
        b"user_id,item_id,played_at\nann,x,1600000000\n",
        b'{"user_id":"ann","item_id":"x","played_at":1600000000}\n',
        b"a\tb\tc\td\n",
        b"<html><body>a page</body></html>",
        b"\xff\xfe\xfd",
    ],
)
def test_other_files_have_no_format(content: bytes) -> None:
    """Files with playfold's own columns among them."""
    assert None is format_of(Head(content))
