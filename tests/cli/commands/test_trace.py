"""The sentences and the table of `playfold trace`."""

import msgspec
import pytest
from rich.console import Console

from cli.commands.trace import OUTCOMES, REASONS, sentences_on_events, sentences_on_result, table_of
from jobs.user_requests import trace_events
from jobs.user_requests.trace_document import (
    Trace,
    TracedEvent,
    TracedEvents,
    TracedList,
    TracedRecord,
    TracedState,
)
from state.lists.publish_policy import Reason
from state.users import admission

PLAY = TracedEvent(
    offset=17,
    outcome="learnt",
    arrived_at_ms=1_700_000_000_000,
    played_at_ms=1_600_000_000_000,
    type="play",
    item_ids=["song-7"],
    weight=1.0,
    in_record=True,
)
EVENTS = TracedEvents(
    partition=2, topic_start=0, read_start=0, topic_end=21, committed=21, n_events=3, differing=[], latest=[PLAY]
)
RECORD = TracedRecord(
    offset=40,
    applied_offset=20,
    plays=1,
    n_history=2,
    generation="g1",
    generation_key="00000000000000aa",
    listed_at_ms=1_700_000_000_000,
    owed=False,
    paused=False,
    forgotten=False,
)
STATE = TracedState(folder="var/workers/a", changelog_offset=40, applied_offset=20, plays=1)
LIST = TracedList(
    offset=9,
    kind="personal",
    n_items=50,
    generation="g1",
    revision=1,
    made_at_ms=1_700_000_000_000,
    expires_at_ms=1_800_000_000_000,
    reason="changed",
    reflects_partition=2,
    reflects_offset=20,
)
TRACE = Trace(user_id="ann", made_at_ms=0, events=EVENTS, record=RECORD, states=[STATE], recommendations=LIST)


def on_events(**changed: object) -> list[str]:
    """Return the sentences on events of which some fields differ."""
    return list(
        sentences_on_events("ann", msgspec.structs.replace(TRACE, events=msgspec.structs.replace(EVENTS, **changed)))
    )


def on_result(**changed: object) -> list[str]:
    """Return the sentences on a trace of which some fields differ."""
    return list(sentences_on_result(msgspec.structs.replace(TRACE, **changed)))


def printed(*events: TracedEvent) -> list[list[str]]:
    """Return the cells of a table of events, without its head."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table_of(events))
    return [line.split("  ") for line in capture.get().splitlines()[3:] if line.strip()]


def test_the_events_are_those_that_were_read() -> None:
    """With the number shown, and the certainty of the outcomes."""
    hidden = TracedEvent(offset=17, outcome="wished", type="hide", item_ids=["song-7"], in_record=True)
    assert [
        "ann: 3 events at offsets 0 to 20 of partition 2 of plays, the latest 1 shown.",
        "The outcomes are certain: these events lead exactly to the record.",
    ] == on_events(latest=[hidden])


@pytest.mark.parametrize("outcome", ["learnt", "trimmed"])
def test_the_largest_weight_of_an_item_is_not_certain(outcome: str) -> None:
    """The events do not name the generation that a worker took the half-lives from."""
    learned = msgspec.structs.replace(PLAY, outcome=outcome)
    assert [
        "The outcomes are certain: these events lead exactly to the record.",
        (
            "The largest weight of an item may differ: "
            "a worker uses the half-lives of its generation, not of the settings."
        ),
    ] == on_events(latest=[learned])[1:]


def test_events_that_wait_are_counted() -> None:
    """From the committed offset on, or from the first that Kafka still has."""
    expected = "Workers have committed events up to offset 9; 11 events wait."
    assert expected == on_events(committed=10)[1]
    expected = "Workers have committed no event; 16 events wait."
    assert expected == on_events(committed=0, topic_start=5, read_start=5)[1]


def test_a_difference_has_its_cause() -> None:
    """Events that were not read, that Kafka has deleted, or other settings."""
    outcomes = (
        "Outcomes marked unknown cannot be recomputed: the events lead to another record (plays, day_signals differ)."
    )
    causes = {
        (0, 5): "Offsets 0 to 4 were not read in time: give --seconds a larger number.",
        (5, 5): "Kafka has deleted the events below offset 5, or a worker had other settings than this command.",
        (0, 0): "Either a worker had other settings than this command, or the topic was made anew.",
    }

    for (topic_start, read_start), cause in causes.items():
        sentences = on_events(differing=["plays", "day_signals"], topic_start=topic_start, read_start=read_start)
        assert [outcomes, cause] == sentences[1:]


def test_another_history_may_be_that_of_an_earlier_version() -> None:
    """Formats 1 and 2 of a record kept one sum for all signals of an item."""
    causes = {
        5: "Kafka has deleted the events below offset 5, or a worker had other settings than this command, "
        "or the record was written by an earlier version, which kept one sum per item.",
        0: "Either a worker had other settings than this command, "
        "or the record was written by an earlier version, which kept one sum per item, or the topic was made anew.",
    }

    for start, cause in causes.items():
        assert cause == on_events(differing=["history"], topic_start=start, read_start=start)[-1]


def test_a_topic_without_records_is_said() -> None:
    """There is no range of offsets to name."""
    assert "ann: no event, since partition 2 of plays is empty." == on_events(topic_end=0, n_events=0, latest=[])[0]


def test_an_event_is_a_row() -> None:
    """Offset, arrival in UTC, type, items, weight, outcome and effect."""
    (row,) = printed(PLAY)
    assert ["17", "2023-11-14 22:13:20", "play", "song-7", "1", "learned", "yes"] == [
        cell.strip() for cell in row if cell.strip()
    ]


@pytest.mark.parametrize("at_ms", [9_223_372_036_854_775_000, -9_223_372_036_854_775_000])
def test_a_time_that_no_calendar_has_is_shown_in_milliseconds(at_ms: int) -> None:
    """The producer gives it, if the topic keeps the times of producers."""
    console = Console(width=400)
    with console.capture() as captured:
        console.print(table_of([msgspec.structs.replace(PLAY, arrived_at_ms=at_ms)]))

    assert f"{at_ms} ms" in captured.get()


def test_a_private_play_is_a_row_with_its_place() -> None:
    """Nothing else is known of it."""
    (row,) = printed(TracedEvent(offset=18, outcome="private"))
    assert ["18", "a private play, never stored", "no"] == [cell.strip() for cell in row if cell.strip()]


def test_a_rejected_event_is_a_row_with_its_reason() -> None:
    """In the words of the topic; square brackets in them are no markup."""
    (row,) = printed(TracedEvent(offset=18, outcome="rejected", reason="item_id[0]: [bold] is wrong"))
    assert "rejected: item_id[0]: [bold] is wrong" in [cell.strip() for cell in row]


def test_no_word_of_a_row_is_cut_off_in_a_narrow_terminal() -> None:
    """Ids and reasons that are longer than their column go on in the next line."""
    long = msgspec.structs.replace(PLAY, outcome="rejected", reason="A" * 40, item_ids=["B" * 40])
    console = Console(width=80)

    with console.capture() as capture:
        console.print(table_of([long]))

    assert 40 == capture.get().count("A")
    assert 40 == capture.get().count("B")


def test_a_foreign_text_cannot_control_the_terminal() -> None:
    """The type of a rejected event, and the reason that quotes it, are as its producer wrote them."""
    rejected = TracedEvent(
        offset=17, outcome="rejected", type="\x1b[2J", reason="type: \x1b[2J is none", in_record=None
    )
    console = Console(width=200)

    with console.capture() as capture:
        console.print(table_of([rejected]))

    assert 2 == capture.get().count("?[2J")
    assert "rejected: type: ?[2J is none" in capture.get()


def test_every_outcome_has_its_words() -> None:
    """Those of the worker, and those of the trace."""
    of_trace = {
        trace_events.PRIVATE,
        trace_events.IGNORED,
        trace_events.FORGOTTEN,
        trace_events.WAITING,
        trace_events.MISSING,
        trace_events.UNKNOWN,
    }
    assert {*admission.OUTCOMES, *of_trace} == OUTCOMES.keys()


def test_every_reason_of_a_list_has_its_words() -> None:
    """Those for which a list is published."""
    assert {reason.name.lower() for reason in Reason} == REASONS.keys()


def test_the_result_is_a_sentence_each() -> None:
    """Record, state and list, with their places."""
    record, state, made = on_result()

    assert (
        "Record (users changelog, partition 2, offset 40): events up to offset 20, 1 play, 2 signals of history, "
        "vector of generation g1, list made 2023-11-14 22:13:20."
    ) == record
    assert "State in var/workers/a (changelog up to offset 40): the same events as the record." == state
    assert (
        "List (recommendations, partition 2, offset 9): personal, 50 items, generation g1, revision 1, "
        "made 2023-11-14 22:13:20, published because it changed; it reflects events up to offset 20 of partition 2."
    ) == made


def test_a_listener_may_have_no_record_and_no_list() -> None:
    """Nothing has been processed yet."""
    expected = ["There is no record of the listener.", "There is no list of the listener."]
    assert expected == on_result(record=None, states=[], recommendations=None)


def test_a_record_says_what_is_special() -> None:
    """A marker, a vector of a generation that is gone, a list that waits, a pause."""
    gone = msgspec.structs.replace(RECORD, generation=None, owed=True, paused=True, listed_at_ms=0)
    without = msgspec.structs.replace(RECORD, generation=None, generation_key=None)
    marker = msgspec.structs.replace(RECORD, forgotten=True)

    assert on_result(record=gone)[0].endswith(
        "vector of generation 00000000000000aa, which is not in the store, no list made, "
        "a changed list waits to be published, paused."
    )
    assert ", no vector, " in on_result(record=without)[0]
    assert on_result(record=marker)[0].endswith(
        ": the marker of a forgotten listener; it contains the events up to offset 20."
    )


def test_a_state_may_differ_from_the_record() -> None:
    """Its files are late, have no record, are outranked by nobody else's record, or cannot be read."""
    late = msgspec.structs.replace(STATE, applied_offset=12, plays=3)
    without = msgspec.structs.replace(STATE, applied_offset=None, plays=None)
    outranked = msgspec.structs.replace(STATE, outranked=True)
    damaged = TracedState(folder="var/workers/a", unread="The state in var/workers/a cannot be read: damaged.")

    head = "State in var/workers/a (changelog up to offset 40): "
    assert [
        f"{head}events up to offset 12, 3 plays.",
        f"{head}its files have no record of the listener.",
        f"{head}the worker will write its record again, since a staler one came after it on the changelog.",
        "The state in var/workers/a cannot be read: damaged.",
    ] == on_result(states=[late, without, outranked, damaged])[1:-1]
