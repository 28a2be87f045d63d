"""A user record told to its listener: nothing of it is missing."""

from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest

from jobs.user_requests.exported_record import StoredRecord
from state.keys import MARK, generation_key, item_key, item_name_key
from state.users.record import HistoryEntry, ShownItem, UserRecord
from streams.messages.export_document import ExportedEntry, ExportedRecord, ExportedShown
from streams.settings import Settings
from tests.support.generations import FIRST_ID, make_generation
from tests.support.settings import settings_with

RECORD = UserRecord(
    applied_offset=17,
    plays=5,
    last_played_s=1_700_000_900,
    generation_key=generation_key(FIRST_ID),
    listed_at_s=1_700_000_800,
    listed_at_ms=1_800_000_000_000,
    list_score=0.5,
    paused=True,
    owed=True,
    day=19_675,
    day_signals=3,
    history=[
        HistoryEntry(item_key("i1"), -1.0, 2, 1_700_000_000),
        HistoryEntry(item_key("i2"), 2.0, 5, 1_700_000_900),
    ],
    play_ids=[7, 2**64 - 1],
    hidden=[item_key("i3")],
    shown=[ShownItem(item_key("i4"), 3, 4)],
    listed=[item_key("i5") & MARK, item_key("i6") & MARK],
    vector=(0.5, -0.25),
)


class Written(msgspec.Struct):
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


def record_of(*written: tuple[bytes, bytes | None]) -> StoredRecord:
    """Return the export of `ann` from consecutive records."""
    record = StoredRecord(b"ann", 3)
    for offset, (key, value) in enumerate(written):
        record.take(Written(offset, key, value))
    return record


def named(*items: str) -> list[tuple[bytes, bytes]]:
    """Return the names of items as the changelog has them."""
    return [(item_name_key(item_key(item)), item.encode()) for item in items]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a store that holds one generation."""
    made = settings_with(data_dir=str(tmp_path), half_life_plays=1.0)
    make_generation(made.application.generations_path)
    return made


@pytest.mark.parametrize(
    ("record", "exported"), [(UserRecord, ExportedRecord), (HistoryEntry, ExportedEntry), (ShownItem, ExportedShown)]
)
def test_no_field_of_a_record_is_missing(record: type, exported: type[msgspec.Struct]) -> None:
    """A new field of the record has to be told, too, under its own name."""
    assert set() == {field.name for field in fields(record)} - set(exported.__struct_fields__)


def test_every_field_is_told_as_it_is(settings: Settings) -> None:
    """Keys as hexadecimal digits, with the ids of items that a name is held of, or that are in the list."""
    written = [*named("i1", "i3", "i4", "i5"), (b"ben", RECORD.encode()), (b"ann", RECORD.encode())]

    exported = record_of(*written).export(settings, ["i6"])

    assert exported is not None
    numbers = {field.name: getattr(RECORD, field.name) for field in fields(UserRecord)}
    numbers = {name: value for name, value in numbers.items() if isinstance(value, int | float)}
    del numbers["generation_key"]
    assert numbers == {name: getattr(exported, name) for name in numbers}
    assert 3 == exported.partition
    assert 5 == exported.offset
    assert [] == exported.older_offsets
    assert not exported.forgotten
    assert FIRST_ID == exported.generation
    assert f"{RECORD.generation_key:016x}" == exported.generation_key
    assert ["0000000000000007", "ffffffffffffffff"] == exported.play_ids
    assert [("i3", f"{item_key('i3'):016x}")] == [(item.item_id, item.item_key) for item in exported.hidden]
    assert [("i4", 3, 4)] == [(item.item_id, item.shows, item.at_play) for item in exported.shown]
    assert ["i5", "i6"] == [mark.item_id for mark in exported.listed]
    assert [0.5, -0.25] == exported.vector


def test_the_history_says_what_its_entries_are_worth_now(settings: Settings) -> None:
    """The item played last first; by the half-life of the generation, or by that of the settings if it is gone."""
    half_lives = {generation_key(FIRST_ID): 5.0, generation_key("gone"): 1.0}
    for key, half_life in half_lives.items():
        exported = record_of((b"ann", replace(RECORD, generation_key=key).encode())).export(settings, [])

        assert exported is not None
        assert [None, None] == [entry.item_id for entry in exported.history]
        assert [(5, 2.0, 2.0), (2, -1.0, pytest.approx(-(0.5 ** (3 / half_life))))] == [
            (entry.touched_at_play, entry.value, entry.value_now) for entry in exported.history
        ]


def test_what_it_was_before_is_counted(settings: Settings) -> None:
    """A record of a late worker does not count; a marker tells that it is one; a tombstone leaves nothing."""
    older, late, marker = (
        UserRecord(applied_offset=4, plays=1),
        UserRecord(applied_offset=3, plays=1),
        UserRecord(applied_offset=9, listed_at_s=5),
    )
    written: list[tuple[bytes, bytes | None]] = [(b"ann", record.encode()) for record in (older, RECORD, late, marker)]

    exported = [record_of(*written[:n]).export(settings, []) for n in (3, 4)]

    assert [(1, [0, 2], False)] == [(a.offset, a.older_offsets, a.forgotten) for a in exported[:1] if a]
    marker_told = record_of(*written[:1], written[3]).export(settings, [])
    assert marker_told is not None
    assert 1 == marker_told.offset
    assert [0] == marker_told.older_offsets
    assert marker_told.forgotten
    assert [] == marker_told.history
    assert record_of(*written, (b"ann", None)).export(settings, []) is None
    assert record_of().export(settings, []) is None
