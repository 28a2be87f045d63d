"""Certificates, passwords and tokens of a connection, read from the settings and their files."""

import ssl
from pathlib import Path

from streams.settings import Password
from streams.settings.deployment import KafkaSettings

_PREFIX = "PLAYFOLD_KAFKA_"
SECRET_BYTES_MAX = 65_536
"""Largest file of a secret."""


class CredentialsError(ValueError):
    """A file of a certificate, a key, a password or a token cannot be used. Correct the file that the message names."""


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context of all clients; None if the protocol has no TLS.

    Raises:
        CredentialsError: A file is missing or its content does not fit.
    """
    if not kafka.has_tls:
        return None
    context = ssl.create_default_context()
    if kafka.ca_file:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load_authorities(context, kafka.ca_file)
    if kafka.certificate_file:
        _load_certificate(context, kafka)
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # the base of SSLError
        message = f"{_PREFIX}CA_FILE {ca_file} cannot be used ({_reason(error)}): name a PEM file of CA certificates."
        raise CredentialsError(message) from None


def _load_certificate(context: ssl.SSLContext, kafka: KafkaSettings) -> None:
    files = f"{_PREFIX}CERTIFICATE_FILE {kafka.certificate_file}"
    if kafka.key_file:
        files += f" and {_PREFIX}KEY_FILE {kafka.key_file}"
    for path in filter(None, (kafka.certificate_file, kafka.key_file)):
        _read(path, files)
    password = read_secret("KEY_PASSWORD", kafka.key_password, kafka.key_password_file)
    try:
        # A function, since OpenSSL would ask on the terminal for the password of an encrypted key.
        context.load_cert_chain(kafka.certificate_file, kafka.key_file or None, lambda: password)
    except OSError as error:
        message = (
            f"{files} cannot be used ({_reason(error)}): name a PEM file of the certificate and one of its private "
            f"key, and set {_PREFIX}KEY_PASSWORD if the key is encrypted."
        )
        raise CredentialsError(message) from None


def read_secret(name: str, secret: Password, file: str) -> str:
    """Return a secret: the setting's own text, or the first line of its file.

    Args:
        name: The setting without its prefix; the setting of the file ends with `_FILE`.
        secret: Its text, empty if there is a file.
        file: The file, empty if there is none.

    Raises:
        CredentialsError: The file cannot be read or its first line is empty.
    """
    if not file:
        return secret.reveal()
    variable = f"{_PREFIX}{name}_FILE {file}"
    # Only the end of the line goes: a password may begin or end with spaces.
    text = _read(file, variable).partition("\n")[0].removesuffix("\r")
    if not text:
        message = f"{variable} has an empty first line: write the secret into it."
        raise CredentialsError(message)
    return text


def read_password(kafka: KafkaSettings) -> str:
    """Return the password of the login.

    Raises:
        CredentialsError: Its file cannot be read or is empty.
    """
    return read_secret("PASSWORD", kafka.password, kafka.password_file)


def read_token(kafka: KafkaSettings) -> str:
    """Return the present token of `OAUTHBEARER`.

    Raises:
        CredentialsError: Its file cannot be read, or is empty.
    """
    return read_secret("TOKEN", Password(""), kafka.token_file).strip()


def _read(path: str, name: str) -> str:
    """Return the text of a small file.

    Raises:
        CredentialsError: It cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(SECRET_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        reason = _reason(error) if isinstance(error, OSError) else "it is no text"
        message = f"{name} cannot be read ({reason}): correct the path, or the rights of the file."
        raise CredentialsError(message) from None


def _reason(error: OSError) -> str:
    """Return the reason of an error without its number and place in OpenSSL's code."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not in PEM format").lower().replace("_", " ")
    return (error.strerror or str(error)).lower()
