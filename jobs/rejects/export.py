"""Writes rejected records to a file of JSON lines."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from jobs.rejects.read import StoredReject
from streams.messages.records import RejectedPlay


class ExportedReject(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file: a rejected record, its place among the rejects, and its place and bytes on `plays`."""

    rejected_at_ms: int
    rejects_partition: int
    rejects_offset: int
    reject: RejectedPlay


async def export_rejects(rejects: AsyncIterator[StoredReject], reason: str, path: Path) -> int:
    """Write the rejects whose reason contains a text; return their number.

    The file has its name only when it is complete.

    Raises:
        LogReadError: Kafka does not answer.
        OSError: The file cannot be written.
    """
    aside = path.with_name(f".{path.name}.aside")
    encode, n_written = msgspec.json.Encoder().encode, 0
    try:
        with aside.open("wb") as file:
            async for partition, offset, at_ms, reject in rejects:
                if reason in reject.reason:
                    line = ExportedReject(
                        rejected_at_ms=at_ms, rejects_partition=partition, rejects_offset=offset, reject=reject
                    )
                    file.write(encode(line) + b"\n")
                    n_written += 1
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        if error.errno is None:  # Kafka's
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        aside.unlink(missing_ok=True)
    return n_written
