"""Counts rejected records by reason."""

import re
from collections import Counter, deque
from collections.abc import AsyncIterator

import msgspec

from jobs.rejects.read import StoredReject
from streams.process.format_text import printable

REASONS_MAX = 200
OTHER_REASONS = "other reasons"
EXCERPT_BYTES = 200
_QUOTED, _NUMBER = re.compile(r"'[^']*'"), re.compile(r"\d+")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One rejected record."""

    at_ms: int
    topic: str
    partition: int
    offset: int
    reason: str
    key: str | None
    value: str | None
    """The beginning of its value; None if there is none. The content of a private play is not stored."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The rejected records that Kafka still has."""

    rejects: int
    reasons: dict[str, int]
    """Their number by reason, the most frequent first; numbers and quoted values in reasons do not matter."""
    latest: list[Sample]
    """The latest of them, the latest first."""


async def summarise(rejects: AsyncIterator[StoredReject], reason: str, n_latest: int) -> Summary:
    """Count rejects whose reason contains a text.

    Args:
        rejects: All of them.
        reason: The text; empty for all.
        n_latest: The number of samples.
    """
    counts, latest, n_rejects = Counter[str](), deque[StoredReject](), 0
    async for stored in rejects:
        if reason not in stored.reject.reason:
            continue
        n_rejects += 1
        kind = kind_of(stored.reject.reason)
        counts[kind if kind in counts or len(counts) < REASONS_MAX else OTHER_REASONS] += 1
        latest.append(stored)
        if len(latest) > 2 * n_latest + 100:
            latest = deque(_latest(latest, n_latest))
    samples = [sample_of(stored) for stored in _latest(latest, n_latest)]
    return Summary(rejects=n_rejects, reasons=dict(counts.most_common()), latest=samples)


def _latest(rejects: deque[StoredReject], n_latest: int) -> list[StoredReject]:
    return sorted(rejects, key=lambda stored: stored.at_ms, reverse=True)[:n_latest]


def kind_of(reason: str) -> str:
    """Return a reason without its numbers, its quoted values and characters that could control a terminal.

    >>> kind_of("the value has 5000 bytes, more than 4096"), kind_of("type: Invalid value 'dance'")
    ('the value has N bytes, more than N', "type: Invalid value '...'")
    """
    return printable(_NUMBER.sub("N", _QUOTED.sub("'...'", reason)))


def sample_of(stored: StoredReject) -> Sample:
    """Return a reject as text."""
    reject = stored.reject
    return Sample(
        at_ms=stored.at_ms,
        topic=reject.topic,
        partition=reject.partition,
        offset=reject.offset,
        reason=printable(reject.reason),
        key=_excerpt(reject.key),
        value=_excerpt(reject.value),
    )


def _excerpt(content: bytes | None) -> str | None:
    if content is None:
        return None
    text = content[:EXCERPT_BYTES].decode(errors="backslashreplace")
    return printable(text, len(text)) + ("..." if len(content) > EXCERPT_BYTES else "")
