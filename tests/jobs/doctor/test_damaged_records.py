"""The records that a check cannot read, as an issue."""

from jobs.doctor.damaged_records import BATCH, NAMED_MAX, VALUE, DamagedRecords
from streams.fetch.unreadable_batch import UnreadableBatch


def test_without_damage_there_is_no_issue() -> None:
    """The check goes on as ever."""
    assert [] == DamagedRecords().issues


def test_a_record_is_named_by_topic_partition_and_offset() -> None:
    """One record costs itself, and the program that wrote it is to be corrected."""
    damaged = DamagedRecords()
    damaged.add("pulse", 0, 17, "JSON is malformed")

    (issue,) = damaged.issues

    assert "warning" == issue.verdict
    assert "1 record cannot be read and is left out: pulse, partition 0, offset 17 (JSON is malformed)." == issue.says
    assert VALUE == issue.do


def test_a_batch_counts_with_all_its_offsets() -> None:
    """Each offset may have been a record."""
    damaged = DamagedRecords()
    damaged.skip(UnreadableBatch("pulse", 0, 3, 5, None, "the checksum is wrong", b"", 0))
    damaged.add("pulse", 0, 9, "JSON is malformed")

    (issue,) = damaged.issues

    assert issue.says == (
        "4 records cannot be read and are left out: pulse, partition 0, offsets 3 to 5 (the checksum is wrong); "
        "pulse, partition 0, offset 9 (JSON is malformed)."
    )
    assert f"{BATCH} {VALUE}" == issue.do


def test_so_many_are_named_and_all_are_counted() -> None:
    """A topic full of foreign records is one sentence."""
    damaged = DamagedRecords()
    for offset in range(3000):
        damaged.add("pulse", 0, offset, "\x1b[2J")

    (issue,) = damaged.issues

    assert issue.says.startswith("3,000 records cannot be read and are left out: pulse, partition 0, offset 0 (?[2J);")
    assert issue.says.endswith(f"; and {3000 - NAMED_MAX:,} others.")
