"""Waits for the workers' reports on events that this process has sent."""

from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.messages.outcomes import AwaitedOutcomes
from streams.messages.pulse import OutcomeSpan, Pulse
from streams.readers.pulse_watch import PulseWatch, watching
from streams.settings import Settings

EARLY_MAX = 2000
"""Spans kept because their events may be expected in a moment: a report can overtake an acknowledgement."""


class OutcomeWatch(PulseWatch):
    """Counts the outcomes of expected events as workers report them."""

    def __init__(self) -> None:
        """Expect no events."""
        super().__init__()
        self._awaited = AwaitedOutcomes()
        self._early: deque[OutcomeSpan] = deque(maxlen=EARLY_MAX)

    @property
    def counts(self) -> Counter[str]:
        """Return the expected events by outcome."""
        return self._awaited.counts

    @property
    def n_awaited(self) -> int:
        """Return the number of expected events that no worker has reported on."""
        return self._awaited.n_awaited

    @property
    def is_awaiting(self) -> bool:
        """Return whether a worker has to report on an expected event."""
        return self.n_awaited > 0

    def expect(self, partition: int, first: int, last: int) -> None:
        """Expect a report on the events from one offset to another."""
        self._awaited.expect(partition, first, last + 1)
        self._awaited.take(self._early)

    def take(self, pulse: Pulse, heard_at: float) -> None:
        """Count the outcomes of a pulse."""
        del heard_at
        self._awaited.take(pulse.outcomes)
        self._early += pulse.outcomes


@asynccontextmanager
async def watch_outcomes(settings: Settings) -> AsyncIterator[OutcomeWatch]:
    """Follow the reports of workers from now on.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
        MissingRightError: The right to read reports is missing.
    """
    async with watching(OutcomeWatch(), settings) as watch:
        yield watch
