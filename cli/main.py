"""The `playfold` command: its subcommands, and the end of errors."""

import importlib
import logging
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.quick_arguments import quicken, quicken_parameters
from cli.threads import pin_threads
from streams.process.format_text import encodable
from streams.settings import read_settings

# One file each, `cli/commands/<command>.py`, which defines `app`, a `typer.Typer(add_completion=False)` with one
# command or several. It is imported only when it runs: the help is quick, however heavy a command's imports are.
COMMANDS = {
    "up": "Run broker, topics, workers and a gateway in one terminal.",
    "demo": "Show everything on MovieLens-100K.",
    "broker": "Run Kafka on this machine.",
    "topics": "Create and verify the topics.",
    "state": "Move the workers' state to other topics.",
    "worker": "Fold plays into lists.",
    "gateway": "Serve the HTTP API and the live page.",
    "retrain": "Train the next generation and announce it if it is good enough.",
    "nightly": "Retrain every night, and rebuild the index in between.",
    "tune": "Find the best hyperparameters.",
    "evaluate": "Measure the lists of several models on a file of plays.",
    "generations": "List, verify, roll back and prune generations.",
    "replay": "Send a file of plays.",
    "rejects": "List, export and retry rejected records.",
    "catalog": "Load and print titles, kinds and availability of items.",
    "recommend": "Print a listener's list, or a list for some items.",
    "popular": "Print the most played items.",
    "explain": "Print how much each play adds to an item's score.",
    "trace": "Print the outcomes of a listener's latest events.",
    "related": "Print the items nearest to an item.",
    "pulse": "Print the state of each worker and the quality of its lists.",
    "hide": "Leave an item out of a listener's lists.",
    "unhide": "Allow an item in a listener's lists again.",
    "pause": "Stop learning from a listener.",
    "resume": "Start learning from a listener again.",
    "forget": "Delete all data about a listener.",
    "export": "Print all data about a listener.",
    "doctor": "Find problems of the running system, and their remedies.",
}
OURS = {"agents", "cli", "jobs", "model", "state", "streams", "web"}


class Commands(TyperGroup):
    """The commands by name, imported when they run."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters in front of the command."""
        parameters = super().get_params(ctx)
        quicken_parameters(parameters)
        return parameters

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is click's
        """Return the entry of a command in the help."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is to run, imported, and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            pin_threads(read_settings().retraining.threads)
            command = quicken(typer.main.get_command(importlib.import_module(f"cli.commands.{name}").app))
        return name, command, rest


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def playfold() -> None:
    """Recommendations that change with the play you just made."""


def main() -> None:
    """Run the command line; an error of playfold is one sentence on stderr and exit status 1."""
    # The client's own messages about retries would hide the sentence.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # a worker's log has handlers that still get them
    try:
        app()
    except Exception as error:
        if type(error).__module__.partition(".")[0] in OURS:
            sys.exit(str(error))
        if type(error).__module__.startswith("aiokafka."):
            sys.exit(_describe_refusal(error))
        if isinstance(error, UnicodeEncodeError) and (odd := _find_undecodable(sys.argv[1:])) is not None:
            sys.exit(f"The argument {encodable(odd)} is no UTF-8, and every id is: correct the terminal's encoding.")
        if not isinstance(error, OSError):
            raise
        sys.exit(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")


def _find_undecodable(arguments: list[str]) -> str | None:
    """Return the first argument with bytes that are no UTF-8, None if there is none."""
    return next((argument for argument in arguments if encodable(argument) != argument), None)


def _describe_refusal(error: Exception) -> str:
    """Return the sentence about a missing right.

    Raises:
        Exception: The error says something else; it is a mistake of ours.
    """
    from streams.connection.rights import describe_missing, find_refused

    right = find_refused(error)
    if right is None:
        raise error
    return describe_missing(read_settings().kafka, [right])


if __name__ == "__main__":
    main()
