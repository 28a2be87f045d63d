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
"""How often it looks at the clock: a machine that slept, or whose clock was set, is noticed so late."""


class TimeError(ValueError):
    """A time of the day cannot be read. Give it as `03:00`."""


@app.command()
def nightly(
    *,
    at: Annotated[str, typer.Option(help="Time of the day, on this machine's clock, as HH:MM.")] = "03:00",
    as_json: Annotated[bool, typer.Option("--json", help="Log events as JSON.")] = False,
) -> None:
    """Retrain every night, and rebuild the index every PLAYFOLD_INDEX_REBUILD_S; ends with SIGTERM or Ctrl-C.

    Each runs as a process of its own, one at a time. One that fails is told in a line and tried again when it is due.
    """
    settings = read_settings()
    schedule = Schedule.begin(datetime.now(UTC), parse_time(at), settings.generations.index_rebuild_s)
    start_event_log(settings.telemetry, as_json=as_json)
    # Its events are those of this process, whatever module they come from.
    asyncio.run(reside(settings, schedule))


def parse_time(text: str) -> time_of_day:
    """Read a time of the day.

    Raises:
        TimeError: It is none.
    """
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of the day has no zone
    except ValueError:
        message = f"--at is {text!r}, which is no time of the day: give it as 03:00."
        raise TimeError(message) from None


async def reside(settings: Settings, schedule: Schedule) -> None:
    """Do what is due, one after the other, until SIGTERM or SIGINT."""
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
    """Do what is due, for ever."""
    log.info("nightly_ready", extra={"next_night": schedule.next_night.astimezone().isoformat(timespec="seconds")})
    while True:
        task, moment = schedule.due
        while (left_s := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110 - clocks are set, machines sleep
            await asyncio.sleep(min(left_s, LOOK_S))
        well = await do(settings, task)
        schedule.ended(task, datetime.now(UTC), well=well)


async def do(settings: Settings, task: Task) -> bool:
    """Run a command as a process of its own; return whether it ended well."""
    log_file = settings.application.data_path / "logs" / f"{task}.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log.info("%s_began", task)
    began = time.monotonic()
    try:
        said = await run_command(settings, *COMMANDS[task], log_file=log_file)
    except ProcessError as error:
        log.error("%s_failed", task, extra={"reason": str(error)})  # noqa: TRY400 - one line is enough
        return False
    log.info("%s_ended", task, extra={"seconds": round(time.monotonic() - began, 1), **_told(said)})
    return True


def _told(said: str) -> dict[str, Any]:
    """Return what a command said in its last line: the fields of JSON, or a sentence."""
    try:
        found = msgspec.json.decode(f"{said}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {"said": said}
    return {name: found[name] for name in ("generation", "status") if name in found}
