"""One user's record: its bytes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.users.record import (
    HEADER,
    DaySignals,
    HistoryEntry,
    RecordFormatError,
    ShownItem,
    UserRecord,
    check_format,
    upgraded,
)
from state.users.record_batch import pack, unpack
from state.users.record_bytes import (
    applied_offset_of,
    are_forgotten,
    generation_key_of,
    headers_of,
    is_forgotten,
    is_owed,
    listed_at_ms_of,
)
from tests.support.generations import plain

U16, U32, U64 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
F32 = st.floats(width=32, allow_nan=False)
RECORDS = st.builds(
    UserRecord,
    applied_offset=st.integers(-1, 2**63 - 1),
    plays=U32,
    last_played_s=U32,
    generation_key=U64,
    listed_at_s=U32,
    listed_at_ms=st.integers(-1, 2**63 - 1),
    list_score=F32,
    paused=st.booleans(),
    owed=st.booleans(),
    day=U32,
    day_signals=U32,
    history=st.lists(st.builds(HistoryEntry, U64, F32, U32, U32), max_size=5),
    play_ids=st.lists(U64, max_size=3),
    hidden=st.lists(U64, max_size=3),
    shown=st.lists(st.builds(ShownItem, U64, U32, U32), max_size=3),
    listed=st.lists(U32, max_size=3),
    days=st.lists(st.builds(DaySignals, U16, U16), max_size=3),
    vector=st.lists(F32, max_size=4).map(tuple),
)
FIXTURES = Path(__file__).parents[1] / "fixtures"
VERSION_1, VERSION_2, VERSION_3 = (FIXTURES / f"user_record_v{number}.hex" for number in (1, 2, 3))


def said(value: bytes) -> str:
    """Return the message about bytes that are no record."""
    with pytest.raises(RecordFormatError) as caught:
        UserRecord.decode(value)
    return str(caught.value)


@given(RECORDS)
def test_a_record_survives_its_bytes(record: UserRecord) -> None:
    """Decoding gives the encoded record."""
    assert record == UserRecord.decode(record.encode())


@given(RECORDS)
def test_some_fields_are_read_without_the_rest(record: UserRecord) -> None:
    """Recovery and sweep look at a field of millions of records."""
    value = record.encode()

    assert record.applied_offset == applied_offset_of(value)
    assert record.generation_key == generation_key_of(value)
    assert record.listed_at_ms == listed_at_ms_of(value)
    assert record.owed == is_owed(value)


def test_a_record_of_format_1_still_loads() -> None:
    """Bytes that were written once are read for ever."""
    value = bytes.fromhex(VERSION_1.read_text())
    expected = UserRecord(
        applied_offset=123_456_789_012,
        plays=7,
        last_played_s=1_700_000_600,
        generation_key=0xFEDC_BA98_7654_3210,
        listed_at_s=1_700_000_000,
        history=[
            HistoryEntry(0x1111_2222_3333_4444, 0.75, 5, 1_700_000_300),
            HistoryEntry(0xFFFF_EEEE_DDDD_CCCC, 2.5, 7, 1_700_000_600),
        ],
        play_ids=[3, 2**64 - 1],
        vector=(0.5, -1.25, 0.0, 3.0),
    )

    assert expected == UserRecord.decode(value)
    assert upgraded(value) == expected.encode()
    assert [expected] == plain(unpack([value], 4))
    assert [upgraded(value)] == pack(unpack([value], 4))


@pytest.mark.parametrize(("version", "file"), [(2, VERSION_2), (3, VERSION_3)])
def test_a_record_of_format_2_or_3_still_loads(version: int, file: Path) -> None:
    """Format 2 has one decayed sum an item, read as one signal; both know one day. A list that waits is published."""
    value = bytes.fromhex(file.read_text())
    expected = UserRecord(
        applied_offset=123_456_789_012,
        plays=7,
        last_played_s=1_700_000_600,
        generation_key=0xFEDC_BA98_7654_3210,
        listed_at_s=1_700_000_000,
        listed_at_ms=1_700_000_000_250,
        list_score=0.25,
        owed=True,
        day=19_675,
        day_signals=2,
        history=[
            HistoryEntry(0x1111_2222_3333_4444, 0.75, 5, 1_700_000_300),
            HistoryEntry(0xFFFF_EEEE_DDDD_CCCC, 2.5, 7, 1_700_000_600),
        ],
        play_ids=[3, 2**64 - 1],
        hidden=[5],
        shown=[ShownItem(6, 2, 7)],
        listed=[0xDDDD_CCCC, 1],
        vector=(0.5, -1.25, 0.0, 3.0),
    )

    assert version == value[0]
    assert expected == UserRecord.decode(value)
    assert upgraded(value) == expected.encode()
    assert [expected] == plain(unpack([value], 4))
    assert [upgraded(value)] == pack(unpack([value], 4))
    assert is_owed(value)
    assert expected.listed_at_ms == listed_at_ms_of(value)


def test_a_marker_of_format_1_is_still_one() -> None:
    """A listener that the version before forgot stays forgotten."""
    marker = UserRecord(applied_offset=7, listed_at_s=5).encode()
    old = b"\x01" + marker[1:24] + bytes(8) + marker[24:40]

    assert is_forgotten(old)
    assert upgraded(old) == marker


def test_who_paused_is_not_forgotten() -> None:
    """The wish is all that is kept of them, and is kept."""
    assert not is_forgotten(UserRecord(applied_offset=7, paused=True).encode())


@given(RECORDS, st.integers(1, 67))
def test_a_record_cut_short_is_a_sentence(record: UserRecord, cut: int) -> None:
    """The sentence has both lengths."""
    record.history.append(HistoryEntry(1, 1.0, 1, 1))
    record.history.append(HistoryEntry(2, 1.0, 2, 1))
    record.history.append(HistoryEntry(3, 1.0, 3, 1))
    value = record.encode()

    expected = f"A user record is cut short: {len(value) - cut} bytes where its header tells {len(value)}."
    assert expected == said(value[:-cut])


def test_a_record_of_another_format_is_a_sentence() -> None:
    """A later version's record is not mistaken for one of ours."""
    value = b"\x05" + UserRecord().encode()[1:]

    assert "A user record of 68 bytes begins with b'\\x05'; this version reads formats 1 to 4." == said(value)


def test_less_than_a_header_is_a_sentence() -> None:
    """Nothing is read behind the end."""
    expected = f"A user record of {HEADER.itemsize - 1} bytes begins with b'\\x04'; this version reads formats 1 to 4."

    assert expected == said(UserRecord().encode()[:-1])
    assert "A user record of 0 bytes begins with b''; this version reads formats 1 to 4." == said(b"")


def test_a_whole_record_passes_the_check() -> None:
    """A record of nothing is a header."""
    value = UserRecord().encode()

    check_format(value)
    assert 68 == len(value)


@given(st.lists(RECORDS, max_size=4))
def test_headers_of_many_records_are_those_of_each(records: list[UserRecord]) -> None:
    """Without reading the rest; markers of forgotten users are recognised by them."""
    values = [record.encode() for record in records]

    headers = headers_of(values)

    assert [record.last_played_s for record in records] == headers["last_played_s"].tolist()
    assert [record.generation_key for record in records] == headers["generation_key"].tolist()
    assert [is_forgotten(value) for value in values] == are_forgotten(headers).tolist()


def test_headers_of_the_first_format_are_upgraded() -> None:
    """Their fields stand at other places."""
    value = bytes.fromhex(VERSION_1.read_text())

    headers = headers_of([value])

    assert UserRecord.decode(value).last_played_s == headers["last_played_s"][0]
    assert UserRecord.decode(value).plays == headers["plays"][0]
