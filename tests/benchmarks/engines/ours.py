"""playfold as an engine: `python -m tests.benchmarks.engines.ours WORK PLAYS`.

WORK is `count` (history and output, no model, through the same slices, groups and commit order) or `full` (the worker
as it is). It ends after PLAYS plays; with 0, when every partition is swept.
"""

import asyncio
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cli.event_log import start_event_log
from cli.threads import pin_threads
from streams.settings import read_settings

pin_threads(1)
import msgspec  # noqa: E402  after the threads are pinned
import uvloop  # noqa: E402

from agents.group_context import GroupContext  # noqa: E402
from agents.plays.changes import Changes  # noqa: E402
from agents.plays.pipeline import CommitPipeline, Committed  # noqa: E402
from agents.worker import Worker  # noqa: E402
from state.users.partition import PartitionState  # noqa: E402
from streams.consumer.slices import Slice  # noqa: E402
from streams.outbox import Item  # noqa: E402
from tests.benchmarks.engines.work import LIST, Heard, append_play  # noqa: E402

HEAD = struct.Struct("<qqq")  # eight bytes, then the applied offset where a user record has it, then the count
decode = msgspec.json.Decoder(Heard).decode


def count(slices: Sequence[Slice], states: Mapping[int, PartitionState]) -> dict[int, Changes]:
    """Do the work of `state_output` for a group: every play at or below its user's applied offset is skipped."""
    changes = {}
    for partition in {part.partition for part in slices}:
        by_user: dict[bytes, list[Any]] = {}
        for part in slices:
            if part.partition == partition:
                for record in part.records:
                    by_user.setdefault(record.key or b"", []).append(record)
        keys = list(by_user)
        written: list[Item] = []
        highest = -1
        for key, old in zip(keys, states[partition].read(keys), strict=True):
            _, applied, plays = HEAD.unpack_from(old) if old else (0, -1, 0)
            history = old[HEAD.size :] if old else b""
            for record in by_user[key]:
                if record.offset > applied:
                    history = append_play(history, decode(record.value).item_id)
                    applied, plays = record.offset, plays + 1
            highest = max(highest, applied)
            written.append((key, HEAD.pack(0, applied, plays) + history))
        changes[partition] = Changes(written, highest, [(key, LIST) for key in keys], [])
    return changes


class Meter:
    """Counts plays as groups end, and stops the process when enough are done."""

    def __init__(self, plays: int) -> None:
        """Stop after `plays`; 0: never."""
        self.plays, self.done, self.started = plays, 0, 0.0

    def add(self, plays: int) -> None:
        """Count a group that is durable."""
        self.done += plays
        if self.plays and self.done >= self.plays:
            seconds = time.perf_counter() - self.started
            os.write(
                int(os.environ["RESULT_FD"]), json.dumps({"plays": self.done, "seconds": seconds}).encode() + b"\n"
            )
            self.plays = 0
            os.kill(os.getpid(), signal.SIGTERM)


def measure(pipeline: CommitPipeline, meter: Meter, work: str) -> None:
    """Put the meter into a worker's pipeline, and another work if asked."""
    fold, commit = pipeline._work.fold, pipeline._commit  # noqa: SLF001  a benchmark looks inside
    sizes: list[int] = []

    def folded(slices: Sequence[Slice], context: GroupContext) -> dict[int, Changes]:
        meter.started = meter.started or time.perf_counter()
        sizes.append(sum(len(part.records) for part in slices))
        return count(slices, context.states) if work == "count" else fold(slices, context)

    async def committed(*job: Any, **options: Any) -> Committed:
        durable = await commit(*job, **options)
        if sizes:
            meter.add(sizes.pop())
        return durable

    pipeline._work.fold, pipeline._commit = folded, committed  # type: ignore[method-assign]  # noqa: SLF001


async def stop_when_swept(worker: Worker) -> None:
    """End when every partition is swept under the generation in service."""
    while True:
        await asyncio.sleep(0.1)
        generation, states = worker._serving.current, worker._store.partitions  # noqa: SLF001
        if generation and states and all(state.swept == generation.key for state in states.values()):
            os.kill(os.getpid(), signal.SIGTERM)
            return


async def main() -> None:
    """Run a worker with a meter in it."""
    work, plays = sys.argv[1], int(sys.argv[2])
    worker = Worker(read_settings())
    measure(worker._pipeline, Meter(plays), work)  # noqa: SLF001
    ending = asyncio.create_task(stop_when_swept(worker)) if plays == 0 else None
    await worker.run()
    if ending is not None:
        await ending


if __name__ == "__main__":
    start_event_log(read_settings().telemetry, as_json=False)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main())
