"""`playfold pulse`: the table and the JSON of pulses, without Kafka."""

import io
import re
from pathlib import Path

import msgspec
from rich.console import Console

from cli.commands.pulse import Heard, table_of
from streams.messages.pulse import Compared, ListQuality, LiveFigures, Pulse, Republished, Share

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
HIT = Share(0.25, 0.2, 0.3)
LIST = ListQuality(hit_at_10=HIT, hit_at_50=HIT, mrr_at_50=HIT)
QUALITY = LiveFigures(
    every=Compared(plays=1200, own=LIST, popular=LIST),
    by_history={"few": Compared(plays=7, own=LIST, popular=LIST)},
    fresh=None,
    by_generation={},
)


def pulse_of(instance: str, at_ms: int = 10_000, quality: LiveFigures | None = QUALITY) -> Pulse:
    """Return the pulse of a worker."""
    return Pulse(
        instance=instance,
        at_ms=at_ms,
        started_at_ms=4_000,
        generation="2026-01-01T00-00-00.000Z",
        revision=2,
        partitions=[0, 1, 2],
        partitions_swept=[1],
        events={"learnt": 1000, "retried": 234},
        events_per_s=17.25,
        p50_ms=8.0,
        p99_ms=None,
        quality=quality,
    )


def shown(*pulses: Pulse) -> dict[str, list[str]]:
    """Return the cells of the table by their row headers."""
    file = io.StringIO()
    Console(width=200, file=file).print(table_of(pulses, now_ms=12_500))
    lines = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in file.getvalue().splitlines()]
    return {line[0]: line[1:] for line in lines if line}


def test_the_table_has_a_column_a_worker() -> None:
    """By their names; how long ago each told it stands first, for a worker that is gone tells nothing more."""
    table = shown(pulse_of("west"), pulse_of("east", at_ms=12_400, quality=None))

    assert ["east", "west"] == table["worker"]
    assert ["0.1 s ago", "2.5 s ago"] == table["reported"]
    assert ["3, 1 swept", "3, 1 swept"] == table["partitions"]
    assert ["1,234", "1,234"] == table["events"]
    assert ["8.0 ms", "8.0 ms"] == table["play to list, p50"]
    assert ["none", "the last 1,200"] == table["scored plays"]
    assert ["0.250 (0.200 to 0.300)"] == table["hit@10, own list"]
    assert ["0.250, 0.250"] == table["hit@10, up to 19 items known: own, popular"]
    assert [] == table["hit@10, fresh items: own, popular"]


def test_lists_that_are_published_again_are_counted() -> None:
    """Those of all partitions together, beside the partitions."""
    republishing = {n: Republished(done=600, of_about=2000) for n in (1, 2)}
    pulse = msgspec.structs.replace(pulse_of("west"), republishing=republishing)

    assert ["3, 1 swept, lists again: 1,200 of about 4,000"] == shown(pulse)["partitions"]


def test_the_documented_sample_has_rows_of_the_table() -> None:
    """In the order of the table; `...` stands for the rows between."""
    sample = re.findall(r"^\$ \S*playfold pulse\n(.*?)^```$", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)[0]
    rows = [row for row in re.findall(r"^  (\S.*?)(?:  .*)?$", sample, re.MULTILINE) if row != "..."]

    assert [name for name in shown(pulse_of("demo")) if name in rows] == rows


def test_the_last_pulse_of_a_worker_counts() -> None:
    """A record that is no pulse, or has another key, is ignored."""
    heard = Heard()
    for key, pulse in (("a", pulse_of("a", 1)), ("a", pulse_of("a", 2)), ("b", pulse_of("c", 3))):
        heard.take(key.encode(), msgspec.json.encode(pulse))
    heard.take(b"a", b"no pulse")
    heard.take(b"a", None)

    assert {"a": 2} == {name: pulse.at_ms for name, pulse in heard.latest.items()}
