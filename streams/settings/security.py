"""Settings of TLS and SASL: how every client of Kafka connects and logs in."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from streams.settings.secret import Password

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

_PREFIX = "PLAYFOLD_KAFKA_"
_TLS = ("ca_file", "certificate_file", "key_file", "key_password", "key_password_file")
_LOGIN = ("sasl_mechanism", "username", "password", "password_file", "token_file")


class SecuritySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS and SASL of all connections to Kafka. A combination that cannot work is rejected."""

    security_protocol: Annotated[
        SecurityProtocol,
        Meta(description="Protocol of the listener of the brokers: with TLS (`SSL`), with a login (`SASL_`), or none."),
    ] = field(default="PLAINTEXT", name="kafka_security_protocol")
    sasl_mechanism: Annotated[
        SaslMechanism, Meta(description="Mechanism of the login with `SASL_SSL` and `SASL_PLAINTEXT`; empty: no login.")
    ] = field(default="", name="kafka_sasl_mechanism")
    username: Annotated[
        str,
        Meta(pattern=r"^[^\x00-\x1f\x7f]{0,256}$", description="User of the login with `PLAIN` and `SCRAM-`."),
    ] = field(default="", name="kafka_username")
    password: Annotated[Password, Meta(description="Password of that user.")] = field(
        default=Password(""), name="kafka_password"
    )
    password_file: Annotated[
        str, Meta(description="File whose first line is that password, read at the start of a process.")
    ] = field(default="", name="kafka_password_file")
    token_file: Annotated[
        str, Meta(description="File whose first line is the token of `OAUTHBEARER`, read again at every connection.")
    ] = field(default="", name="kafka_token_file")
    ca_file: Annotated[
        str,
        Meta(description="File of CA certificates (PEM) that brokers are verified with; empty: the system's."),
    ] = field(default="", name="kafka_ca_file")
    certificate_file: Annotated[
        str, Meta(description="File of the client certificate (PEM), if the brokers require one.")
    ] = field(default="", name="kafka_certificate_file")
    key_file: Annotated[
        str, Meta(description="File of its private key (PEM); empty: `kafka_certificate_file` contains the key.")
    ] = field(default="", name="kafka_key_file")
    key_password: Annotated[Password, Meta(description="Password of an encrypted private key.")] = field(
        default=Password(""), name="kafka_key_password"
    )
    key_password_file: Annotated[str, Meta(description="File whose first line is that password.")] = field(
        default="", name="kafka_key_password_file"
    )

    def __post_init__(self) -> None:
        """Check that the settings fit together.

        Raises:
            ValueError: They do not; the message names them.
        """
        message = self._find_conflict()
        if message:
            raise ValueError(message)

    @property
    def has_tls(self) -> bool:
        """Return whether connections are encrypted."""
        return self.security_protocol in {"SSL", "SASL_SSL"}

    @property
    def has_login(self) -> bool:
        """Return whether clients log in with SASL."""
        return self.security_protocol.startswith("SASL_")

    def _find_conflict(self) -> str | None:
        """Describe the first two settings that clash."""
        return self._find_unused() or (self._find_missing_login() if self.has_login else None) or self._find_pair()

    def _find_unused(self) -> str | None:
        """Describe a setting that the security protocol does not use."""
        protocol = f"{_PREFIX}SECURITY_PROTOCOL is {self.security_protocol}"
        tls = self._first_set(() if self.has_tls else _TLS)
        if tls:
            way_out = "SASL_SSL" if self.has_login else "SSL or SASL_SSL"
            return f"{tls} is set, but {protocol}, which has no TLS: set the protocol to {way_out}, or unset {tls}."
        login = self._first_set(() if self.has_login else _LOGIN)
        if login:
            way_out = "SASL_SSL" if self.has_tls else "SASL_SSL or SASL_PLAINTEXT"
            return (
                f"{login} is set, but {protocol}, which has no login: set the protocol to {way_out}, or unset {login}."
            )
        return None

    def _find_missing_login(self) -> str | None:
        """Describe a setting that the login lacks or does not use."""
        if not self.sasl_mechanism:
            return (
                f"{_PREFIX}SECURITY_PROTOCOL is {self.security_protocol}, but {_PREFIX}SASL_MECHANISM is empty: "
                "set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER."
            )
        mechanism = f"{_PREFIX}SASL_MECHANISM is {self.sasl_mechanism}"
        with_token = self.sasl_mechanism == "OAUTHBEARER"
        unused = self._first_set(("username", "password", "password_file") if with_token else ("token_file",))
        if unused:
            return f"{unused} is set, but {mechanism}, which does not use it: unset {unused}, or correct the mechanism."
        if with_token:
            return (
                None if self.token_file else f"{mechanism}, but {_PREFIX}TOKEN_FILE is empty: name a file with a token."
            )
        if not self.username:
            return f"{mechanism}, but {_PREFIX}USERNAME is empty: name the user."
        if not self.password and not self.password_file:
            return f"{mechanism}, but there is no password: set {_PREFIX}PASSWORD or {_PREFIX}PASSWORD_FILE."
        return None

    def _find_pair(self) -> str | None:
        """Describe two settings for one thing, or a key without a certificate."""
        for name in ("password", "key_password"):
            if self._first_set((name,)) and self._first_set((f"{name}_file",)):
                one, other = _variable(name), _variable(f"{name}_file")
                return f"{one} and {other} are both set: unset one of them."
        key = None if self.certificate_file else self._first_set(("key_file", "key_password", "key_password_file"))
        if key:
            return f"{key} is set, but {_PREFIX}CERTIFICATE_FILE is empty: name the certificate of the key."
        return None

    def _first_set(self, names: tuple[str, ...]) -> str | None:
        """Return the variable of the first setting among these that is set."""
        return next((_variable(name) for name in names if getattr(self, name)), None)


def _variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"
