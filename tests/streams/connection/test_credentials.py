"""Certificates, passwords and tokens are read from files; one that cannot be used is a sentence."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from streams.connection.admin_clients import PlainTokenFile, plain_options
from streams.connection.clients import TokenFile, security_options
from streams.connection.credentials import CredentialsError, read_password, read_token, tls_context
from streams.settings import Password
from streams.settings.deployment import KafkaSettings
from tests.support.certificates import KEY_PASSWORD, Authority
from tests.support.settings import settings_with

PASSWORD = "a password, of tests"  # noqa: S105  a made-up one


def with_tls(**values: Any) -> KafkaSettings:
    """Return settings of TLS."""
    return settings_with(
        kafka_security_protocol="SSL", **{f"kafka_{name}": value for name, value in values.items()}
    ).kafka


def with_login(mechanism: str = "SCRAM-SHA-256", **values: Any) -> KafkaSettings:
    """Return settings of a login."""
    values = {"sasl_mechanism": mechanism, **({} if mechanism == "OAUTHBEARER" else {"username": "u"}), **values}
    flat = {f"kafka_{name}": value for name, value in values.items()}
    return settings_with(kafka_security_protocol="SASL_PLAINTEXT", **flat).kafka


def error_of(kafka: KafkaSettings) -> str:
    """Return the sentence about credentials that cannot be used."""
    with pytest.raises(CredentialsError) as caught:
        security_options(kafka)
    return str(caught.value)


def test_without_tls_and_login_there_is_nothing_to_read() -> None:
    """The defaults connect in the clear."""
    assert {"security_protocol": "PLAINTEXT", "ssl_context": None} == security_options(settings_with().kafka)


def test_the_context_verifies_hosts_and_certificates(tmp_path: Path) -> None:
    """Only the CAs of the file are trusted."""
    context = tls_context(with_tls(ca_file=str(Authority(tmp_path).certificate)))

    assert context is not None
    assert context.check_hostname
    assert ssl.CERT_REQUIRED == context.verify_mode
    assert ["playfold test ca"] == [authority["subject"][0][0][1] for authority in context.get_ca_certs()]


def test_without_a_ca_file_those_of_the_system_are_trusted() -> None:
    """As with every other client on the machine."""
    context = tls_context(with_tls())

    assert context is not None
    assert ssl.create_default_context().cert_store_stats() == context.cert_store_stats()


@pytest.mark.parametrize("in_one", [False, True])
def test_a_certificate_is_loaded_with_its_key(tmp_path: Path, in_one: bool) -> None:  # noqa: FBT001
    """The key may be in the file of the certificate."""
    signed = Authority(tmp_path).sign("client")
    one, two = (
        {"certificate_file": str(signed.store)},
        {
            "certificate_file": str(signed.certificate),
            "key_file": str(signed.key),
        },
    )

    assert tls_context(with_tls(**(one if in_one else two))) is not None


@pytest.mark.parametrize("from_file", [False, True])
def test_an_encrypted_key_needs_its_password(tmp_path: Path, from_file: bool) -> None:  # noqa: FBT001
    """The password is a setting, or the first line of a file."""
    signed = Authority(tmp_path).sign("client")
    file = tmp_path / "password"
    file.write_text(f"{KEY_PASSWORD}\n")
    files = {"certificate_file": str(signed.certificate), "key_file": str(signed.encrypted_key)}
    password = {"key_password_file": str(file)} if from_file else {"key_password": Password(KEY_PASSWORD)}

    assert tls_context(with_tls(**files, **password)) is not None
    message = error_of(with_tls(**files, key_password=Password("wrong")))
    named = f"PLAYFOLD_KAFKA_CERTIFICATE_FILE {signed.certificate} and PLAYFOLD_KAFKA_KEY_FILE {signed.encrypted_key}"
    assert message.startswith(f"{named} cannot be used (")
    assert "set PLAYFOLD_KAFKA_KEY_PASSWORD if the key is encrypted." in message
    assert "wrong" not in message


def test_an_encrypted_key_without_a_password_does_not_ask_for_it(tmp_path: Path) -> None:
    """OpenSSL would wait for a line on the terminal."""
    signed = Authority(tmp_path).sign("client")

    message = error_of(with_tls(certificate_file=str(signed.certificate), key_file=str(signed.encrypted_key)))

    assert "set PLAYFOLD_KAFKA_KEY_PASSWORD if the key is encrypted." in message


def test_a_key_of_another_certificate_is_a_sentence(tmp_path: Path) -> None:
    """OpenSSL says that the values do not match."""
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("other")

    assert (
        f"PLAYFOLD_KAFKA_CERTIFICATE_FILE {one.certificate} and PLAYFOLD_KAFKA_KEY_FILE {other.key} cannot be used "
        "(key values mismatch): name a PEM file of the certificate and one of its private key, and set "
        "PLAYFOLD_KAFKA_KEY_PASSWORD if the key is encrypted."
    ) == error_of(with_tls(certificate_file=str(one.certificate), key_file=str(other.key)))


def test_a_ca_file_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    """It names the setting and the file."""
    file = tmp_path / "ca.pem"

    assert (
        f"PLAYFOLD_KAFKA_CA_FILE {file} cannot be used (no such file or directory): name a PEM file of CA certificates."
    ) == error_of(with_tls(ca_file=str(file)))


def test_a_ca_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """It has to be PEM."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")

    message = error_of(with_tls(ca_file=str(file)))

    assert message.startswith(f"PLAYFOLD_KAFKA_CA_FILE {file} cannot be used (")
    assert message.endswith("): name a PEM file of CA certificates.")


def test_a_key_file_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    """It names the settings of certificate and key."""
    signed, missing = Authority(tmp_path).sign("client"), tmp_path / "missing"

    assert (
        f"PLAYFOLD_KAFKA_CERTIFICATE_FILE {signed.certificate} and PLAYFOLD_KAFKA_KEY_FILE {missing} cannot be read "
        "(no such file or directory): correct the path, or the rights of the file."
    ) == error_of(with_tls(certificate_file=str(signed.certificate), key_file=str(missing)))


@pytest.mark.parametrize("content", [" a password \n", " a password ", " a password \r\nsecond line\n"])
def test_a_password_is_the_first_line_of_its_file(tmp_path: Path, content: str) -> None:
    """Its spaces are part of it, the end of the line is not."""
    file = tmp_path / "password"
    file.write_bytes(content.encode())

    assert " a password " == read_password(with_login(password_file=str(file)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read (no such file or directory): correct the path, or the rights of the file."),
        (b"\xff\xfe", "cannot be read (it is no text): correct the path, or the rights of the file."),
        (b"", "has an empty first line: write the secret into it."),
        (b"\npassword", "has an empty first line: write the secret into it."),
    ],
)
def test_a_password_file_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """It names the setting and the file."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    expected = f"PLAYFOLD_KAFKA_PASSWORD_FILE {file} {reason}"
    assert expected == error_of(with_login(password_file=str(file)))


async def test_a_token_is_read_again_at_every_connection(tmp_path: Path) -> None:
    """A new token in the file needs no restart; both kinds of clients read it."""
    file = tmp_path / "token"
    kafka = with_login("OAUTHBEARER", token_file=str(file))
    provider, plain_provider = TokenFile(kafka), PlainTokenFile(kafka)
    file.write_text("first\n")
    assert "first" == await provider.token()
    assert "first" == plain_provider.token()

    file.write_text("second\n")

    assert "second" == await provider.token()
    assert "second" == plain_provider.token()
    assert "second" == read_token(kafka)


def test_both_libraries_get_the_same_login() -> None:
    """Only the name of the brokers differs."""
    kafka = with_login(password=Password(PASSWORD))

    options = {
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "u",
        "sasl_plain_password": PASSWORD,
    }
    assert options == security_options(kafka)
    assert options | {"bootstrap_servers": ["127.0.0.1:19092"]} == plain_options(kafka)
