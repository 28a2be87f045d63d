"""A list that waits for a burst of plays to end, on a real Kafka."""

import asyncio

import numpy as np
import pytest

from streams.readers.lag import lag_of
from streams.settings import Settings, override
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.topics import lists, send, worker
from tests.support.wait import block_until

HOUR_MS = 3_600_000


def n_waiting(settings: Settings) -> int:
    """Return how many plays the workers have not committed."""

    async def waiting() -> int:
        async with lag_of(settings) as lag:
            return await lag.plays()

    return asyncio.run(waiting())


@pytest.mark.usefixtures("names")
def test_a_list_that_waits_outlives_the_worker(settings: Settings) -> None:
    """The next worker publishes it after a SIGKILL: the record alone tells that it is pending."""
    patient = override(settings, factors=8, list_n=10, list_score_change=0.0, debounce_ms=HOUR_MS)
    publish(patient, made_up_factors(60, 8, np.random.default_rng(4)))
    with worker(patient) as process:
        send(patient, [play_record("ann", "i3")])
        block_until(lambda: "ann" in lists(patient), 20)
        send(patient, [play_record("ann", "i4")])
        block_until(lambda: n_waiting(patient) == 0, 20)  # the play will not be delivered again
        process.kill()
    assert 0 == lists(patient)["ann"].offset
    assert "first" == lists(patient)["ann"].reason

    with worker(override(patient, debounce_ms=500)):
        block_until(lambda: lists(patient)["ann"].plays == 2, 20)

    assert 1 == lists(patient)["ann"].offset
    assert "changed" == lists(patient)["ann"].reason
