"""Settings that do not fit a listener, and the sentences about them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.settings import Password, Settings
from tests.support.certificates import Authority
from tests.support.secure_broker import (
    SUPER,
    SUPER_PASSWORD,
    MakeSettings,
    SecureBroker,
    certificate_settings,
    login_settings,
    token_of,
)

SOON_S = 8.0
"""Longest time until the sentence, where Kafka answers."""
SCRAM = "SCRAM-SHA-256"


class Fault(NamedTuple):
    """Settings that do not fit a listener, and the sentence about it; braces are filled in."""

    listener: str
    mechanism: str
    values: dict[str, Any]
    says: str


def protocol(name: str) -> dict[str, Any]:
    """Return the setting of a protocol."""
    return {"kafka_security_protocol": name}


NO_LOGIN = {"kafka_sasl_mechanism": "", "kafka_username": "", "kafka_password": Password("")}
NO_CA = {"kafka_ca_file": ""}
REJECTED = (
    "Kafka at {at} rejected the user '{user}' or the password ({mechanism}): correct PLAYFOLD_KAFKA_USERNAME and "
    "PLAYFOLD_KAFKA_PASSWORD or PLAYFOLD_KAFKA_PASSWORD_FILE."
)
WRONG = login_settings(SCRAM, SUPER, "wrong")
STRANGER = login_settings(SCRAM, "stranger", SUPER_PASSWORD)
FAULTS = {
    "wrong password": Fault("SECURE", SCRAM, WRONG, REJECTED),
    "wrong password in PLAIN": Fault("LOGIN", "PLAIN", login_settings("PLAIN", SUPER, "wrong"), REJECTED),
    "wrong user": Fault("SECURE", SCRAM, STRANGER, REJECTED),
    "wrong mechanism": Fault(
        "ONE",
        SCRAM,
        {},
        "Kafka at {at} does not offer the mechanism SCRAM-SHA-256: set PLAYFOLD_KAFKA_SASL_MECHANISM to one that it "
        "offers (SCRAM-SHA-512).",
    ),
    "no TLS where Kafka expects it": Fault(
        "TLS",
        "",
        protocol("PLAINTEXT") | NO_CA,
        "Kafka at {at} expects TLS, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is PLAINTEXT: set it to SSL, or SASL_SSL "
        "with a login.",
    ),
    "a login without TLS where Kafka expects TLS": Fault(
        "SECURE",
        SCRAM,
        protocol("SASL_PLAINTEXT") | NO_CA,
        "Kafka at {at} expects TLS, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT: set it to SASL_SSL.",
    ),
    "TLS where Kafka has none": Fault(
        "LOGIN",
        "PLAIN",
        protocol("SASL_SSL"),
        "Kafka at {at} has no TLS, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SASL_SSL: set it to SASL_PLAINTEXT, or "
        "name the TLS listener in PLAYFOLD_BROKERS.",
    ),
    "no login where Kafka expects one": Fault(
        "SECURE",
        SCRAM,
        protocol("SSL") | NO_LOGIN,
        "Kafka at {at} expects a login (OAUTHBEARER, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512), but "
        "PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SSL: set it to SASL_SSL, and PLAYFOLD_KAFKA_SASL_MECHANISM, "
        "PLAYFOLD_KAFKA_USERNAME and PLAYFOLD_KAFKA_PASSWORD_FILE.",
    ),
    "a login where Kafka has none": Fault(
        "TLS",
        "",
        protocol("SASL_SSL") | login_settings(SCRAM, SUPER, SUPER_PASSWORD),
        "Kafka at {at} has no login, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SASL_SSL: set it to SSL.",
    ),
    "an expired certificate": Fault(
        "EXPIRED", "", {}, "The certificate of Kafka at {at} has expired: renew it on the broker."
    ),
    "a certificate of another host": Fault(
        "ELSEWHERE",
        "",
        {},
        "The certificate of Kafka at {at} does not name 127.0.0.1: use a name of the certificate in PLAYFOLD_BROKERS "
        "and in advertised.listeners, or renew the certificate with 127.0.0.1 as subjectAltName.",
    ),
    "a certificate that does not name the advertised host": Fault(
        "RENAMED",
        "",
        {},
        "Kafka at {at} advertises localhost:{port}: The certificate of Kafka at localhost:{port} does not name "
        "localhost: use a name of the certificate in PLAYFOLD_BROKERS and in advertised.listeners, or renew the "
        "certificate with localhost as subjectAltName.",
    ),
    "a CA that the system does not know": Fault(
        "TLS",
        "",
        NO_CA,
        "The certificate of Kafka at {at} is signed by no CA of the CAs of this system: set PLAYFOLD_KAFKA_CA_FILE "
        "to the CA that signed it.",
    ),
    "another CA": Fault(
        "TLS",
        "",
        {"kafka_ca_file": "{other_ca}"},
        "The certificate of Kafka at {at} is signed by no CA of PLAYFOLD_KAFKA_CA_FILE {other_ca}: set "
        "PLAYFOLD_KAFKA_CA_FILE to the CA that signed it.",
    ),
    "no client certificate": Fault(
        "MUTUAL",
        "",
        {"kafka_certificate_file": "", "kafka_key_file": ""},
        "Kafka at {at} requires a client certificate ({alert}): set PLAYFOLD_KAFKA_CERTIFICATE_FILE and "
        "PLAYFOLD_KAFKA_KEY_FILE.",
    ),
    "a client certificate of another CA": Fault(
        "MUTUAL",
        "",
        certificate_settings(Path("{stranger}"), Path("{stranger_key}")),
        "Kafka at {at} rejected PLAYFOLD_KAFKA_CERTIFICATE_FILE {stranger} ({alert}): use a certificate that has not "
        "expired, of a CA that the broker trusts.",
    ),
    "an expired client certificate": Fault(
        "MUTUAL",
        "",
        certificate_settings(Path("{old}"), Path("{old_key}")),
        "Kafka at {at} rejected PLAYFOLD_KAFKA_CERTIFICATE_FILE {old} ({alert}): use a certificate that has not "
        "expired, of a CA that the broker trusts.",
    ),
    "an expired token": Fault(
        "SECURE",
        "OAUTHBEARER",
        {"kafka_token_file": "{old_token}"},
        "The token in PLAYFOLD_KAFKA_TOKEN_FILE {old_token} expired at {time}: write a new one into the file.",
    ),
    "a token that is none": Fault(
        "SECURE",
        "OAUTHBEARER",
        {"kafka_token_file": "{no_token}"},
        "Kafka at {at} rejected the token in PLAYFOLD_KAFKA_TOKEN_FILE {no_token}: write a valid one into the file.",
    ),
}
LOOSE = {"{alert}": r"[a-z0-9 ]+", "{time}": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"}
"""Patterns of texts that OpenSSL or the clock decide about."""


class Case(NamedTuple):
    """A fault with everything filled in."""

    settings: Settings
    says: str
    """A regular expression."""


def filled(fault: Fault, secure: SecureBroker, settings_of: MakeSettings, folder: Path) -> Case:
    """Return a fault with everything filled in."""
    address = secure.address(fault.listener)
    names = {
        "at": address,
        "port": address.rpartition(":")[2],
        "mechanism": fault.mechanism,
        **files_in(folder, secure),
    }
    names["user"] = str(fault.values.get("kafka_username", SUPER))
    values = {name: value.format(**names) if isinstance(value, str) else value for name, value in fault.values.items()}
    pattern = fault.says
    for loose in LOOSE:
        pattern = pattern.replace(loose, loose.upper())
    text = pattern.replace("{ALERT}", "<alert>").replace("{TIME}", "<time>").format(**names)
    return Case(settings_of(fault.listener, fault.mechanism, **values), escaped(text))


def escaped(text: str) -> str:
    """Return a regular expression of a sentence."""
    pattern = "".join(f"\\{letter}" if letter in r".()[]+*?^$|\\" else letter for letter in text)
    return pattern.replace("<alert>", LOOSE["{alert}"]).replace("<time>", LOOSE["{time}"])


def files_in(folder: Path, secure: SecureBroker) -> dict[str, str]:
    """Write the files of faults and return their paths."""
    other = Authority(folder, "other-ca")
    stranger, old = other.sign("stranger"), secure.authority.sign("old", expired=True)
    tokens = {"old_token": token_of(SUPER, -60.0), "no_token": "no-token"}
    for name, token in tokens.items():
        (folder / name).write_text(token)
    return {
        "other_ca": str(other.certificate),
        "stranger": str(stranger.certificate),
        "stranger_key": str(stranger.key),
        "old": str(old.certificate),
        "old_key": str(old.key),
        **{name: str(folder / name) for name in tokens},
    }


@contextmanager
def soon() -> Iterator[None]:
    """Fail if the block takes longer than a sentence may."""
    began = time.monotonic()
    yield
    assert SOON_S > time.monotonic() - began
