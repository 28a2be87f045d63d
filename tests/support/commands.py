"""Commands of playfold that a test runs to their end."""

import asyncio

import pytest

from cli.processes import ProcessError, run_command
from streams.settings import Settings


def error_of(command: str, settings: Settings) -> str:
    """Run a command that fails, and return the sentence about its end, without the name of its log."""
    log_file = settings.application.data_path / f"{command}-failed.log"
    with pytest.raises(ProcessError) as caught:
        asyncio.run(run_command(settings, command, log_file=log_file))
    return str(caught.value).removesuffix(f": read {log_file}.")
