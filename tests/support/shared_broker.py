"""One Kafka for all processes of a test run."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from streams.kafka.broker import Broker, free_port
from tests.brokers.versions import chosen_version

VERSION = chosen_version()
"""The version of Kafka of this run."""
JARS = VERSION.jars
"""Kafka's jars, resolved once for all runs."""
HEAP_MB = 512
POLL_S = 0.1


@contextmanager
def shared_broker(folder: Path, jars: Path) -> Iterator[Broker]:
    """Give the run's Kafka: the first process that asks starts it, and stops it once no other process uses it.

    Args:
        folder: A folder that all processes of the run share, and no other run.
        jars: Folder of Kafka's jars.
    """
    address = folder / "broker.port"
    with (folder / "broker.lock").open("w") as lock, (folder / "broker.users").open("w") as users:
        with held(lock):
            fcntl.flock(users, fcntl.LOCK_SH)
            is_ours = not address.exists()
            port = free_port() if is_ours else int(address.read_text())
            broker = Broker(folder / "broker", jars, port, HEAP_MB, declared=VERSION.declared)
            if is_ours:
                broker.start()
                address.write_text(str(port))
        try:
            yield broker
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            if is_ours:
                while not stop_unused(broker, address, lock, users):
                    time.sleep(POLL_S)


def stop_unused(broker: Broker, address: Path, lock: IO[str], users: IO[str]) -> bool:
    """Stop the broker and return True, unless a process still uses it."""
    with held(lock):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        address.unlink()
        broker.stop()
        return True


@contextmanager
def held(lock: IO[str]) -> Iterator[None]:
    """Hold a lock between processes while the block lasts."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
