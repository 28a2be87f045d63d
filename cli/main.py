"""The `playfold` command: the assembly of its commands, and how errors end."""

import importlib
import logging
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.threads import pin_threads
from streams.settings import read_settings

# One file each, `cli/commands/<command>.py`, which defines `app`, a `typer.Typer(add_completion=False)` with one
# command or several. It is imported only when it runs: the help is quick, however heavy a command's imports are.
COMMANDS = {
    "up": "Run broker, topics, workers and a gateway in one terminal.",
    "demo": "See it work on MovieLens-100K.",
    "broker": "Run Kafka on this machine, in the foreground.",
    "topics": "Create and verify the topics.",
    "worker": "Fold plays into lists.",
    "gateway": "Answer clients by HTTP, and show the live page.",
    "retrain": "Make the next generation, judge it and announce it.",
    "nightly": "Retrain every night, and rebuild the index in between.",
    "tune": "Find the best hyperparameters.",
    "evaluate": "See how good the lists of several models would have been.",
    "generations": "Show, verify, roll back and prune generations.",
    "replay": "Send a file of plays.",
    "catalog": "Load and show what is known of items.",
    "recommend": "Show a listener's list, or what goes with some items.",
    "popular": "Show what listeners play most.",
    "explain": "Show which plays make an item's score with a listener.",
    "trace": "Show the outcomes of a listener's latest events.",
    "related": "Show the items nearest to an item.",
    "pulse": "See how the workers are, and how good their lists.",
    "hide": "Leave an item out of a listener's lists.",
    "unhide": "Let an item be in a listener's lists again.",
    "pause": "Learn nothing from a listener for now.",
    "resume": "Learn from a listener again.",
    "forget": "Remove what is known of a listener.",
    "export": "Give out all that is held of a listener.",
    "doctor": "See what is wrong, and what to do about it.",
}
OURS = {"agents", "cli", "jobs", "model", "state", "streams", "web"}


class Commands(TyperGroup):
    """The commands by name, imported when they run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is click's
        """Return what the help shows of a command."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is to run, imported, and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            pin_threads(read_settings().retraining.threads)
            command = typer.main.get_command(importlib.import_module(f"cli.commands.{name}").app)
        return name, command, rest


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def playfold() -> None:
    """Recommendations that change with the play you just made."""


def main() -> None:
    """Run the command line; an error of ours is one sentence on stderr and exit status 1."""
    # What a client says of its own retries would only surround the sentence.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        app()
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in OURS:
            raise
        sys.exit(str(error))


if __name__ == "__main__":
    main()
