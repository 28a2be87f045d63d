"""One Kafka of a kind for all processes of a test run."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from tests.brokers.versions import chosen_version

VERSION = chosen_version()
"""The version of Kafka of this run."""
JARS = VERSION.jars
"""Kafka's jars, resolved once for all runs."""
HEAP_MB = 512
POLL_S = 0.1

AnyBroker = TypeVar("AnyBroker", bound=Broker)
Ports = Mapping[str, int]
"""The port of each listener."""
PLAIN = "PLAINTEXT"


@contextmanager
def shared_broker(folder: Path, jars: Path) -> Iterator[Broker]:
    """Give the run's Kafka.

    Args:
        folder: A folder that all processes of the run share, and no other run.
        jars: Folder of Kafka's jars.
    """

    def make(ports: Ports | None) -> tuple[Broker, Ports]:
        ports = ports or {PLAIN: free_port()}
        return Broker(folder / "broker", jars, ports[PLAIN], HEAP_MB, declared=VERSION.declared), ports

    with shared(folder / "broker", make) as broker:
        yield broker


@contextmanager
def shared(path: Path, make: Callable[[Ports | None], tuple[AnyBroker, Ports]]) -> Iterator[AnyBroker]:
    """Give a Kafka: the first process that asks starts it, and stops it once no other process uses it.

    Args:
        path: Its folder; files beside it that begin with its name have its ports and its users.
        make: Describes a new one, or the one with these ports.
    """
    address = path.with_suffix(".ports")
    with path.with_suffix(".lock").open("w") as lock, path.with_suffix(".users").open("w") as users:
        with held(lock):
            fcntl.flock(users, fcntl.LOCK_SH)
            is_ours = not address.exists()
            broker, ports = make(None if is_ours else json.loads(address.read_text()))
            if is_ours:
                broker.start()
                address.write_text(json.dumps(dict(ports)))
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
