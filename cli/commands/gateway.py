"""`playfold gateway`: serve HTTP until it is stopped."""

import asyncio
from typing import Annotated

import typer
import uvloop

from cli.event_log import start_event_log
from jobs.user_requests.explain import explain
from jobs.user_requests.export import export_user
from jobs.user_requests.send import send_and_wait
from streams.messages.events import Forget
from streams.messages.receipt import Receipt
from streams.settings import Settings, read_settings
from streams.topics.admin import verify_topics
from streams.topics.process_rights import check_rights
from web.gateway import Gateway
from web.parts import TopicOperations

app = typer.Typer(add_completion=False)


@app.command()
def gateway(*, as_json: Annotated[bool, typer.Option("--json", help="Write events as JSON.")] = False) -> None:
    """Serve the HTTP API and the live page until Ctrl-C or SIGTERM.

    Any number of gateways may run. Each needs its own PLAYFOLD_INSTANCE, and on one machine its own port.
    """
    settings = read_settings()
    check_rights("gateway", settings)
    verify_topics(settings)
    start_event_log(settings.telemetry, as_json=as_json)

    async def run() -> None:
        await Gateway(settings, OPERATIONS).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def forget(user_id: str, settings: Settings) -> Receipt:
    """Delete all data about a listener, and return the receipt."""
    return await send_and_wait(Forget(user_id=user_id), settings)


OPERATIONS = TopicOperations(explain=explain, export=export_user, forget=forget)
