"""The start of a client: within a time-out, and with the cause if Kafka refuses it."""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.connection.clients import security_options
from streams.connection.credentials import CredentialsError
from streams.connection.probe import find_fault
from streams.settings.deployment import KafkaSettings

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
WATCH_S = 15.0
"""Seconds between two probes of a long-lived process."""
FAULTS_MAX = 3
"""Consecutive faults that end a process: one alone may be a broker that starts, or a file that is being written."""

_accepted: set[KafkaSettings] = set()
"""Settings with which all brokers accepted a connection of this process: they are not probed again."""


class UnreachableError(ConnectionError):
    """Kafka does not answer or refuses the connection. Correct the setting that the message names."""


async def start_client(client: Any, kafka: KafkaSettings, timeout_s: float) -> None:
    """Start a client of aiokafka; one that does not start is stopped.

    Args:
        client: A client that is not started.
        kafka: The settings that it was made with.
        timeout_s: Seconds within which a broker has to answer.

    Raises:
        UnreachableError: No broker answered or accepted it.
    """
    try:
        await asyncio.wait_for(client.start(), timeout_s)
        await _verify(kafka)
    except (KafkaError, TimeoutError) as error:
        await client.stop()
        raise UnreachableError(await find_fault(kafka) or _unanswered(kafka, timeout_s, error)) from error
    except BaseException:
        await client.stop()
        raise


def _unanswered(kafka: KafkaSettings, timeout_s: float, error: Exception) -> str:
    """Return the sentence about brokers that do not answer: in time, at all, or as a broker does."""
    way_out = "start Kafka, or correct PLAYFOLD_BROKERS."
    if isinstance(error, TimeoutError):
        return f"No Kafka broker answered at {kafka.brokers} within {timeout_s:g} s: {way_out}"
    if isinstance(error, KafkaConnectionError):
        return f"No Kafka broker answered at {kafka.brokers}: {way_out}"
    return f"No Kafka broker answered at {kafka.brokers}: {error!r}."


def verify_connection(kafka: KafkaSettings) -> None:
    """Check from a thread without an event loop that the brokers accept these settings.

    Raises:
        UnreachableError: A broker refuses them. A broker that does not answer at all is no error here.
    """
    _run_in_thread(_verify(kafka))


def find_fault_in_thread(kafka: KafkaSettings) -> str | None:
    """Return the sentence of `find_fault` to a caller without an event loop of its own."""
    return _run_in_thread(find_fault(kafka))


def _run_in_thread(probe: Coroutine[Any, Any, Answer]) -> Answer:
    with ThreadPoolExecutor(1, thread_name_prefix="probe") as thread:
        return thread.submit(asyncio.run, probe).result()


async def _verify(kafka: KafkaSettings) -> None:
    if kafka in _accepted:
        return
    fault = await find_fault(kafka)
    if fault:
        raise UnreachableError(fault)
    _accepted.add(kafka)


class ConnectionWatch:
    """Notices that the brokers no longer accept a process, whose clients would retry without end."""

    def __init__(self, kafka: KafkaSettings, watch_s: float = WATCH_S) -> None:
        """Keep the credentials of this moment, which the clients of the process use.

        Raises:
            CredentialsError: A file of the credentials cannot be used.
        """
        self._kafka, self._watch_s = kafka, watch_s
        self._options = security_options(kafka)

    async def run(self) -> None:
        """Probe the brokers for ever; without TLS and login there is nothing to expire.

        After a fault the next probe is sooner.

        Raises:
            UnreachableError: In `FAULTS_MAX` probes, no broker accepts the credentials or has a valid certificate.
        """
        if self._kafka.security_protocol == "PLAINTEXT":
            await asyncio.Event().wait()
        n_faults = 0
        while True:
            await asyncio.sleep(self._watch_s / FAULTS_MAX if n_faults else self._watch_s)
            fault = await self._find_fault()
            n_faults = n_faults + 1 if fault else 0
            if fault:
                log.warning("connection_refused", extra={"reason": fault, "faults": n_faults})
            if n_faults == FAULTS_MAX:
                message = (
                    f"{fault} Kafka accepted this process before. It stops: start it again with valid credentials."
                )
                raise UnreachableError(message)

    async def _find_fault(self) -> str | None:
        """Return the fault of all brokers, or that of a file of the credentials."""
        try:
            return await find_fault(self._kafka, self._options, one_is_enough=True)
        except CredentialsError as error:
            return str(error)
