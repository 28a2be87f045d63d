"""Finds out why Kafka refuses a connection.

aiokafka only logs the cause, and kafka-python waits for its time-out without one. So the probe connects once itself, to
a broker of `PLAYFOLD_BROKERS` and to every broker that this one advertises.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from streams.connection.clients import security_options
from streams.connection.faults import describe_closed, describe_login, describe_tls
from streams.connection.trial import trial_connection
from streams.settings.deployment import KafkaSettings

CONNECT_S = 5.0
"""Longest time of one connection."""
PROBE_S = 15.0
"""Longest time of a probe of all brokers."""

Address = tuple[str, int]
Answer = tuple[str | None, list[Address]]
"""Of a broker: its fault, or the brokers that it advertises."""


async def find_fault(
    kafka: KafkaSettings, options: dict[str, Any] | None = None, *, one_is_enough: bool = False
) -> str | None:
    """Return a sentence about TLS, the login or an advertised address that does not fit.

    Args:
        kafka: The brokers and their security.
        options: The security of clients that were made earlier, whose passwords may be old; that of the settings if
            left out.
        one_is_enough: Whether faults of other brokers are none as long as one accepts clients.

    Returns:
        None if a broker accepts clients with these settings, or if none can be reached at all.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    options = security_options(kafka) if options is None else options
    with suppress(TimeoutError):
        async with asyncio.timeout(min(PROBE_S, kafka.timeout_s)):
            return await _find_fault(kafka, options, one_is_enough=one_is_enough)
    return None


async def _find_fault(kafka: KafkaSettings, options: dict[str, Any], *, one_is_enough: bool) -> str | None:
    """Probe the brokers of the settings until one accepts; then those that it advertises."""
    first = None
    addresses = _addresses(kafka)
    for address in addresses:
        fault, advertised = await _probe(address, kafka, options)
        if advertised and one_is_enough and address in advertised:
            return None
        if advertised:
            others = [other for other in advertised if other != address]
            answers = await asyncio.gather(*(_probe(other, kafka, options) for other in others))
            return _find_advertised_fault(address, dict(zip(others, answers, strict=True)), one_is_enough=one_is_enough)
        first = first or fault
    return first


def _find_advertised_fault(address: Address, answers: Mapping[Address, Answer], *, one_is_enough: bool) -> str | None:
    """Return the fault of an advertised broker: one that is down is no fault, unless all of them are."""
    prefix, accepts = f"Kafka at {_text(address)} advertises", any(brokers for _, brokers in answers.values())
    if accepts and one_is_enough:
        return None
    for other, (fault, _) in answers.items():
        if fault:
            return f"{prefix} {_text(other)}: {fault}"
    if answers and not accepts:
        others = ", ".join(map(_text, answers))
        return (
            f"{prefix} {others}, where no broker answers: correct advertised.listeners of the brokers, "
            "or name another listener in PLAYFOLD_BROKERS."
        )
    return None


async def _probe(address: Address, kafka: KafkaSettings, options: dict[str, Any]) -> Answer:
    """Connect to one broker.

    Returns:
        The fault of TLS or login, or the brokers that it advertises, or neither if it cannot be reached.
    """
    host, port = address
    try:
        async with trial_connection(host, port, request_timeout_ms=int(CONNECT_S * 1000), **options) as connection:
            return None, await _advertised(connection)
    except ssl.SSLError as error:
        return await describe_tls(error, host, port, kafka), []
    except (KafkaError, OSError, TimeoutError, ValueError) as error:
        return await _describe(error, address, kafka, options), []


async def _describe(error: Exception, address: Address, kafka: KafkaSettings, options: dict[str, Any]) -> str | None:
    """Describe an error other than one of TLS; None if the broker cannot be reached."""
    host, port = address
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return await describe_tls(cause, host, port, kafka)
        cause = cause.__cause__
    login = await describe_login(error, host, port, kafka, options)
    return login or await describe_closed(host, port, kafka, options)


async def _advertised(connection: AIOKafkaConnection) -> list[Address]:
    """Return the addresses of the brokers of the cluster, which is the first request that needs a login."""
    metadata = await connection.send(MetadataRequest([]))
    if not metadata.brokers:
        # aiokafka takes a rejected token for an accepted one, and the broker's refusal for an empty answer.
        message = f"Kafka at {connection.host}:{connection.port} described no brokers."
        raise KafkaConnectionError(message)
    return [(broker[1], broker[2]) for broker in metadata.brokers]


def _addresses(kafka: KafkaSettings) -> list[Address]:
    places = (broker.rpartition(":") for broker in kafka.brokers.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in places]


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
