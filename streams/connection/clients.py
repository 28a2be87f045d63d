"""The only maker of aiokafka's clients."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, TopicAuthorizationFailedError
from aiokafka.structs import ConsumerRecord, TopicPartition

import streams.connection.bounded_close  # noqa: F401  every connection ends in time
from streams.connection.credentials import CredentialsError, read_password, read_token, tls_context
from streams.connection.rights import MissingRightError, Right, describe_missing
from streams.settings.deployment import KafkaSettings


class TokenFile(AbstractTokenProvider):
    """The token of `OAUTHBEARER`, read from its file at every connection."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Name the file."""
        self._kafka = kafka

    async def token(self) -> str:
        """Return the present token.

        Raises:
            KafkaConnectionError: Its file cannot be read. aiokafka retries after it, and ends silently after others.
        """
        try:
            return await asyncio.to_thread(read_token, self._kafka)
        except CredentialsError as error:
            raise KafkaConnectionError(str(error)) from error


class Consumer(AIOKafkaConsumer):
    """A consumer that names the right that it lacks."""

    def __init__(self, kafka: KafkaSettings, **options: Any) -> None:
        """Connect with these settings, and further options of aiokafka."""
        super().__init__(bootstrap_servers=kafka.brokers, **security_options(kafka), **options)
        self.kafka = kafka

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return the next records of each partition.

        Raises:
            MissingRightError: The right to read a topic is missing.
        """
        try:
            return await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)  # type: ignore[no-any-return]
        except TopicAuthorizationFailedError as error:
            topic = str(error.args[0]) if error.args else ""
            raise MissingRightError(describe_missing(self.kafka, [Right("READ", "topic", topic)])) from error


class AsyncAdmin(AIOKafkaAdminClient):
    """An admin client that names the right that it lacks."""

    def __init__(self, kafka: KafkaSettings, **options: Any) -> None:
        """Connect with these settings, and further options of aiokafka."""
        super().__init__(bootstrap_servers=kafka.brokers, **security_options(kafka), **options)
        self._kafka = kafka

    async def list_consumer_group_offsets(self, group_id: str, *arguments: Any, **options: Any) -> Any:
        """Return the committed offsets of a consumer group.

        Raises:
            MissingRightError: The right to describe the group is missing.
        """
        try:
            return await super().list_consumer_group_offsets(group_id, *arguments, **options)
        except GroupAuthorizationFailedError as error:
            raise MissingRightError(describe_missing(self._kafka, [Right("DESCRIBE", "group", group_id)])) from error


def new_consumer(kafka: KafkaSettings, **options: Any) -> Consumer:
    """Return a consumer that is not started, with further options of its class.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    return Consumer(kafka, **options)


def new_producer(kafka: KafkaSettings, **options: Any) -> AIOKafkaProducer:
    """Return a producer that is not started, with further options of its class.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    return AIOKafkaProducer(bootstrap_servers=kafka.brokers, **security_options(kafka), **options)


def new_async_admin(kafka: KafkaSettings, **options: Any) -> AsyncAdmin:
    """Return an admin client that is not started, with further options of its class.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    return AsyncAdmin(kafka, **options)


def security_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return protocol, TLS and login by the names of aiokafka.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    options: dict[str, Any] = {"security_protocol": kafka.security_protocol, "ssl_context": tls_context(kafka)}
    if not kafka.has_login:
        return options
    options["sasl_mechanism"] = kafka.sasl_mechanism
    if kafka.token_file:
        return options | {"sasl_oauth_token_provider": TokenFile(kafka)}
    return options | {"sasl_plain_username": kafka.username, "sasl_plain_password": read_password(kafka)}
