"""The options and the output of `playfold state rebase`."""

import pytest
import typer

from cli.commands.state import describe_rebased, describe_written, parse_start
from jobs.topics.from_disk import FromDisk
from jobs.topics.rebase import Rebased


@pytest.mark.parametrize(("start", "expected"), [
    (None, None),
    ("beginning", "beginning"),
    ("end", "end"),
    ("2023-11-14T22:13:20Z", 1_700_000_000_000),
    ("2023-11-14T23:13:20+01:00", 1_700_000_000_000),
])  # fmt: skip
def test_a_start_is_a_word_or_a_time(start: str | None, expected: str | int | None) -> None:
    """In any zone."""
    assert expected == parse_start(start)


@pytest.mark.parametrize("start", ["yesterday", "2023-11-14T22:13:20", ""])
def test_a_time_without_a_zone_is_refused(start: str) -> None:
    """It may mean any of many moments."""
    with pytest.raises(typer.BadParameter, match=r"is neither `beginning` nor `end`, nor a time with a zone"):
        parse_start(start)


def test_the_result_is_a_sentence() -> None:
    """With the offsets from which workers go on."""
    assert (
        "The state belongs to the topic with id abc now (epoch 1). "
        "Workers go on at these offsets (by partition): 0: 0, 1: 1,200."
    ) == describe_rebased(Rebased(epoch=1, plays_id="abc", starts={1: 1_200, 0: 0}))
    assert "Nothing to move: the state belongs to the topic with id abc (epoch 1)." == describe_rebased(
        Rebased(epoch=1, plays_id="abc", starts={})
    )


def test_records_from_the_disk_are_counted() -> None:
    """Partitions of other machines are named."""
    assert (
        "12 records of 1 partition were written. "
        "This machine has no state of the old changelog for these partitions: 1, 2."
    ) == describe_written(FromDisk({0: 12}, [1, 2], {}, {}))
    assert (
        "12 records of 1 partition were written. "
        "Workers go on behind the last play on the disk, at these offsets (by partition): 0: 1,200."
    ) == describe_written(FromDisk({0: 12}, [], {0: 1_200}, {}))
