"""The latest list of a listener."""

import msgspec
import pytest

from streams.messages.records import Recommendations
from streams.readers.decode_record import UnreadableRecord
from streams.readers.latest_list import fresher, read_list


def list_at(offset: int, item: str) -> Recommendations:
    """Return a list of one item that reflects the plays up to an offset."""
    return Recommendations(
        user_id="ann",
        kind="personal",
        generation="g1",
        revision=0,
        partition=0,
        offset=offset,
        made_at_ms=1,
        expires_at_ms=2,
        items=[item],
        scores=[1.0],
    )


def test_a_list_survives_its_encoding() -> None:
    """The reader returns the list that was written."""
    written = list_at(3, "i1")

    assert written == read_list(msgspec.json.encode(written))


def test_a_value_that_is_no_list_is_a_sentence() -> None:
    """The sentence names the topic."""
    with pytest.raises(UnreadableRecord) as caught:
        read_list(b"[]")

    assert "A list on the recommendations topic cannot be decoded: Expected object, got array." == str(caught.value)


@pytest.mark.parametrize(("earlier", "later", "expected"), [(3, 4, "late"), (4, 4, "late"), (5, 4, "early")])
def test_the_list_with_the_highest_offset_is_valid(earlier: int, later: int, expected: str) -> None:
    """Of two lists with the same offset the later record is valid."""
    assert [expected] == fresher(list_at(earlier, "early"), list_at(later, "late")).items


def test_a_first_list_is_valid() -> None:
    """There is no earlier one to compare it with."""
    assert ["late"] == fresher(None, list_at(-1, "late")).items


def test_a_list_of_a_later_epoch_is_valid() -> None:
    """Its offset counts on another topic of plays."""
    earlier, later = list_at(5_000, "early"), msgspec.structs.replace(list_at(3, "late"), epoch=1)

    assert ["late"] == fresher(earlier, later).items
    assert ["late"] == fresher(later, earlier).items
