"""JSON strings in one array of bytes."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.json_strings import json_strings


def text_of(encoded: bytes) -> np.ndarray:
    """Return the bytes of a text."""
    return np.frombuffer(encoded, np.uint8)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_string_stands_at_its_place(texts: list[str]) -> None:
    """Quotes, backslashes, commas, brackets and control characters included."""
    text, starts = json_strings(text_of(msgspec.json.encode(texts)), len(texts))

    assert texts == [msgspec.json.decode(bytes(text[begin : end - 1])) for begin, end in pairwise(starts)]


@pytest.mark.parametrize(
    "encoded", [b'["a","b"]', b'["a", "b","c"]', b'["a","b","c"', b'["a","b",3]', b"[]", b"[", b"{}"]
)
def test_another_text_than_so_many_strings_is_an_error(encoded: bytes) -> None:
    """Fewer strings, spaces, no end, a number: the message has the two counts."""
    with pytest.raises(ValueError, match=f"^A JSON array of {len(encoded)} bytes is not 3 strings without spaces"):
        json_strings(text_of(encoded), 3)
