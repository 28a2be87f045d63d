"""`playfold gateway`: serve HTTP until it is stopped."""

import asyncio
from typing import Annotated

import typer

from cli.event_log import start_event_log
from cli.start_file import StartFile, await_start
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def gateway(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write events as JSON.")] = False,
    start_file: StartFile = None,
) -> None:
    """Serve the HTTP API and the live page until Ctrl-C or SIGTERM.

    Any number of gateways may run. Each needs its own PLAYFOLD_INSTANCE, and on one machine its own port.
    """
    import uvloop

    from cli.topic_operations import OPERATIONS
    from streams.topics.admin import verify_topics
    from streams.topics.process_rights import check_rights
    from web.gateway import Gateway

    settings = read_settings()
    await_start(start_file)
    check_rights("gateway", settings)
    verify_topics(settings)
    start_event_log(settings.telemetry, as_json=as_json)

    async def run() -> None:
        await Gateway(settings, OPERATIONS).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
