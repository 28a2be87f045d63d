"""The checks of `playfold doctor`: they run concurrently, each with a time-out, and no failure stops another check."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from jobs.announcement import announced
from jobs.doctor.answers import WorkerReport
from jobs.doctor.damaged_records import DamagedRecords
from jobs.doctor.event_rules import check_events
from jobs.doctor.finding import Finding, Issue, make_finding
from jobs.doctor.probes import (
    name_producers,
    probe_disks,
    probe_gateway,
    probe_generation,
    probe_lag,
    probe_rejects,
    probe_related,
    probe_state,
    probe_workers,
)
from jobs.doctor.rules import check_clocks, check_cluster, check_disks, check_gateway, check_generation, check_lag
from jobs.doctor.topic_rules import check_topics
from jobs.doctor.worker_rules import check_workers
from streams.readers.log_reader import LogReadError
from streams.settings import Settings, override
from streams.topics.admin import verify_topics
from streams.topics.cluster import describe_cluster

CHECK_S = 10.0
"""Longest time of a check."""
KAFKA_S = 4.0
"""Longest time of one answer of Kafka: shorter than a check, which can then name the request that failed."""
Answer = TypeVar("Answer")


class Doctor:
    """Runs every check once; it changes nothing and turns every error into a finding."""

    def __init__(self, settings: Settings, check_s: float = CHECK_S) -> None:
        """Examine the system of the settings; `check_s` is the longest time of a check, in seconds."""
        self._settings = override(settings, kafka_timeout_s=min(KAFKA_S, settings.kafka.timeout_s))
        self._check_s = check_s
        self._reports: asyncio.Task[list[WorkerReport]] | None = None
        self._damaged_pulses = DamagedRecords()
        self._of_kafka = {
            "topics": self._topics,
            "generation": self._generation,
            "lag": self._lag,
            "workers": self._workers,
            "clock": self._clock,
            "events": self._events,
        }
        self._others = {"disk": self._disk, "gateway": self._gateway}

    async def examine(self) -> list[Finding]:
        """Return the finding of each check; checks that need Kafka are skipped if it does not answer at all."""
        broker = await self._bounded("broker", self._broker)
        answers = broker.verdict != "problem"
        checks = self._others | (self._of_kafka if answers else {})
        findings = await asyncio.gather(*(self._bounded(name, check) for name, check in checks.items()))
        if self._reports is not None:
            self._reports.cancel()
            await asyncio.gather(self._reports, return_exceptions=True)
        by_name = {finding.check: finding for finding in findings}
        return [broker, *(by_name.get(name) or _skipped(name) for name in (*self._of_kafka, *self._others))]

    async def _bounded(self, name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
        """Run a check; its time-out or its error is a finding, too."""
        try:
            async with asyncio.timeout(self._check_s):
                return await check()
        except TimeoutError:
            says = f"The check did not finish within {self._check_s:g} s."
        except Exception as error:  # noqa: BLE001  the other checks go on after any error
            says = str(error) or repr(error)
        return make_finding(name, "", [Issue("problem", says)])

    async def _broker(self) -> Finding:
        return check_cluster(await in_thread(lambda: describe_cluster(self._settings.kafka)), self._settings)

    async def _topics(self) -> Finding:
        existing = await in_thread(lambda: verify_topics(self._settings))
        unread = DamagedRecords()  # the check of the generation reads the same topic, and names them
        return check_topics(await probe_state(self._settings, unread), self._settings, existing)

    async def _disk(self) -> Finding:
        return check_disks(await in_thread(lambda: probe_disks(self._settings)))

    async def _generation(self) -> Finding:
        damaged = DamagedRecords()
        probed = await in_thread(lambda: probe_generation(self._settings, damaged))
        related = await probe_related(self._settings, probed)
        return check_generation(probed, now_ms(), [*damaged.issues, *related])

    async def _lag(self) -> Finding:
        damaged = DamagedRecords()
        readings = await probe_lag(self._settings, damaged)
        transactions = readings.open_transactions
        if transactions:
            transactions = await in_thread(lambda: name_producers(readings.open_transactions, self._settings))
        return check_lag(readings._replace(open_transactions=transactions), damaged.issues)

    async def _workers(self) -> Finding:
        reports, announcement = await self._worker_reports(), None
        with suppress(LogReadError):  # the check of the generation reports it
            announcement = await announced(self._settings)
        name = announcement.generation_id if announcement else None
        return check_workers(reports, self._settings, name, now_ms(), self._damaged_pulses.issues)

    async def _clock(self) -> Finding:
        return check_clocks(await self._worker_reports(), now_ms())

    async def _events(self) -> Finding:
        damaged = DamagedRecords()
        rejects, reports = await asyncio.gather(probe_rejects(self._settings, damaged), self._worker_reports())
        return check_events(rejects, reports, self._settings, damaged.issues)

    async def _gateway(self) -> Finding:
        return check_gateway(await in_thread(lambda: probe_gateway(self._settings.gateway)))

    async def _worker_reports(self) -> list[WorkerReport]:
        """Return the last pulses; several checks share one probe."""
        if self._reports is None:
            self._reports = asyncio.create_task(probe_workers(self._settings, self._damaged_pulses))
        return await asyncio.shield(self._reports)


def _skipped(name: str) -> Finding:
    return make_finding(name, "", [Issue("note", "Skipped, because Kafka does not answer.")])


def now_ms() -> int:
    """Return the present time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


async def in_thread(probe: Callable[[], Answer]) -> Answer:
    """Run a blocking probe in a daemon thread; after a time-out it is abandoned and does not keep the process alive."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    def resolve(outcome: Answer | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(outcome)  # type: ignore[arg-type]  # without an error there is one

    def run() -> None:
        outcome, failed = None, None
        try:
            outcome = probe()
        except Exception as error:  # noqa: BLE001  it is raised where it is awaited
            failed = error
        with suppress(RuntimeError):  # the loop is closed once the check is abandoned
            loop.call_soon_threadsafe(resolve, outcome, failed)

    threading.Thread(target=run, daemon=True, name="doctor").start()
    return await answer
