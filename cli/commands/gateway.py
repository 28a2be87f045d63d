"""`playfold gateway`: answer clients by HTTP until told to stop."""

import asyncio
from typing import Annotated

import typer
import uvloop

from cli.event_log import start_event_log
from jobs.user_requests.explain import explain
from jobs.user_requests.export import holdings
from jobs.user_requests.send import carry_out
from streams.messages.events import Forget
from streams.messages.receipt import Receipt
from streams.settings import Settings, read_settings
from streams.topics.admin import verify_topics
from web.gateway import Gateway
from web.parts import TopicOperations

app = typer.Typer(add_completion=False)


@app.command()
def gateway(*, as_json: Annotated[bool, typer.Option("--json", help="Write events as JSON.")] = False) -> None:
    """Answer clients by HTTP, and show the live page, until Ctrl-C or SIGTERM.

    Any number of gateways may run; each needs a PLAYFOLD_INSTANCE of its own, and on one machine a port.
    """
    settings = read_settings()
    verify_topics(settings)
    start_event_log(settings.telemetry, as_json=as_json)

    async def run() -> None:
        await Gateway(settings, OPERATIONS).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def forget(user_id: str, settings: Settings) -> Receipt:
    """Have a listener forgotten, and return the receipt."""
    return await carry_out(Forget(user_id=user_id), settings)


OPERATIONS = TopicOperations(explain=explain, export=holdings, forget=forget)
