"""`playfold rejects`: the records that workers rejected, and sending them again."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.progress_bar import watched
from streams.messages.events import WRONG_KEY
from streams.process.format_text import format_moment, pluralize
from streams.settings import read_settings

if TYPE_CHECKING:
    from jobs.rejects.retry import RetryResult
    from jobs.rejects.summary import Sample, Summary

app = typer.Typer(help="List, export and retry rejected records.", no_args_is_help=True, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Reason = Annotated[str, typer.Option(help="A text that the reason contains; default: every reason.")]
SHOWN_BYTES = 60


@app.command("list")
def list_rejects(
    *,
    reason: Reason = "",
    latest: Annotated[int, typer.Option(min=0, max=1000, help="How many of the latest rejects to print.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Count rejected records by reason, and print the latest with their places on plays."""
    from jobs.rejects.read import read_rejects
    from jobs.rejects.summary import summarise

    summary = asyncio.run(summarise(read_rejects(read_settings()), reason, latest))
    if as_json:
        typer.echo(msgspec.json.encode(summary))
        return
    typer.echo(describe_summary(summary, reason))
    if summary.latest:
        Console().print(table_of(summary.latest))


def describe_summary(summary: "Summary", reason: str) -> str:
    """Return the counts, one reason a line."""
    such = f" whose reason contains {reason!r}" if reason else ""
    if not summary.rejects:
        return f"Kafka has no rejected record{such}."
    lines = [f"{pluralize(summary.rejects, 'rejected record')}{such}:"]
    lines += [f"{n:>9,}  {kind}" for kind, n in summary.reasons.items()]
    return "\n".join(lines)


def table_of(samples: "list[Sample]") -> Table:
    """Return samples as a table, the latest first."""
    table = Table(box=SIMPLE_HEAD, title="The latest", title_justify="left")
    for name in ("rejected", "place on plays", "reason", "key", "value"):
        table.add_column(name, overflow="fold")
    for sample in samples:
        at = format_moment(sample.at_ms)
        place = f"{sample.partition}:{sample.offset}"
        table.add_row(at, place, Text(sample.reason), Text(sample.key or ""), Text(_value_of(sample)))
    return table


def _value_of(sample: "Sample") -> str:
    """Return the beginning of a value; of a private play neither key nor value is stored."""
    if sample.value is not None:
        return sample.value[:SHOWN_BYTES]
    return "not stored" if sample.key is None else "null"


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write: JSON lines.")],
    *,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Write rejected records to a file: places, reasons, keys and values, in base64.

    Rejects do not have the content of private plays, so the file does not have it either.
    """
    from jobs.rejects.export import export_rejects
    from jobs.rejects.read import read_rejects

    n_written = asyncio.run(export_rejects(read_rejects(read_settings()), reason, file))
    answer = {"rejects": n_written, "file": str(file)}
    typer.echo(msgspec.json.encode(answer) if as_json else f"{file} has {pluralize(n_written, 'rejected record')}.")


@app.command()
def retry(
    *,
    reason: Reason = "",
    limit: Annotated[int, typer.Option(min=1, help="Largest number of records to send.")] = 10_000,
    mend_keys: Annotated[
        bool, typer.Option("--mend-keys", help="Send each record under the user_id of its value.")
    ] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Send nothing, and report what would be sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send rejected records to plays again, unchanged, once their cause is fixed.

    It skips records that workers would reject again, records that an earlier retry sent, and records of listeners that
    were forgotten later. Run it again to finish an interrupted retry.
    """
    from jobs.rejects.retry import RetryChoice, retry_rejects

    choice = RetryChoice(reason, limit, mends_keys=mend_keys, is_rehearsal=rehearse)
    with watched(quiet=as_json) as watch:
        result = asyncio.run(retry_rejects(read_settings(), choice, watch))
    typer.echo(msgspec.json.encode(result) if as_json else describe_retry(result, is_rehearsal=rehearse))


def describe_retry(result: "RetryResult", *, is_rehearsal: bool) -> str:
    """Return the outcome of a retry, one fact a line."""
    records = pluralize(result.sent, "record")
    lines = [f"{records} would be sent." if is_rehearsal else f"{records} sent again, all acknowledged."]
    optional = {
        "already_sent": "Records that an earlier retry sent: {:,}.",
        "forgotten": "{:,} of listeners who asked to be forgotten later; not sent.",
        "without_content": "{:,} of private plays, whose content is not stored.",
        "left": "{:,} beyond the limit: run it again.",
    }
    lines += [text.format(getattr(result, name)) for name, text in optional.items() if getattr(result, name)]
    lines += [f"{n:,} would be rejected again: {kind}." for kind, n in result.still_rejected.items()]
    if WRONG_KEY in result.still_rejected:
        lines.append("`--mend-keys` sends a record under the user_id of its value, whatever its key was.")
    return "\n".join(lines)
