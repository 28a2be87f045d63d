"""Quix Streams doing the work of `state_output`: at least once, state in RocksDB with a changelog.

GROUP, BROKERS, FOLDER, PLAYS and PLAYS_TOPIC come from the environment.
"""

import json
import os
import time
from typing import Any

from quixstreams import Application

from tests.benchmarks.engines.work import LIST, append_play

PLAYS = int(os.environ["PLAYS"])
started, done = 0.0, 0


def listen(value: bytes, state: Any) -> bytes:
    """Append a play to its user's history and give the list; tell how long all took."""
    global started, done  # noqa: PLW0603  the engine calls a bare function
    started = started or time.perf_counter()
    state.set_bytes("history", append_play(state.get_bytes("history", b"") or b"", json.loads(value)["item_id"]))
    done += 1
    if done == PLAYS:
        line = json.dumps({"plays": done, "seconds": time.perf_counter() - started})
        os.write(int(os.environ["RESULT_FD"]), line.encode() + b"\n")
    return LIST


def main() -> None:
    """Run until the parent has read the result."""
    app = Application(
        broker_address=os.environ["BROKERS"],
        consumer_group=os.environ["GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["FOLDER"],
        processing_guarantee="at-least-once",
        commit_interval=1.0,
        loglevel="WARNING",
    )
    plays = app.topic(os.environ["PLAYS_TOPIC"], value_deserializer="bytes", key_deserializer="bytes")
    lists = app.topic(f"{os.environ['GROUP']}-lists", value_serializer="bytes", key_serializer="bytes")
    app.dataframe(plays).apply(listen, stateful=True).to_topic(lists)
    app.run()


if __name__ == "__main__":
    main()
