"""The rules of `playfold doctor` about events: how many were rejected, misplaced or not learnt, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from jobs.doctor.answers import RejectReadings, WorkerReport
from jobs.doctor.finding import Finding, Issue, Verdict, make_finding
from jobs.doctor.reject_causes import cause_of
from streams.process.format_text import pluralize
from streams.settings import Settings

MANY_REJECTED, FEW_REJECTED = 0.5, 0.01
"""Share of rejected events above which there is a problem, and above which there is a warning."""
EVENTS_MIN = 20
"""Events below which shares are not judged, except those of rejected and misplaced events."""
ODD, AHEAD = 0.01, 0.01
"""Shares of events with odd hints, or dated ahead of the clock, above which there is a warning."""
CAPPED, REPEATED, SILENT = 0.1, 0.5, 0.5
"""Shares of events over the limit of a day, skipped as repeats, or without anything heard, that are a warning."""
MURMUR2 = (
    "Let every producer place keys by murmur2, Kafka's default: with librdkafka (Python, Go, .NET, Rust, kcat) set "
    "partitioner=murmur2_random, with Sarama NewReferenceHashPartitioner's hash murmur2."
)


def check_events(
    rejects: RejectReadings, reports: Sequence[WorkerReport], settings: Settings, damage: Sequence[Issue] = ()
) -> Finding:
    """Check the shares of the latest events that were rejected, misplaced or not learnt.

    `damage` names rejects that could not be read.
    """
    n, n_rejected = rejects.n_events, len(rejects.rejected)
    issues = [*damage, *_check_rejects(rejects)]
    arrivals, outcomes, odd = (_recent(reports, name) for name in ("arrivals", "events", "odd_hints"))
    issues += _check_places(arrivals)
    if arrivals["records"] >= EVENTS_MIN:
        issues += _check_fields(arrivals, odd)
    if outcomes.total() >= EVENTS_MIN:
        issues += _check_outcomes(outcomes, settings)
    fine = f"Of the last {pluralize(n, 'event')} {n_rejected:,} could not be read." if n else "No event has come yet."
    if rejects.n_sent_again:
        says = f"A retry has sent {pluralize(rejects.n_sent_again, 'rejected event')} of them again."
        issues.append(Issue("note", says))
    return make_finding("events", fine if not n_rejected else "", issues)


def _recent(reports: Iterable[WorkerReport], name: str) -> Counter[str]:
    """Return counts of the workers since their earliest pulse that Kafka still has."""
    counts: Counter[str] = Counter()
    for report in reports:
        now: Mapping[str, int] = getattr(report.pulse, name)
        earlier = report.earliest
        before = getattr(earlier, name) if earlier and earlier.started_at_ms == report.pulse.started_at_ms else {}
        counts.update({key: n - before.get(key, 0) for key, n in now.items()})
    return counts


def _check_rejects(rejects: RejectReadings) -> list[Issue]:
    n, n_rejected = rejects.n_events, len(rejects.rejected)
    if not n_rejected:
        return []
    causes = Counter(map(cause_of, rejects.rejected)).most_common(3)
    share = n_rejected / max(n, n_rejected)
    verdict: Verdict = "problem" if share > MANY_REJECTED else "warning" if share > FEW_REJECTED else "note"
    unread = "none could be read" if share == 1 else f"{n_rejected:,} ({share:.1%}) could not be read"
    often = "; ".join(f"{cause.says} ({times:,})" for cause, times in causes)
    says = f"Of the last {pluralize(max(n, n_rejected), 'event')} {unread}, most often: {often}."
    return [Issue(verdict, says, " ".join(dict.fromkeys(cause.do for cause, _ in causes)))]


def _check_places(arrivals: Mapping[str, int]) -> list[Issue]:
    n, misplaced = arrivals["records"], arrivals["misplaced"]
    if not misplaced:
        return []
    says = (
        f"{misplaced:,} of {n:,} events ({misplaced / n:.1%}) were on another partition than the one of their key. "
        "A producer uses another partitioner, so the history of a listener is split over partitions."
    )
    return [Issue("warning", says, f"{MURMUR2} `playfold trace USER` shows the partitions of a listener.")]


def _check_fields(arrivals: Mapping[str, int], odd: Mapping[str, int]) -> list[Issue]:
    n, issues = arrivals["records"], []
    if arrivals["ahead"] > AHEAD * n:
        says = f"{arrivals['ahead'] / n:.1%} of events were dated ahead of the clock, and count as of their arrival."
        issues.append(Issue("warning", says, "Synchronize the clocks of the clients, and send UTC."))
    names = {name: times for name, times in odd.items() if times > ODD * n}
    if names:
        fields = ", ".join(f"{name} ({times / n:.1%})" for name, times in sorted(names.items()))
        says = f"Fields of events had impossible values and were ignored: {fields}."
        issues.append(Issue("warning", says, "Compare the producer with docs/producers.md."))
    return issues


def _check_outcomes(outcomes: Counter[str], settings: Settings) -> list[Issue]:
    n, issues = outcomes.total(), []
    if outcomes["capped"] > CAPPED * n:
        says = (
            f"{outcomes['capped'] / n:.1%} of events were not learnt, because their listeners had "
            f"{settings.signals.per_day_max:,} signals on that day already (PLAYFOLD_USER_SIGNALS_PER_DAY_MAX)."
        )
        do = "If these are no robots, raise the limit, or check that played_at_ms is the time of the play."
        issues.append(Issue("warning", says, do))
    if outcomes["retried"] > REPEATED * n:
        says = f"{outcomes['retried'] / n:.1%} of events were skipped, because their play_id was known already."
        do = "Check that a producer gives each play a play_id of its own, and that no import runs twice."
        issues.append(Issue("warning", says, do))
    if outcomes["redelivered"] > REPEATED * n:
        says = f"{outcomes['redelivered'] / n:.1%} of events were skipped as delivered again."
        do = "If no worker was restarted, the state may belong to another topic of plays."
        issues.append(Issue("warning", says, do))
    if outcomes["ignored"] > SILENT * n:
        says = f"{outcomes['ignored'] / n:.1%} of events were ignored, because nothing was heard: ms_played is 0."
        issues.append(Issue("warning", says, "Send a play when it ends, with the milliseconds that were heard."))
    return issues
