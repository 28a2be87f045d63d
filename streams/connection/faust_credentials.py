"""The brokers and credentials of Faust, which makes its own clients of aiokafka."""

from typing import Any

import faust
from faust.types.auth import CredentialsT
from yarl import URL

from streams.connection.clients import TokenFile
from streams.connection.credentials import read_password, tls_context
from streams.settings.deployment import KafkaSettings


def faust_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the options of a Faust app that say where its brokers are and how it logs in.

    Raises:
        CredentialsError: A file of the credentials cannot be used.
    """
    addresses = [URL(f"kafka://{address}") for address in kafka.brokers.split(",")]
    return {"broker": addresses, "broker_credentials": _credentials(kafka)}


def _credentials(kafka: KafkaSettings) -> CredentialsT | None:
    context = tls_context(kafka)
    if not kafka.has_login:
        return None if context is None else faust.SSLCredentials(context)
    if kafka.token_file:
        return faust.OAuthCredentials(oauth_cb=TokenFile(kafka), ssl_context=context)
    password = read_password(kafka)
    return faust.SASLCredentials(
        username=kafka.username, password=password, mechanism=kafka.sasl_mechanism, ssl_context=context
    )
