"""The only maker of kafka-python's clients: its admin knows requests that aiokafka's does not."""

from typing import Any

from kafka import KafkaAdminClient
from kafka.net.sasl.oauth import AbstractTokenProvider

from streams.connection.credentials import read_password, read_token, tls_context
from streams.settings.deployment import KafkaSettings


class PlainTokenFile(AbstractTokenProvider):
    """The token of `OAUTHBEARER`, read from its file at every connection."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Name the file."""
        super().__init__()
        self._kafka = kafka

    def token(self) -> str:
        """Return the present token."""
        return read_token(self._kafka)


def new_admin(kafka: KafkaSettings, **options: Any) -> KafkaAdminClient:
    """Connect an admin client, with further options of its class; it blocks the calling thread.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
        KafkaError: No connection within the time-outs among the options.
    """
    return KafkaAdminClient(**plain_options(kafka), **options)


def plain_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return brokers, protocol, TLS and login by the names of kafka-python.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.brokers.split(","),
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls_context(kafka),
    }
    if not kafka.has_login:
        return options
    options["sasl_mechanism"] = kafka.sasl_mechanism
    if kafka.token_file:
        return options | {"sasl_oauth_token_provider": PlainTokenFile(kafka)}
    return options | {"sasl_plain_username": _user(kafka), "sasl_plain_password": read_password(kafka)}


def _user(kafka: KafkaSettings) -> str:
    """Return the user as SCRAM writes it (RFC 5802, section 5.1), which kafka-python leaves to its caller."""
    if not kafka.sasl_mechanism.startswith("SCRAM-"):
        return kafka.username
    return kafka.username.replace("=", "=3D").replace(",", "=2C")
