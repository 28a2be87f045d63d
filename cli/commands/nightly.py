"""`playfold nightly`: a resident that retrains every night and rebuilds the index in between."""

import asyncio
import logging
import signal
import time
from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import Annotated, Any

import msgspec
import typer

from cli.event_log import start_event_log
from cli.processes import ProcessError, run_command
from jobs.retraining.schedule import Schedule, Task
from streams.settings import Settings, read_settings

log = logging.getLogger(__name__)
app = typer.Typer(add_completion=False)
COMMANDS: dict[Task, tuple[str, ...]] = {"retrain": ("retrain", "--json"), "reindex": ("generations", "reindex")}
LOOK_S = 30.0
"""Longest sleep between two looks at the clock, which may have been set, or have stood still in a suspended machine."""


class TimeError(ValueError):
    """A time of day cannot be parsed. Give it as `03:00`."""


@app.command()
def nightly(
    *,
    at: Annotated[str, typer.Option(help="Time of day by the clock of this machine, as HH:MM.")] = "03:00",
    as_json: Annotated[bool, typer.Option("--json", help="Log events as JSON.")] = False,
) -> None:
    """Retrain every night, and rebuild the index every PLAYFOLD_INDEX_REBUILD_S, until Ctrl-C or SIGTERM.

    Each task runs in its own process, one at a time. A failure is logged in one line, and the task runs again when due.
    """
    settings = read_settings()
    schedule = Schedule.begin(datetime.now(UTC), parse_time(at), settings.generations.index_rebuild_s)
    start_event_log(settings.telemetry, as_json=as_json)
    asyncio.run(reside(settings, schedule))


def parse_time(text: str) -> time_of_day:
    """Parse a time of day.

    Raises:
        TimeError: The text is no time of day.
    """
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        message = f"--at is {text!r}, which is no time of day: give it as 03:00."
        raise TimeError(message) from None


async def reside(settings: Settings, schedule: Schedule) -> None:
    """Run due tasks, one after the other, until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working = asyncio.create_task(work(settings, schedule))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
    # A child that runs is stopped before the cancelled task ends.
    await asyncio.gather(stopping, return_exceptions=True)
    try:
        await working
    except asyncio.CancelledError:
        log.info("nightly_stopped")


async def work(settings: Settings, schedule: Schedule) -> None:
    """Run due tasks forever."""
    log.info("nightly_ready", extra={"next_night": schedule.next_night.astimezone().isoformat(timespec="seconds")})
    while True:
        task, moment = schedule.due
        while (left_s := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110 - clocks are set, machines sleep
            await asyncio.sleep(min(left_s, LOOK_S))
        well = await do(settings, task)
        schedule.ended(task, datetime.now(UTC), well=well)


async def do(settings: Settings, task: Task) -> bool:
    """Run a command in its own process; return whether it succeeded."""
    log_file = settings.application.data_path / "logs" / f"{task}.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log.info("%s_began", task)
    began = time.monotonic()
    try:
        output = await run_command(settings, *COMMANDS[task], log_file=log_file)
    except ProcessError as error:
        log.error("%s_failed", task, extra={"reason": str(error)})  # noqa: TRY400 - one line is enough
        return False
    log.info("%s_ended", task, extra={"seconds": round(time.monotonic() - began, 1), **_fields_of(output)})
    return True


def _fields_of(output: str) -> dict[str, Any]:
    """Return the last line of a command's output as fields of an event: those of JSON, or the sentence."""
    try:
        fields = msgspec.json.decode(output, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"said": output}
    return {name: fields[name] for name in ("generation", "status") if name in fields}
