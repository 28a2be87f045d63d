"""How numbers are said to people."""


def tell_span(span_ms: float) -> str:
    """Return a span of time as a person says it.

    >>> tell_span(90_000), tell_span(5_400_000)
    ('1.5 min', '1.5 h')
    """
    for unit_ms, unit in ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min")):
        if span_ms >= unit_ms:
            return f"{span_ms / unit_ms:.1f} {unit}"
    return f"{max(span_ms, 0) / 1000:.1f} s"


def count_of(n: int, noun: str) -> str:
    """Return a number of things as a person says it.

    >>> count_of(1, "partition"), count_of(2_000, "play")
    ('1 partition', '2,000 plays')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
