"""Plays posted one by one with `list=20`: from the request to the answer with the durable list that reflects the play.

f=64, 10,000 items, 5,000 listeners, lists of 50 with their reasons. Gateway, worker, Kafka and client share two cores.
`cpu_ms` has the processor time of each process per post, which other work on the machine hardly changes.
Posts are due at fixed times, and each is timed from when it was due: one that has to wait for the others before it
counts with its wait. Every answer is checked: status 200, a list that reflects the play, and the play learnt.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import uvloop

from tests.benchmarks.footprint import descendants, kind_of
from tests.benchmarks.gateway import gateway_of
from tests.benchmarks.http_client import Client
from tests.benchmarks.report import Row, report
from tests.benchmarks.stream import HISTORY, ITEMS, made_up_histories, plays_of
from tests.benchmarks.system import run_ours, system
from tests.support.made_up import made_up_factors, publish, send_plays

USERS, FACTORS = 5_000, 64
RATES = (100, 500)
LISTED, CORES = 20, 2
SECONDS, WARM_S = 20.0, 5.0
CONNECTIONS = 128


class Listed(msgspec.Struct):
    """The list of an answer."""

    offset: int
    items: list[str]
    reflected: bool


class Placed(msgspec.Struct):
    """The result of a play."""

    offset: int
    outcome: str


class Answer(msgspec.Struct):
    """An answer, as far as it is checked."""

    results: list[Placed]
    list: Listed


_decode = msgspec.json.Decoder(Answer).decode


class Posts:
    """Posts of plays, each due at its time.

    Attributes:
        answered_ms: The milliseconds of each, from when it was due.
    """

    def __init__(self, client: Client, plays_per_s: int, seconds: float) -> None:
        """Draw the plays of so many seconds."""
        rng = np.random.default_rng(plays_per_s)
        self._client, self._plays_per_s, n = client, plays_per_s, int(plays_per_s * seconds)
        self._plays = list(zip(rng.integers(0, USERS, n).tolist(), rng.integers(0, ITEMS, n).tolist(), strict=True))
        self.answered_ms: list[float] = []

    async def run(self) -> None:
        """Send everything."""
        began, plays = time.perf_counter(), enumerate(self._plays)
        await asyncio.gather(*(self._poster(plays, began) for _ in range(CONNECTIONS)))

    async def _poster(self, plays: Iterator[tuple[int, tuple[int, int]]], began: float) -> None:
        async with self._client.connection() as connection:
            for number, (user, item) in plays:
                due = began + number / self._plays_per_s
                await asyncio.sleep(due - time.perf_counter())
                play = {"user_id": f"u{user}", "item_id": f"i{item}", "played_at_ms": time.time_ns() // 1_000_000}
                answer = await connection.post(f"/v1/plays?list={LISTED}", msgspec.json.encode(play))
                self.answered_ms.append(1000 * (time.perf_counter() - due))
                _check(*answer)


def _check(status: int, content: bytes) -> None:
    """Check that an answer has the list that reflects its play.

    Raises:
        RuntimeError: It has not.
    """
    answer = _decode(content) if status == 200 else None
    if answer is not None:
        (result,), listed = answer.results, answer.list
        whole = listed.reflected and listed.offset >= result.offset and len(listed.items) == LISTED
        if whole and result.outcome in ("learnt", "trimmed"):
            return
    message = f"A play was answered with {status}: {content!r}"
    raise RuntimeError(message)


async def measure(url: str, plays_per_s: int) -> Row:
    """Warm up, then post at a pace."""
    client = Client(url)
    await Posts(client, plays_per_s, WARM_S).run()
    posts, before = Posts(client, plays_per_s, SECONDS), processor_ms()
    await posts.run()
    spent = processor_ms()
    spent.subtract(before)
    p50, p90, p99, p999 = np.percentile(posts.answered_ms, (50, 90, 99, 99.9)).tolist()
    return Row(
        f"play_to_answer_p90_ms_{plays_per_s}",
        p90,
        "ms",
        p50_ms=p50,
        p99_ms=p99,
        p99_9_ms=p999,
        max_ms=max(posts.answered_ms),
        posts=len(posts.answered_ms),
        cores=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 1),
        cpu_ms={name: round(ms / len(posts.answered_ms), 2) for name, ms in sorted(spent.items())},
    )


def processor_ms() -> Counter[str]:
    """Return the milliseconds of processor time that this process, the client, and those below it have taken."""
    spent: Counter[str] = Counter()
    for pid in descendants(os.getpid()):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        name = "client" if pid == os.getpid() else kind_of(pid)
        spent[name] += 1000 * (int(fields[11]) + int(fields[12])) // os.sysconf("SC_CLK_TCK")
    return spent


def rows() -> Iterator[Row]:
    """Make the lists of all listeners, then measure."""
    rng = np.random.default_rng(2)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # the processes inherit it
    with system(gateway_port=0) as settings:
        send_plays(settings, plays_of(made_up_histories(USERS, rng)))
        run_ours(settings, "full", USERS * HISTORY)
        publish(settings, made_up_factors(ITEMS, FACTORS, rng))
        run_ours(settings, "full", 0)
        with gateway_of(settings) as url:
            for rate in RATES:
                yield uvloop.run(measure(url, rate))


if __name__ == "__main__":
    report(rows())
