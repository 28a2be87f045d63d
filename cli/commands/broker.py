"""`playfold broker`: the embedded Kafka in the foreground."""

import contextlib
import signal
from typing import Annotated

import msgspec
import typer

from streams.kafka.broker import embedded_broker
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def broker(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the ready event as one line of JSON.")] = False,
) -> None:
    """Run Kafka on this machine, in the foreground, until Ctrl-C or SIGTERM.

    It listens at PLAYFOLD_BROKERS and stores its data in PLAYFOLD_DATA_DIR.
    """
    kafka = embedded_broker(read_settings())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), kafka:
        ready = {"event": "broker_ready", "address": kafka.bootstrap, "folder": str(kafka.folder)}
        text = f"The broker is ready at {kafka.bootstrap} and stores its data in {kafka.folder}; Ctrl-C stops it."
        typer.echo(msgspec.json.encode(ready) if as_json else text)
        kafka.wait()
