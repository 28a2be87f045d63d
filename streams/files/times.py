"""The times of exports: with a zone, as epoch, or local."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo

SECONDS_MAX = 1e11
"""Epoch seconds are below it until 2099; epoch milliseconds are above it from 1973 on."""


class NoTimezoneError(ValueError):
    """A file has local times. Name their zone with --timezone."""


class LocalTimes:
    """Turns local times into milliseconds since 1970.

    An hour that occurs twice, when clocks go back, is taken as the first of both. A time in an hour that is left out,
    when clocks go forward, is moved on by the length of the gap.

    Attributes:
        n_ambiguous: Times in an hour that occurs twice.
        n_missing: Times in an hour that does not exist.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        """Use a zone; without one, local times are an error."""
        self.zone = zone
        self.n_ambiguous = self.n_missing = 0

    def to_ms(self, local: datetime) -> int:
        """Return a local time as milliseconds since 1970.

        Raises:
            NoTimezoneError: There is no zone.
        """
        if self.zone is None:
            message = f"{local:%Y-%m-%d %H:%M:%S} is a local time"
            raise NoTimezoneError(message)
        first, second = (local.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            # Before a repeated hour the offset is the larger one, before a missing hour the smaller one.
            is_ambiguous = (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())
            self.n_ambiguous += is_ambiguous
            self.n_missing += not is_ambiguous
        return epoch_ms(first)

    @contextmanager
    def counted_unless_failed(self) -> Iterator[None]:
        """Take back the counts of the block if it fails, so that reading the same times again counts them once."""
        counts = self.n_ambiguous, self.n_missing
        try:
            yield
        except BaseException:
            self.n_ambiguous, self.n_missing = counts
            raise


def epoch_ms(moment: datetime) -> int:
    """Return a time with a zone as milliseconds since 1970.

    >>> epoch_ms(datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC))
    1600000000000
    """
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment_ms(text: str, naive: LocalTimes) -> int | None:
    """Return an ISO 8601 time as milliseconds since 1970, None if it is none.

    Args:
        text: The time, with a zone or without.
        naive: Turns a time without a zone into one.

    Raises:
        NoTimezoneError: The time is local and its zone is unknown.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return epoch_ms(moment)
    except (ValueError, OverflowError):
        return None
    return _local_ms(moment, naive)


def _local_ms(local: datetime, naive: LocalTimes) -> int | None:
    try:
        return naive.to_ms(local)
    except NoTimezoneError:
        raise
    except (ValueError, OverflowError):
        return None


def local_ms(text: str, layouts: tuple[str, ...], naive: LocalTimes) -> int | None:
    """Return a local time in one of several layouts of `strptime` as milliseconds since 1970, None if it has none.

    Raises:
        NoTimezoneError: The zone is unknown.
    """
    for layout in layouts:
        try:
            local = datetime.strptime(text, layout)  # noqa: DTZ007  its zone is an option of the caller
        except ValueError:
            continue
        return _local_ms(local, naive)
    return None


def number_ms(number: float) -> int | None:
    """Return epoch seconds or milliseconds as milliseconds, None for no finite number.

    >>> number_ms(1_600_000_000), number_ms(1_600_000_000_000)
    (1600000000000, 1600000000000)
    """
    try:
        return round(number * 1000 if abs(number) < SECONDS_MAX else number)
    except (ValueError, OverflowError):
        return None


UTC_TIMES = LocalTimes(UTC)
"""For exports whose times without a zone are UTC by their description."""
