"""Lists for the items of sessions, asked of a gateway by HTTP at a fixed rate, and ranked exactly.

1,000,000 items of 64 factors lie in 2,000 clusters of taste, with lengths and plays spread as popularity spreads them.
A session has 1 to 20 items of up to three tastes; its list has 50. Kafka, the gateway and the client share the cores.

Requests are due at fixed times, and each is timed from when it was due: one that waits for a free connection counts
with its wait. A request that is refused, because too many wait, has no list and no time. Rows of a name with `_plain`
are those of a gateway that ranks one request at a time. `single` is the time of a request that nothing else delays.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import uvloop

from cli.processes import GatewayProcess, stop_all
from jobs.announcement import announce
from model.arrays import Floats
from model.objective import Objective
from state.generations.generation import Catalog, write_generation
from state.generations.naming import new_generation_id
from state.generations.open_store import generation_store
from streams.settings import Settings, override
from tests.benchmarks.http_client import Client
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import system
from tests.support.generations import manifest_of, numbered

OBJECTIVE = Objective(factors=64)
ITEMS, TASTES, LISTENERS, PLAYS = 1_000_000, 2_000, 200_000, 20_000_000
LISTS_PER_S, CONNECTIONS = 500, 128
SECONDS, WARM_S, SINGLE = 20.0, 4.0, 200
READY_S = 180.0
BUSY = 503


def catalog(rng: np.random.Generator) -> Catalog:
    """Return made-up items; those with low numbers are played most."""
    centres = rng.standard_normal((TASTES, OBJECTIVE.factors), dtype=np.float32)
    lengths = rng.gamma(2.0, 0.2, (ITEMS, 1)).astype(np.float32) / 8
    spread = rng.standard_normal((ITEMS, OBJECTIVE.factors), dtype=np.float32)
    factors: Floats = ((centres[np.arange(ITEMS) % TASTES] + np.float32(0.7) * spread) * lengths).astype(np.float32)
    plays = 1 / (10 + np.arange(ITEMS))
    return numbered(factors, OBJECTIVE)._replace(popularity=(plays * PLAYS / plays.sum()).astype(np.float32))


def publish(settings: Settings, items: Catalog) -> None:
    """Publish and announce a generation of these items."""
    now_ms = time.time_ns() // 1_000_000
    generation_id = new_generation_id(now_ms)
    folder = settings.application.data_path / "made-up" / generation_id
    manifest = manifest_of(generation_id, OBJECTIVE, ITEMS)
    write_generation(folder, msgspec.structs.replace(manifest, n_users=LISTENERS, n_plays=PLAYS), items)
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, generation_id, 0, now_ms))


def sessions(n: int, rng: np.random.Generator) -> list[bytes]:
    """Return so many requests."""
    bodies = []
    for length in rng.integers(1, 21, n).tolist():
        tastes = rng.integers(0, TASTES, 3)[rng.integers(0, 3, length)]
        items = tastes + TASTES * rng.integers(0, ITEMS // TASTES, length)
        bodies.append(msgspec.json.encode({"items": [f"i{item}" for item in items.tolist()]}))
    return bodies


class Load:
    """Requests, each due at its time.

    Attributes:
        taken_ms: The time of every answer with a list, from when its request was due.
        n_refused: Requests without a list, because too many waited.
    """

    def __init__(self, client: Client, bodies: Sequence[bytes], per_s: float) -> None:
        """Send these requests, so many a second; `inf`: each as soon as a connection is free."""
        self._client, self._bodies, self._per_s = client, bodies, per_s
        self.taken_ms: list[float] = []
        self.n_refused = 0

    async def run(self, connections: int) -> float:
        """Send everything; return the seconds that it took."""
        began = time.perf_counter()
        numbered_bodies = enumerate(self._bodies)
        await asyncio.gather(*(self._asker(numbered_bodies, began) for _ in range(connections)))
        return time.perf_counter() - began

    async def _asker(self, bodies: Iterator[tuple[int, bytes]], began: float) -> None:
        async with self._client.connection() as connection:
            for number, body in bodies:
                due = max(began + number / self._per_s, time.perf_counter() if self._per_s == np.inf else 0)
                await asyncio.sleep(due - time.perf_counter())
                status, content = await connection.post("/v1/recommendations", body)
                if status == BUSY:
                    self.n_refused += 1
                elif status == 200:
                    self.taken_ms.append(1000 * (time.perf_counter() - due))
                else:
                    message = f"A request was answered with {status}: {content!r}"
                    raise RuntimeError(message)


async def measure(url: str, suffix: str) -> list[Row]:
    """Warm up, then measure single requests, the load at its pace, and as many as there can be."""
    client, rng, machine_load = Client(url), np.random.default_rng(3), os.getloadavg()[0]
    await Load(client, sessions(int(LISTS_PER_S * WARM_S), rng), LISTS_PER_S).run(CONNECTIONS)
    single = Load(client, sessions(SINGLE, rng), np.inf)
    await single.run(1)
    load = Load(client, sessions(int(LISTS_PER_S * SECONDS), rng), LISTS_PER_S)
    took_s = await load.run(CONNECTIONS)
    most = Load(client, sessions(int(LISTS_PER_S * SECONDS / 2), rng), np.inf)
    most_s = await most.run(CONNECTIONS)
    p50, p90, p99 = np.percentile(load.taken_ms, (50, 90, 99)).tolist()
    shared: dict[str, Any] = {"offered_per_s": LISTS_PER_S, "refused": load.n_refused, "machine_load": machine_load}
    name = f"anonymous{suffix}"
    return [
        Row(f"{name}_per_s", len(load.taken_ms) / took_s, "lists/s", **shared),
        Row(f"{name}_p50_ms", p50, "ms"),
        Row(f"{name}_p90_ms", p90, "ms"),
        Row(f"{name}_p99_ms", p99, "ms", max_ms=max(load.taken_ms)),
        Row(f"{name}_most_per_s", len(most.taken_ms) / most_s, "lists/s", connections=CONNECTIONS),
        Row(f"{name}_single_ms", float(np.median(single.taken_ms)), "ms", requests=SINGLE),
    ]


@contextmanager
def gateway_of(settings: Settings) -> Iterator[str]:
    """Run a gateway, and give its address."""
    gateway = GatewayProcess(settings)
    gateway.start()
    try:
        gateway.await_ready(READY_S)
        yield gateway.url
    finally:
        stop_all([gateway])


def rows() -> Iterator[Row]:
    """Measure a gateway that ranks requests together, and one that does not."""
    with system(gateway_port=0, rank="exact", gateway_requests_per_s=0) as settings:
        publish(settings, catalog(np.random.default_rng(0)))
        for suffix, together in (("", settings.gateway.rank_requests_max), ("_plain", 1)):
            with gateway_of(override(settings, gateway_rank_requests_max=together)) as url:
                yield from uvloop.run(measure(url, suffix))


if __name__ == "__main__":
    report(rows())
