"""The sentences about a login that a broker rejects."""

from typing import Any

import pytest
from aiokafka.errors import SaslAuthenticationFailed

from streams.connection import faults
from streams.connection.faults import describe_login
from tests.support.settings import settings_with

TOKEN = "The token expired."  # noqa: S105  a sentence


async def test_a_rejected_token_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no user and no password that could be corrected."""

    async def describe_token(*_: Any) -> str:
        return TOKEN

    monkeypatch.setattr(faults, "_describe_token", describe_token)
    login = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER", "kafka_token_file": "t"}
    kafka, options = settings_with(**login).kafka, {"sasl_oauth_token_provider": None}

    assert TOKEN == await describe_login(SaslAuthenticationFailed(), "kafka", 9092, kafka, options)


async def test_a_rejected_password_names_the_settings() -> None:
    """With the user and the mechanism."""
    login = {"kafka_username": "ann", "kafka_password": "secret", "kafka_sasl_mechanism": "PLAIN"}
    kafka = settings_with(kafka_security_protocol="SASL_SSL", **login).kafka

    assert (
        "Kafka at kafka:9092 rejected the user 'ann' or the password (PLAIN): correct PLAYFOLD_KAFKA_USERNAME and "
        "PLAYFOLD_KAFKA_PASSWORD or PLAYFOLD_KAFKA_PASSWORD_FILE."
    ) == await describe_login(SaslAuthenticationFailed(), "kafka", 9092, kafka, {})
