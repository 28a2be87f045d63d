"""The checks of `playfold doctor` side by side: one that fails or hangs stops no other."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from jobs.doctor import doctor as doctor_module
from jobs.doctor.doctor import Doctor, in_thread
from jobs.doctor.finding import Finding, make_finding
from streams.kafka.ports import free_port
from tests.support.settings import settings_with
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle


class Scripted(Doctor):
    """A doctor with a scripted check of the disk, and a broker that answers."""

    def __init__(self, disk: Any) -> None:
        """Run `disk` as the check of the disk."""
        super().__init__(settings_with(gateway_port=0), check_s=0.3)
        self._others["disk"] = disk
        self._of_kafka = {}

    async def _broker(self) -> Finding:
        return make_finding("broker", "Kafka answers.")


async def broken() -> Finding:
    """Fail as no check should."""
    message = "The disk is gone."
    raise OSError(message)


async def hanging() -> Finding:
    """Wait in a thread for longer than a check may take, as a network disk does."""
    release = threading.Event()
    try:
        await in_thread(release.wait)
    finally:
        release.set()
    return make_finding("disk", "Late.")


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("disk", "says", "seconds"),
    [(broken, "The disk is gone.", 0), (hanging, "The check did not finish within 0.3 s.", 0.3)],
)
async def test_a_check_that_fails_or_hangs_stops_no_other(disk: Any, says: str, seconds: float) -> None:
    """It is a problem of its own, with the reason."""
    findings = {finding.check: finding for finding in await Scripted(disk).examine()}

    assert now_s() == pytest.approx(seconds)
    assert "problem" == findings["disk"].verdict
    assert says == findings["disk"].says
    assert "ok" == findings["broker"].verdict
    assert "note" == findings["gateway"].verdict


@pytest.mark.processes
async def test_without_kafka_the_other_checks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one problem, and the checks that need Kafka are skipped."""
    monkeypatch.setattr(doctor_module, "KAFKA_S", 0.3)
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(tmp_path), gateway_port=0)

    findings = await Doctor(settings).examine()

    by_verdict = {finding.check: finding.verdict for finding in findings}
    unseen = dict.fromkeys(("topics", "generation", "lag", "workers", "clock", "events"), "note")
    assert by_verdict.pop("disk") in {"ok", "warning", "problem"}
    assert {"broker": "problem", **unseen, "gateway": "note"} == by_verdict
    assert f"Kafka did not answer at {settings.kafka.brokers} within 0.3 s" in findings[0].says
    assert "Skipped, because Kafka does not answer." == findings[1].says


async def test_a_late_probe_is_abandoned() -> None:
    """Its thread ends by itself, and no task waits for it."""
    release, before = threading.Event(), set(threading.enumerate())
    looking = asyncio.create_task(in_thread(release.wait))
    await wait_idle()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    [thread] = set(threading.enumerate()) - before

    release.set()
    await asyncio.to_thread(thread.join, 5)

    assert not thread.is_alive()
