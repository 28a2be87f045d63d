"""The checks of `playfold doctor`: side by side, each with a time-out, none of them stopped by another."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from jobs.announcement import announced
from jobs.doctor.finding import Complaint, Finding, found
from jobs.doctor.probes import (
    GROWS_S,
    look_at_disks,
    look_at_gateway,
    look_at_generation,
    look_at_lag,
    look_at_pulses,
)
from jobs.doctor.rules import (
    Told,
    judge_clocks,
    judge_cluster,
    judge_generation,
    judge_lag,
    judge_room,
    judge_workers,
)
from streams.readers.log_reader import LogReadError
from streams.settings import Settings, override
from streams.topics.admin import verify_topics
from streams.topics.cluster import describe_cluster
from streams.topics.topics import declare_topics

CHECK_S = 10.0
"""Longest that a check may take."""
KAFKA_S = 4.0
"""Longest that Kafka may take for one answer, so that a check can still say what it waited for."""
Seen = TypeVar("Seen")


class Doctor:
    """Looks at everything once, changes nothing, and never raises an error of what it looks at."""

    def __init__(self, settings: Settings, check_s: float = CHECK_S) -> None:
        """Look where the settings point; `check_s` is the longest that a check may take, in seconds."""
        self._settings = override(settings, kafka_timeout_s=min(KAFKA_S, settings.kafka.timeout_s))
        self._check_s = check_s
        self._pulses: asyncio.Task[list[Told]] | None = None
        self._of_kafka = {
            "topics": self._topics,
            "generation": self._generation,
            "lag": self._lag,
            "workers": self._workers,
            "clock": self._clock,
        }
        self._others = {"disk": self._disk, "gateway": self._gateway}

    async def examine(self) -> list[Finding]:
        """Return a finding of each check; what asks Kafka is left out if that does not answer at all."""
        broker = await self._bounded("broker", self._broker)
        answers = broker.verdict != "problem"
        checks = self._others | (self._of_kafka if answers else {})
        findings = await asyncio.gather(*(self._bounded(name, check) for name, check in checks.items()))
        if self._pulses is not None:
            self._pulses.cancel()
            await asyncio.gather(self._pulses, return_exceptions=True)
        by_name = {one.check: one for one in findings}
        return [broker, *(by_name.get(name) or _not_looked_at(name) for name in (*self._of_kafka, *self._others))]

    async def _bounded(self, name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
        """Wait for a check; one that takes too long or fails has found just that."""
        try:
            async with asyncio.timeout(self._check_s):
                return await check()
        except TimeoutError:
            says = f"This could not be found out within {self._check_s:g} s."
        except Exception as error:  # noqa: BLE001  whatever it is, the other checks go on
            says = str(error) or repr(error)
        return found(name, "", [Complaint("problem", says)])

    async def _broker(self) -> Finding:
        return judge_cluster(await in_thread(lambda: describe_cluster(self._settings.kafka)), self._settings)

    async def _topics(self) -> Finding:
        await in_thread(lambda: verify_topics(self._settings))
        return found("topics", f"All {len(declare_topics(self._settings))} topics are as they should be.")

    async def _disk(self) -> Finding:
        return judge_room(*await in_thread(lambda: look_at_disks(self._settings)))

    async def _generation(self) -> Finding:
        seen = await in_thread(lambda: look_at_generation(self._settings))
        return seen if isinstance(seen, Finding) else judge_generation(seen, now_ms())

    async def _lag(self) -> Finding:
        lags = await look_at_lag(self._settings)
        return judge_lag(lags.first, lags.second, lags.starts, GROWS_S)

    async def _workers(self) -> Finding:
        told, announcement = await self._told(), None
        with suppress(LogReadError):  # the check of the generation tells it
            announcement = await announced(self._settings)
        name = announcement.generation_id if announcement else None
        return judge_workers(told, self._settings, name, now_ms())

    async def _clock(self) -> Finding:
        return judge_clocks(await self._told(), now_ms())

    async def _gateway(self) -> Finding:
        return await in_thread(lambda: look_at_gateway(self._settings.gateway))

    async def _told(self) -> list[Told]:
        """Return the last pulses, which two checks want and one look finds."""
        if self._pulses is None:
            self._pulses = asyncio.create_task(look_at_pulses(self._settings))
        return await asyncio.shield(self._pulses)


def _not_looked_at(name: str) -> Finding:
    return found(name, "", [Complaint("note", "Not looked at, for Kafka does not answer.")])


def now_ms() -> int:
    """Return the present time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


async def in_thread(look: Callable[[], Seen]) -> Seen:
    """Run a look beside the event loop; one that hangs is left behind, and does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Seen] = loop.create_future()

    def tell(outcome: Seen | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(outcome)  # type: ignore[arg-type]  # without an error there is one

    def run() -> None:
        outcome, failed = None, None
        try:
            outcome = look()
        except Exception as error:  # noqa: BLE001  it is raised where it is awaited
            failed = error
        with suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(tell, outcome, failed)

    threading.Thread(target=run, daemon=True, name="doctor").start()
    return await answer
