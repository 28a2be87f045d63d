"""Settings of TLS and SASL: a combination that cannot work is rejected in a sentence."""

from typing import Any

import pytest

from streams.settings import Password, SettingsError, environment_of, read_settings
from tests.support.settings import settings_with

PASSWORD = "a password, = and ünïcode"  # noqa: S105  a made-up one
LOGIN = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-256", "username": "u", "password": PASSWORD}
TOKEN = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "token_file": "t"}


def variables(**values: str) -> dict[str, str]:
    """Return the variables of settings."""
    return {f"PLAYFOLD_KAFKA_{name.upper()}": value for name, value in values.items()}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"security_protocol": "SSL"},
        {"security_protocol": "SSL", "ca_file": "ca", "certificate_file": "c"},
        {"security_protocol": "SSL", "certificate_file": "c", "key_file": "k", "key_password_file": "p"},
        LOGIN,
        LOGIN | {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"},
        LOGIN | {"password": "", "password_file": "p", "sasl_mechanism": "SCRAM-SHA-512", "ca_file": "ca"},
        TOKEN,
    ],
    ids=str,
)
def test_a_combination_that_works_is_read(values: dict[str, str]) -> None:
    """All settings survive the environment of a child process."""
    settings = read_settings(variables(**values))

    assert settings == read_settings(environment_of(settings))


NO_LOGIN = "which has no login: set the protocol to {0}, or unset PLAYFOLD_KAFKA_{1}."
NO_TLS = "which has no TLS: set the protocol to {0}, or unset PLAYFOLD_KAFKA_{1}."
PROTOCOL = "PLAYFOLD_KAFKA_SECURITY_PROTOCOL is"
MECHANISM = "PLAYFOLD_KAFKA_SASL_MECHANISM"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        *(
            (
                {name: "SCRAM-SHA-256" if name == "sasl_mechanism" else "x"},
                f"PLAYFOLD_KAFKA_{name.upper()} is set, but {PROTOCOL} PLAINTEXT, "
                + NO_LOGIN.format("SASL_SSL or SASL_PLAINTEXT", name.upper()),
            )
            for name in ("sasl_mechanism", "username", "password", "password_file", "token_file")
        ),
        (
            {"security_protocol": "SSL", "password": "x"},
            f"PLAYFOLD_KAFKA_PASSWORD is set, but {PROTOCOL} SSL, " + NO_LOGIN.format("SASL_SSL", "PASSWORD"),
        ),
        *(
            (
                {name: "x"},
                f"PLAYFOLD_KAFKA_{name.upper()} is set, but {PROTOCOL} PLAINTEXT, "
                + NO_TLS.format("SSL or SASL_SSL", name.upper()),
            )
            for name in ("ca_file", "certificate_file", "key_file", "key_password", "key_password_file")
        ),
        (
            LOGIN | {"security_protocol": "SASL_PLAINTEXT", "ca_file": "ca"},
            f"PLAYFOLD_KAFKA_CA_FILE is set, but {PROTOCOL} SASL_PLAINTEXT, " + NO_TLS.format("SASL_SSL", "CA_FILE"),
        ),
        (
            {"security_protocol": "SASL_SSL"},
            (
                f"{PROTOCOL} SASL_SSL, but {MECHANISM} is empty: set it to PLAIN, SCRAM-SHA-256, "
                "SCRAM-SHA-512 or OAUTHBEARER."
            ),
        ),
        (
            LOGIN | {"username": ""},
            f"{MECHANISM} is SCRAM-SHA-256, but PLAYFOLD_KAFKA_USERNAME is empty: name the user.",
        ),
        (
            LOGIN | {"password": ""},
            (
                f"{MECHANISM} is SCRAM-SHA-256, but there is no password: set PLAYFOLD_KAFKA_PASSWORD or "
                "PLAYFOLD_KAFKA_PASSWORD_FILE."
            ),
        ),
        (
            LOGIN | {"token_file": "t"},
            (
                f"PLAYFOLD_KAFKA_TOKEN_FILE is set, but {MECHANISM} is SCRAM-SHA-256, which does not use "
                "it: unset PLAYFOLD_KAFKA_TOKEN_FILE, or correct the mechanism."
            ),
        ),
        (
            TOKEN | {"username": "u"},
            (
                f"PLAYFOLD_KAFKA_USERNAME is set, but {MECHANISM} is OAUTHBEARER, which does not use it: "
                "unset PLAYFOLD_KAFKA_USERNAME, or correct the mechanism."
            ),
        ),
        (
            TOKEN | {"token_file": ""},
            (f"{MECHANISM} is OAUTHBEARER, but PLAYFOLD_KAFKA_TOKEN_FILE is empty: name a file with a token."),
        ),
        (
            LOGIN | {"password_file": "p"},
            "PLAYFOLD_KAFKA_PASSWORD and PLAYFOLD_KAFKA_PASSWORD_FILE are both set: unset one of them.",
        ),
        (
            {"security_protocol": "SSL", "certificate_file": "c", "key_password": "x", "key_password_file": "p"},
            "PLAYFOLD_KAFKA_KEY_PASSWORD and PLAYFOLD_KAFKA_KEY_PASSWORD_FILE are both set: unset one of them.",
        ),
        (
            {"security_protocol": "SSL", "key_file": "k"},
            (
                "PLAYFOLD_KAFKA_KEY_FILE is set, but PLAYFOLD_KAFKA_CERTIFICATE_FILE is empty: name the certificate of "
                "the key."
            ),
        ),
        (
            LOGIN | {"sasl_mechanism": "GSSAPI"},
            (
                f"{MECHANISM} is 'GSSAPI', which does not fit: expected an empty text or OAUTHBEARER or PLAIN or "
                "SCRAM-SHA-256 or SCRAM-SHA-512."
            ),
        ),
        (
            {"security_protocol": "TLS"},
            (
                "PLAYFOLD_KAFKA_SECURITY_PROTOCOL is 'TLS', which does not fit: expected PLAINTEXT or SASL_PLAINTEXT "
                "or SASL_SSL or SSL."
            ),
        ),
    ],
    ids=str,
)
def test_a_combination_that_cannot_work_is_a_sentence(values: dict[str, str], message: str) -> None:
    """The sentence names the settings that clash, and no value of a secret."""
    with pytest.raises(SettingsError) as caught:
        read_settings(variables(**values))

    assert message == str(caught.value)


def test_a_password_of_a_strange_shape_is_masked_in_the_message() -> None:
    """A control character is none of a password."""
    with pytest.raises(SettingsError) as caught:
        read_settings(variables(**LOGIN | {"password": "first line\nsecond line"}))

    reason = r"expected `str` matching regex '^[^\\x00-\\x1f\\x7f]{0,1024}$'"
    assert f"PLAYFOLD_KAFKA_PASSWORD is Secret('***'), which does not fit: {reason}." == str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "has_tls", "has_login"),
    [
        ("PLAINTEXT", False, False),
        ("SSL", True, False),
        ("SASL_PLAINTEXT", False, True),
        ("SASL_SSL", True, True),
    ],
)
def test_a_protocol_has_tls_or_a_login(protocol: str, has_tls: bool, has_login: bool) -> None:  # noqa: FBT001
    """Its name says which."""
    login: dict[str, Any] = {
        "kafka_sasl_mechanism": "PLAIN", "kafka_username": "u", "kafka_password": Password("p"),
    }  # fmt: skip
    kafka = settings_with(kafka_security_protocol=protocol, **(login if has_login else {})).kafka

    assert has_tls == kafka.has_tls
    assert has_login == kafka.has_login


def test_no_secret_is_printed() -> None:
    """Neither the settings nor their groups show it."""
    settings = read_settings(variables(**LOGIN))

    assert PASSWORD == settings.kafka.password.reveal()
    assert PASSWORD not in repr(settings)
