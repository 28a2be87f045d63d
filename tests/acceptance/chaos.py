"""Workers under load that are killed, wiped, frozen and joined, and started again as a supervisor would."""

import asyncio
import random
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cli.processes import WorkerProcess
from streams.outbox import Item, Outbox
from streams.readers.lag import lag_of
from streams.settings import Settings, override
from tests.support.made_up import produce_plays

STEP_S = 0.2


@dataclass
class Chaos:
    """Two workers that share the partitions, and a chaos that kills, freezes and wipes them."""

    settings: Settings
    dice: random.Random
    workers: dict[str, WorkerProcess] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def start(self, name: str) -> WorkerProcess:
        """Start a worker, for the first time or again."""
        if name not in self.workers:
            self.workers[name] = WorkerProcess(override(self.settings, instance=name))
        self.workers[name].start()
        return self.workers[name]

    def supervise(self) -> None:
        """Start every worker again that ended by itself."""
        for worker in self.workers.values():
            if not worker.running:
                self.told.append(worker.describe_end())
                worker.start()

    async def kill(self, *, wipe: bool) -> None:
        """Kill one of the workers at a moment that it does not choose, perhaps with its disk, and start it again."""
        await asyncio.sleep(self.dice.uniform(0.5, 2.5))
        worker = self.workers[self.dice.choice(sorted(self.workers))]
        worker.kill()
        if wipe:
            shutil.rmtree(worker.settings.application.worker_path, ignore_errors=True)  # it may not have come so far
        worker.start()
        self.supervise()

    async def freeze(self) -> None:
        """Freeze a worker until the group has long given its partitions away, then let it go on."""
        worker = self.workers[min(self.workers)]
        worker.child.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2 * self.settings.kafka.session_timeout_s)
        worker.child.send_signal(signal.SIGCONT)
        await asyncio.sleep(self.settings.kafka.session_timeout_s)
        self.supervise()

    async def join_and_leave(self) -> None:
        """Let a third worker join, take its share and leave in an orderly way."""
        guest = self.start("guest")
        await asyncio.to_thread(guest.await_ready, 60)
        await asyncio.sleep(2)
        await asyncio.to_thread(guest.stop)
        del self.workers["guest"]

    async def until_idle(self, timeout_s: float) -> None:
        """Wait until every play is folded and committed."""
        deadline = time.monotonic() + timeout_s
        async with lag_of(self.settings) as lag:
            while await lag.plays():
                self.supervise()
                assert time.monotonic() < deadline, f"{await lag.plays()} plays are not folded; {self.told}"
                await asyncio.sleep(STEP_S)

    def stop(self) -> None:
        """Stop everybody."""
        for worker in self.workers.values():
            worker.stop()


async def load(
    settings: Settings, plays: Sequence[Item], plays_per_s: int, enough: asyncio.Event | None = None
) -> Sequence[Item]:
    """Send plays at a pace, each acknowledged, until there are no more or `enough` is set; return those sent."""
    step, n_sent = int(plays_per_s * STEP_S), 0
    async with Outbox(settings.kafka) as outbox:
        while n_sent < len(plays) and not (enough and enough.is_set()):
            await produce_plays(outbox, settings, plays[n_sent : n_sent + step])
            n_sent += step
            await asyncio.sleep(STEP_S)
    return plays[:n_sent]
