"""The file of rejected records."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs.rejects.export import export_rejects
from jobs.rejects.read import StoredReject
from streams.messages.records import RejectedPlay


async def rejects(*, breaks: bool = False) -> AsyncIterator[StoredReject]:
    """Yield two rejects, and then an error if asked for."""
    for number, reason in enumerate(("the key is wrong", "no JSON")):
        reject = RejectedPlay(topic="plays", partition=1, offset=number, reason=reason, key=b"\xff", value=b"{}")
        yield StoredReject(3, number, 1_700_000_000_000, reject)
    if breaks:
        message = "Kafka is gone."
        raise ConnectionError(message)


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return [path.name for path in folder.iterdir()]


async def test_a_line_has_both_places_and_the_bytes(tmp_path: Path) -> None:
    """In base64, for they may be any."""
    path = tmp_path / "rejects.jsonl"

    assert 1 == await export_rejects(rejects(), "key", path)

    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert [3, 0] == [line["rejects_partition"], line["rejects_offset"]]
    assert {"topic": "plays", "partition": 1, "offset": 0, "key": "/w==", "value": "e30="}.items() <= line[
        "reject"
    ].items()


async def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """An error on the way leaves nothing behind."""
    path = tmp_path / "rejects.jsonl"
    path.write_text("older")

    with pytest.raises(ConnectionError):
        await export_rejects(rejects(breaks=True), "", path)

    assert "older" == path.read_text()
    assert ["rejects.jsonl"] == names_in(tmp_path)


@pytest.mark.parametrize("name", ["folder", "missing/rejects.jsonl"])
async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    """By the name that the caller gave."""
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError, match="directory") as caught:
        await export_rejects(rejects(), "", tmp_path / name)

    assert str(tmp_path / name) == caught.value.filename
    assert ["folder"] == names_in(tmp_path)
