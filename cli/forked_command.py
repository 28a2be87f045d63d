"""A command of playfold as a forked process: its environment, its streams and its name."""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from streams.settings import replace_environment

ARGUMENTS_FIELDS = slice(45, 47)
"""Fields of `/proc/self/stat` after the name of the program: the first address of its arguments, and the one behind."""


def be_command(
    main: Callable[[], None], arguments: Sequence[str], environment: Mapping[str, str], streams: tuple[Path, Path]
) -> None:
    """Be the process of a command, run by `main`, in a session of its own; it appends to the files of its streams."""
    os.setsid()
    replace_environment(environment)
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  it ends with the process
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115  the same
    sys.argv = ["playfold", *arguments]
    main()


def show_arguments(arguments: Sequence[str]) -> None:
    """Let `ps` show these arguments of this process, as far as there is room: those of its start are overwritten."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    first, end = map(int, fields[ARGUMENTS_FIELDS])
    text = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)[: end - first - 1]
    ctypes.memset(first, 0, end - first)
    ctypes.memmove(first, text, len(text))
