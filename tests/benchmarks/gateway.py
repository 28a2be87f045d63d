"""Lists read and plays posted through a gateway at a fixed rate, with Kafka, a worker and the client on the same cores.

f=64, 10,000 items, 5,000 listeners, lists of 50 with their reasons. Reads are due at fixed times, and each is timed
from when it was due: one that has to wait for the others before it counts with its wait.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import uvloop

from cli.processes import GatewayProcess, WorkerProcess, stop_all
from streams.settings import Settings
from tests.benchmarks.http_client import Client
from tests.benchmarks.report import Row, report
from tests.benchmarks.stream import HISTORY, ITEMS, made_up_histories, plays_of
from tests.benchmarks.system import run_ours, system
from tests.support.made_up import made_up_factors, publish, send_plays

USERS, FACTORS = 5_000, 64
PLAYS_PER_S, BATCH, READS_PER_S = 2_000, 100, 1_000
SECONDS, WARM_S = 20.0, 3.0
READERS, POSTERS = 32, 4


class Load:
    """Posts and reads, each due at its time."""

    def __init__(self, client: Client, seconds: float, seed: int) -> None:
        """Draw the requests of so many seconds."""
        rng = np.random.default_rng(seed)
        self._client, self._seconds = client, seconds
        self._read = rng.integers(0, USERS, int(READS_PER_S * seconds)).tolist()
        n_posts = int(PLAYS_PER_S * seconds) // BATCH
        self._users = rng.integers(0, USERS, (n_posts, BATCH)).tolist()
        self._items = rng.integers(0, ITEMS, (n_posts, BATCH)).tolist()
        self.reads_ms: list[float] = []
        self.posts_ms: list[float] = []
        self.n_accepted = 0

    async def run(self) -> float:
        """Send everything; return the seconds that it took."""
        began = time.perf_counter()
        posts, reads = enumerate(zip(self._users, self._items, strict=True)), enumerate(self._read)
        await asyncio.gather(
            *(self._reader(reads, began) for _ in range(READERS)), *(self._poster(posts, began) for _ in range(POSTERS))
        )
        return time.perf_counter() - began

    async def _reader(self, reads: Iterator[tuple[int, int]], began: float) -> None:
        async with self._client.connection() as connection:
            for number, user in reads:
                due = began + number / READS_PER_S
                await asyncio.sleep(due - time.perf_counter())
                status, _ = await connection.get(f"/v1/users/u{user}/recommendations")
                if status != 200:
                    message = f"A read was answered with {status}."
                    raise RuntimeError(message)
                self.reads_ms.append(1000 * (time.perf_counter() - due))

    async def _poster(self, posts: Iterator[tuple[int, tuple[list[int], list[int]]]], began: float) -> None:
        async with self._client.connection() as connection:
            for number, (users, items) in posts:
                due = began + number * BATCH / PLAYS_PER_S
                await asyncio.sleep(due - time.perf_counter())
                now_ms = time.time_ns() // 1_000_000
                plays = [
                    {"user_id": f"u{user}", "item_id": f"i{item}", "played_at_ms": now_ms}
                    for user, item in zip(users, items, strict=True)
                ]
                status, content = await connection.post("/v1/plays", msgspec.json.encode(plays))
                if status != 200:
                    message = f"A batch was answered with {status}: {content!r}"
                    raise RuntimeError(message)
                self.n_accepted += msgspec.json.decode(content)["accepted"]
                self.posts_ms.append(1000 * (time.perf_counter() - due))


async def measure(url: str) -> list[Row]:
    """Warm up, then send the load."""
    client = Client(url)
    await Load(client, WARM_S, 1).run()
    load = Load(client, SECONDS, 2)
    took_s = await load.run()
    p50, p99, p999 = np.percentile(load.reads_ms, (50, 99, 99.9)).tolist()
    posts_p50, posts_p99 = np.percentile(load.posts_ms, (50, 99)).tolist()
    return [
        Row("plays_per_s", load.n_accepted / took_s, "1/s", batch=BATCH, p50_ms=posts_p50, p99_ms=posts_p99),
        Row("reads_per_s", len(load.reads_ms) / took_s, "1/s", connections=READERS),
        Row("reads_p50_ms", p50, "ms"),
        Row("reads_p99_ms", p99, "ms", p999_ms=p999, max_ms=max(load.reads_ms)),
    ]


@contextmanager
def gateway_of(settings: Settings) -> Iterator[str]:
    """Run a worker and a gateway, and give the gateway's address."""
    services = WorkerProcess(settings), GatewayProcess(settings)
    for service in services:
        service.start()
    try:
        for service in services:
            service.await_ready(60)
        yield services[1].url
    finally:
        stop_all(services)


def rows() -> list[Row]:
    """Make the lists of all listeners, then measure."""
    rng = np.random.default_rng(2)
    with system(gateway_port=0) as settings:
        send_plays(settings, plays_of(made_up_histories(USERS, rng)))
        run_ours(settings, "full", USERS * HISTORY)
        publish(settings, made_up_factors(ITEMS, FACTORS, rng))
        run_ours(settings, "full", 0)
        with gateway_of(settings) as url:
            measured: list[Row] = uvloop.run(measure(url))
            return measured


if __name__ == "__main__":
    report(rows())
