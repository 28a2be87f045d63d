"""The pulses of made-up workers."""

from typing import Any

import msgspec

from jobs.doctor.answers import WorkerReport
from streams.messages.pulse import Pulse

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def pulse_of(instance: str = "west", partitions: tuple[int, ...] = (0, 1, 2, 3), **changes: Any) -> Pulse:
    """Return the pulse of a healthy worker, with some fields changed."""
    pulse = Pulse(
        instance=instance,
        at_ms=NOW_MS,
        started_at_ms=NOW_MS - HOUR_MS,
        generation="g2",
        revision=3,
        partitions=list(partitions),
        partitions_swept=list(partitions),
        events={"learnt": 1000},
        events_per_s=10.0,
        p50_ms=8.0,
        p99_ms=40.0,
        quality=None,
    )
    return msgspec.structs.replace(pulse, **changes)


def reports_of(*pulses: Pulse, ago_ms: int = 500) -> list[WorkerReport]:
    """Return pulses as they arrived at the broker."""
    return [WorkerReport(pulse, NOW_MS - ago_ms) for pulse in pulses]
