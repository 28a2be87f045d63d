"""A Kafka and a playfold for one benchmark: plays are made up, engines are processes, everything ends with it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from streams.kafka.broker import Broker
from streams.kafka.jars import jars_path
from streams.kafka.ports import free_port
from streams.settings import Settings, environment_of, override
from streams.topics.admin import create_topics
from streams.topics.topics import topic_names
from tests.support.settings import settings_with

ENGINE_S = 300.0


@contextmanager
def system(**chosen: Any) -> Iterator[Settings]:
    """Run a broker in a folder of its own and give the settings of a playfold on it, its topics created."""
    with tempfile.TemporaryDirectory(prefix="playfold-benchmark-") as folder:
        port = free_port()
        settings = settings_with(brokers=f"127.0.0.1:{port}", data_dir=folder, **chosen)
        with Broker(settings.application.broker_path, jars_path(Settings().application), port):
            create_topics(settings)
            yield settings


def under(settings: Settings, group: str) -> Settings:
    """Return settings of another playfold on the same broker, its topics created."""
    other = override(settings, group=group, topic_prefix=f"{group}.")
    create_topics(other)
    return other


def run_ours(settings: Settings, work: str, plays: int) -> dict[str, Any]:
    """Run playfold as an engine until it has done `plays`; 0: until every partition is swept."""
    command = [sys.executable, "-m", "tests.benchmarks.engines.ours", work, str(plays)]
    return _run(command, environment_of(settings), settings)


def run_other(module: str, settings: Settings, plays: int, **environment: str) -> dict[str, Any]:
    """Run another engine on the plays of `settings` until it has done `plays`."""
    folder = Path(settings.application.data_dir) / f"{settings.application.group}-other"
    given = {
        "GROUP": settings.application.group,
        "BROKERS": settings.kafka.brokers,
        "FOLDER": str(folder),
        "PLAYS": str(plays),
        "PLAYS_TOPIC": topic_names(settings).plays,
        **environment,
    }
    return _run([sys.executable, "-m", f"tests.benchmarks.engines.{module}"], os.environ | given, settings)


def _run(command: list[str], environment: dict[str, str], settings: Settings) -> dict[str, Any]:
    """Run an engine and return the line it writes to the file descriptor RESULT_FD, an empty one if it writes none."""
    log = Path(settings.application.data_dir) / f"{settings.application.group}.log"
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd) as result, log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment | {"RESULT_FD": str(write_fd)}, stdout=output, stderr=output, pass_fds=[write_fd]
        )
        os.close(write_fd)
        try:
            line = result.readline()
            if not line.strip() and process.wait(ENGINE_S) != 0:
                message = f"{' '.join(command)} ended with {process.returncode}: {log.read_text()[-2000:]}"
                raise RuntimeError(message)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return msgspec.json.decode(line) if line.strip() else {}
