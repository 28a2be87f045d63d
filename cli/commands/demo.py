"""`playfold demo`: everything on MovieLens-100K, from an empty folder to lists that change with every play."""

import asyncio
import fcntl
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from streams.kafka.broker import Broker
from streams.kafka.jars import jars_path
from streams.kafka.ports import HOST, free_port
from streams.settings import Settings, override, read_settings
from streams.settings.deployment import KafkaSettings

if TYPE_CHECKING:
    from cli.demo.stages import Stages

STOP_RESERVE_S = 4.0
app = typer.Typer(add_completion=False)


@app.command()
def demo(
    *,
    seconds: Annotated[
        float, typer.Option(min=0, help="Total seconds after which it ends; 0: after the last play.")
    ] = 0,
    rate: Annotated[float, typer.Option(min=0.1, max=5000, help="Plays per second in the live part.")] = 100,
    opens_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the live page if there is a screen.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON; everything else goes to stderr.")
    ] = False,
) -> None:
    """Replay MovieLens-100K: the first 80 % at full speed, a retrain, then the rest live.

    The live page shows it too. The demo uses its own broker, ports and folder, and removes them at the end.
    Ctrl-C ends it with the summary.
    """
    from cli.demo.stages import Stages
    from cli.demo.view import show_figures, show_spotlight
    from jobs.evaluation.movielens import fetch, ml100k_path

    began, base, console = time.monotonic(), read_settings(), Console(stderr=as_json)
    with demo_folder(base.application.data_path / "demo") as folder:
        settings = demo_settings(base, folder)
        port = int(settings.kafka.brokers.rpartition(":")[2])
        broker = Broker(
            settings.application.broker_path,
            jars_path(base.application),
            port,
            base.broker.heap_mb,
            base.broker.ready_s,
        )
        with console.status("Fetching MovieLens-100K"):
            films = fetch(ml100k_path(base.application))
        stages = Stages(settings, broker, films, console, rate, opens_page=opens_page and console.is_terminal)
        asyncio.run(perform(stages, began + seconds - STOP_RESERVE_S if seconds else None))
    summary = stages.summary()
    if stages.figures.spotlight is not None:
        console.print(show_spotlight(stages.figures.spotlight, films.titles))
    if summary.plays:
        console.print("\nThe live part:", show_figures(summary))
    if as_json:
        typer.echo(msgspec.json.encode(summary))


async def perform(stages: "Stages", deadline: float | None) -> None:
    """Run the stages until their end, the deadline or Ctrl-C; stop every process that they started."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    playing, stopped = asyncio.create_task(stages.run()), asyncio.create_task(stop.wait())
    left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        await asyncio.wait({playing, stopped}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            why = "Stopped" if stop.is_set() else "The time is up"
            stages.console.print(f"{why} while {stages.doing}.", highlight=False, soft_wrap=True)
    finally:
        stopped.cancel()
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing


def demo_settings(base: Settings, folder: Path) -> Settings:
    """Return settings that keep two demos on one machine apart, for a broker without TLS and login."""
    kafka = KafkaSettings(
        brokers=f"{HOST}:{free_port()}",
        session_timeout_s=base.kafka.session_timeout_s,
        timeout_s=base.kafka.timeout_s,
    )
    return override(
        msgspec.structs.replace(base, kafka=kafka),
        data_dir=str(folder),
        instance="demo",
        gateway_host=HOST,
        gateway_port=0,
        group="playfold-demo",
        replication=1,
    )


@contextmanager
def demo_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for one demo, and remove those of earlier demos that failed.

    A demo that succeeds removes its folder.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # One demo at a time cleans up, so that no demo removes a folder that another one is creating.
        with locked(parent / "lock"):
            for left in parent.glob("*/lock"):
                with suppress(BlockingIOError), locked(left, wait=False):
                    shutil.rmtree(left.parent, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%dT%H-%M-%S-"), dir=parent))
            stack.enter_context(locked(folder / "lock"))
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Lock a file; the operating system releases the lock with the process.

    Raises:
        BlockingIOError: Another process holds the lock, and `wait` is false.
    """
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
