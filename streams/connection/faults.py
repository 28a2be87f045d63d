"""The sentences about a connection that Kafka refuses: TLS, the login, or a listener of another protocol."""

import asyncio
import ssl
from contextlib import suppress
from typing import Any

from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslHandShakeRequest

from streams.connection.credentials import read_token
from streams.connection.token_expiry import expired_at
from streams.connection.trial import trial_connection
from streams.settings.deployment import KafkaSettings

ASK_S = 3.0
"""Longest time of one question about a listener."""

EXPIRED = 10
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 24, 32, 79})
"""Numbers of OpenSSL: no chain of certificates up to a known CA."""
CERTIFICATE_ALERTS = (
    "certificate required",
    "bad certificate",
    "certificate unknown",
    "certificate expired",
    "unsupported certificate",
    "certificate revoked",
    "alert unknown ca",
    "alert handshake failure",
)
"""Alerts with which a broker ends TLS because of the client's certificate."""
WRONG_NAME = frozenset({62, 64})
"""Numbers of OpenSSL: the certificate names neither the host nor the address."""
PROTOCOL = "PLAYFOLD_KAFKA_SECURITY_PROTOCOL"
PLAIN = "PLAINTEXT"


async def describe_tls(error: ssl.SSLError, host: str, port: int, kafka: KafkaSettings) -> str | None:
    """Describe an error of TLS."""
    place = f"{host}:{port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _describe_certificate(error, host, place, kafka)
    reason = _reason(error)
    if any(word in reason for word in CERTIFICATE_ALERTS):
        return _describe_alert(reason, place, kafka)
    if not await _speaks_tls(host, port):
        return await _describe_without_tls(host, port, kafka)
    return f"TLS with Kafka at {place} failed ({reason}): compare the TLS versions and ciphers of both sides."


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")


def _describe_certificate(error: ssl.SSLCertVerificationError, host: str, place: str, kafka: KafkaSettings) -> str:
    """Describe a certificate of a broker that does not verify."""
    code, certificate = error.verify_code, f"The certificate of Kafka at {place}"
    if code == EXPIRED:
        return f"{certificate} has expired: renew it on the broker."
    if code in UNKNOWN_AUTHORITY:
        authorities = f"PLAYFOLD_KAFKA_CA_FILE {kafka.ca_file}" if kafka.ca_file else "the CAs of this system"
        return (
            f"{certificate} is signed by no CA of {authorities}: set PLAYFOLD_KAFKA_CA_FILE to the CA that signed it."
        )
    if code in WRONG_NAME:
        return (
            f"{certificate} does not name {host}: use a name of the certificate in PLAYFOLD_BROKERS and in "
            f"advertised.listeners, or renew the certificate with {host} as subjectAltName."
        )
    return (
        f"{certificate} cannot be verified ({error.verify_message}): correct PLAYFOLD_KAFKA_CA_FILE or the certificate."
    )


def _describe_alert(reason: str, place: str, kafka: KafkaSettings) -> str:
    """Describe the alert with which a broker ended TLS: it does not accept the client's certificate."""
    if not kafka.certificate_file:
        return (
            f"Kafka at {place} requires a client certificate ({reason}): "
            "set PLAYFOLD_KAFKA_CERTIFICATE_FILE and PLAYFOLD_KAFKA_KEY_FILE."
        )
    return (
        f"Kafka at {place} rejected PLAYFOLD_KAFKA_CERTIFICATE_FILE {kafka.certificate_file} ({reason}): "
        "use a certificate that has not expired, of a CA that the broker trusts."
    )


async def describe_login(
    error: Exception, host: str, port: int, kafka: KafkaSettings, options: dict[str, Any]
) -> str | None:
    """Describe an error of the login; None if it is another error."""
    place = f"{host}:{port}"
    if isinstance(error, UnsupportedSaslMechanismError):
        offered = ", ".join(await _mechanisms(host, port, options)) or "no mechanism"
        return (
            f"Kafka at {place} does not offer the mechanism {kafka.sasl_mechanism}: "
            f"set PLAYFOLD_KAFKA_SASL_MECHANISM to one that it offers ({offered})."
        )
    if isinstance(error, IllegalSaslStateError):
        protocol = "SSL" if kafka.has_tls else PLAIN
        return f"Kafka at {place} has no login, but {PROTOCOL} is {kafka.security_protocol}: set it to {protocol}."
    if isinstance(error, SaslAuthenticationFailed) and not kafka.token_file:
        return (
            f"Kafka at {place} rejected the user {kafka.username!r} or the password ({kafka.sasl_mechanism}): correct "
            "PLAYFOLD_KAFKA_USERNAME and PLAYFOLD_KAFKA_PASSWORD or PLAYFOLD_KAFKA_PASSWORD_FILE."
        )
    if kafka.token_file and "sasl_oauth_token_provider" in options:
        return await _describe_token(host, port, kafka, options)
    return None


async def _describe_token(host: str, port: int, kafka: KafkaSettings, options: dict[str, Any]) -> str | None:
    """Describe why the broker rejects the token: aiokafka overlooks its answer and continues."""
    token = await asyncio.to_thread(read_token, kafka)
    name = f"PLAYFOLD_KAFKA_TOKEN_FILE {kafka.token_file}"
    at = expired_at(token)
    if at:
        return f"The token in {name} expired at {at}: write a new one into the file."
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ASK_S):
            async with trial_connection(host, port, **_without_login(options)) as connection:
                await connection.send(SaslHandShakeRequest("OAUTHBEARER"))
                answer = await connection.send(SaslAuthenticateRequest(f"n,,\x01auth=Bearer {token}\x01\x01".encode()))
            if answer.error_code or answer.sasl_auth_bytes:
                return f"Kafka at {host}:{port} rejected the token in {name}: write a valid one into the file."
    return None


async def describe_closed(host: str, port: int, kafka: KafkaSettings, options: dict[str, Any]) -> str | None:
    """Describe a connection that the broker closed: its listener has another protocol. None if it is not reached."""
    place = f"{host}:{port}"
    if not kafka.has_tls and await _speaks_tls(host, port):
        protocol = "SASL_SSL" if kafka.has_login else "SSL, or SASL_SSL with a login"
        return f"Kafka at {place} expects TLS, but {PROTOCOL} is {kafka.security_protocol}: set it to {protocol}."
    if kafka.has_tls and not await _speaks_tls(host, port):
        return await _describe_without_tls(host, port, kafka)
    offered = [] if kafka.has_login else await _mechanisms(host, port, options)
    if offered:
        protocol = "SASL_SSL" if kafka.has_tls else "SASL_PLAINTEXT"
        return (
            f"Kafka at {place} expects a login ({', '.join(offered)}), but {PROTOCOL} is {kafka.security_protocol}: "
            f"set it to {protocol}, and PLAYFOLD_KAFKA_SASL_MECHANISM, PLAYFOLD_KAFKA_USERNAME and "
            "PLAYFOLD_KAFKA_PASSWORD_FILE."
        )
    return None


async def _describe_without_tls(host: str, port: int, kafka: KafkaSettings) -> str | None:
    """Describe a listener without TLS; None if it is not Kafka's or is not reached."""
    options: dict[str, Any] = {"security_protocol": PLAIN}
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ASK_S):
            async with trial_connection(host, port, **options):
                pass
            protocol = "SASL_PLAINTEXT" if await _mechanisms(host, port, options) else PLAIN
            return (
                f"Kafka at {host}:{port} has no TLS, but {PROTOCOL} is {kafka.security_protocol}: "
                f"set it to {protocol}, or name the TLS listener in PLAYFOLD_BROKERS."
            )
    return None


async def _speaks_tls(host: str, port: int) -> bool:
    """Return whether a listener answers a handshake of TLS, with a certificate of any kind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(ASK_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.transport.abort()
            return True
    except ssl.SSLError as error:
        return "alert" in _reason(error)
    except (OSError, TimeoutError):
        return False


async def _mechanisms(host: str, port: int, options: dict[str, Any]) -> list[str]:
    """Return the mechanisms that a listener offers; none if it has no login or does not answer."""
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ASK_S):
            async with trial_connection(host, port, **_without_login(options)) as connection:
                answer = await connection.send(SaslHandShakeRequest("NONE"))
            return sorted(answer.enabled_mechanisms)
    return []


def _without_login(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a connection that has TLS, if any, and no login yet."""
    context = options.get("ssl_context")
    return {"security_protocol": "SSL" if context is not None else PLAIN, "ssl_context": context}
