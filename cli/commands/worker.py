"""`playfold worker`: fold plays into lists until it is stopped."""

import asyncio
from typing import Annotated

import typer

from cli.event_log import start_event_log
from cli.start_file import StartFile, await_start
from streams.process.run_tasks import force_exit_after
from streams.settings import read_settings

app = typer.Typer(add_completion=False)

END_S = 4.0
"""Seconds after the stop of a worker in which its process ends, even if a task or a thread still runs."""


@app.command()
def worker(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write events as JSON.")] = False,
    start_file: StartFile = None,
) -> None:
    """Fold plays into lists until Ctrl-C or SIGTERM.

    Several workers share the partitions. Each needs its own PLAYFOLD_INSTANCE.
    """
    import uvloop

    from agents.worker import Worker, warm_up
    from streams.topics.admin import verify_topics
    from streams.topics.process_rights import check_rights

    settings = read_settings()
    if start_file is not None:
        warm_up()  # while Kafka starts
    await_start(start_file)
    check_rights("worker", settings)
    verify_topics(settings)
    start_event_log(settings.telemetry, as_json=as_json)

    async def run() -> None:
        reason = ""
        try:
            await Worker(settings).run()
        except Exception as error:
            reason = str(error)
            raise
        finally:
            force_exit_after(END_S, reason)

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # for the loop of Faust's consumer thread as well
    asyncio.run(run())
