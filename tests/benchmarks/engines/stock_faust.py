"""Faust as its users run it, tuned: one event at a time, a RocksDB table, an output per play.

`faust -A tests.benchmarks.engines.stock_faust -L uvloop worker`; GROUP, BROKERS, FOLDER, PLAYS and WORK come from the
environment. WORK is `count`, or `full`: implicit's `recalculate_user` and `recommend` per event.
"""

import json
import os
import signal
import sys
import time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import faust
import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from tests.benchmarks.engines.work import LIST, append_play

GROUP, PLAYS, WORK = os.environ["GROUP"], int(os.environ["PLAYS"]), os.environ["WORK"]
TUNED = {"block_cache_size": 32 << 20, "write_buffer_size": 8 << 20, "max_write_buffer_number": 2,
         "bloom_filter_size": 10, "max_open_files": 256, "driver": "rocksdict"}  # fmt: skip

app = faust.App(
    GROUP,
    broker=f"kafka://{os.environ['BROKERS']}",
    store="rocksdb://",
    datadir=os.environ["FOLDER"],
    topic_partitions=4,
    topic_replication_factor=1,
    topic_disable_leader=True,
    web_enabled=False,
    stream_buffer_maxsize=16384,
    consumer_auto_offset_reset="earliest",
    producer_linger=0.02,
    cython_optimizations=True,
)
RAW = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw", "partitions": 4}
plays = app.topic(os.environ["PLAYS_TOPIC"], **RAW)
lists = app.topic(f"{GROUP}-lists", **RAW)
users = app.Table("users", key_type=bytes, value_type=bytes, partitions=4, options=TUNED)


class Counting:
    """History and output, no model."""

    def __call__(self, key: bytes, value: bytes) -> bytes:
        """Append a play to its user's history."""
        users[key] = append_play(users.get(key) or b"", json.loads(value)["item_id"])
        return LIST


class Recommending:
    """The plain design with implicit: the whole history through `recalculate_user`, then the top 50."""

    def __init__(self) -> None:
        """Load the same item factors as playfold."""
        self.item_factors = np.load(os.environ["ITEM_FACTORS"])
        self.model = AlternatingLeastSquares(factors=self.item_factors.shape[1], alpha=1.0, num_threads=1)
        self.model.item_factors = self.item_factors
        self.model.user_factors = np.zeros((1, self.item_factors.shape[1]), np.float32)
        self.histories = json.loads(open(os.environ["HISTORIES"]).read())  # noqa: PTH123, SIM115

    def __call__(self, key: bytes, value: bytes) -> bytes:
        """Add a play to its user's counts, solve the user and send the list."""
        stored = users.get(key)
        history = json.loads(stored) if stored else self.histories.get(key.decode(), {})
        row = json.loads(value)["item_id"][1:]
        history[row] = history.get(row, 0) + 1
        users[key] = json.dumps(history).encode()
        rows, counts = np.array([int(row) for row in history]), np.array(list(history.values()), np.float32)
        shape = (1, len(self.item_factors))
        matrix = csr_matrix((counts, rows, np.array([0, len(rows)])), shape=shape)
        items, scores = self.model.recommend(0, matrix, N=50, filter_already_liked_items=True, recalculate_user=True)
        return json.dumps({"items": [f"i{item}" for item in items], "scores": scores.tolist()}).encode()


work = Recommending() if WORK == "full" else Counting()


@app.agent(plays)
async def listen(stream: Any) -> None:
    """Handle plays one by one and tell how long they took."""
    started, done = 0.0, 0
    async for event in stream.events():
        started = started or time.perf_counter()
        await lists.send(key=event.key, value=work(event.key, event.value))
        done += 1
        if done == PLAYS:
            line = json.dumps({"plays": done, "seconds": time.perf_counter() - started})
            os.write(int(os.environ["RESULT_FD"]), line.encode() + b"\n")  # Faust turns stdout into log lines
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.argv = ["faust", "-L", "uvloop", "worker", "-l", "warn", "--without-web"]
    app.main()
