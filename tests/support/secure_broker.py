"""A Kafka with TLS, logins and rights: a listener for each protocol, and for each thing that goes wrong."""

import base64
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from streams.connection.rights import Right
from streams.kafka.broker import Broker
from streams.kafka.ports import HOST, free_port
from streams.settings import Password, Settings
from tests.brokers.versions import chosen_version
from tests.support.certificates import Authority
from tests.support.settings import settings_with
from tests.support.shared_broker import HEAP_MB, PLAIN, Ports, shared

MakeSettings = Callable[..., Settings]
"""Makes the settings of a test at a listener, with a mechanism and other flat values."""
SUPER = "admin"
SUPER_TWO = "admin-two"
"""A super user whose password tests change."""
SUPER_PASSWORD = "admin-password, of the tests = fine"  # noqa: S105  a made-up one
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
REAUTH_MS = 2000
LONG_REAUTH_MS = 10_000
"""Lifetime of a session on the listener `REAUTH`; with SCRAM-SHA-512 the long one, which outlasts heartbeats."""

PROTOCOLS = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
    "RENAMED": "SSL",
    "LOGIN": "SASL_PLAINTEXT",
    "SECURE": "SASL_SSL",
    "ONE": "SASL_SSL",
    "REAUTH": "SASL_PLAINTEXT",
}
"""The protocol of each listener, besides `PLAINTEXT`, whose clients may do everything.

`MUTUAL` requires a client certificate. The certificate of `EXPIRED` has expired, and that of `ELSEWHERE` names another
host. `RENAMED` is advertised under a host that its certificate does not name. `ONE` offers SCRAM-SHA-512 only.
"""

LINES = """
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{protocols}
listeners=PLAINTEXT://127.0.0.1:${{port}},CONTROLLER://127.0.0.1:${{controller_port}},{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:${{port}},{advertised}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin;User:admin-two;User:CN=client
ssl.keystore.type=PEM
ssl.truststore.type=PEM
ssl.keystore.location={store}
ssl.truststore.location={ca}
listener.name.mutual.ssl.client.auth=required
listener.name.expired.ssl.keystore.location={expired}
listener.name.elsewhere.ssl.keystore.location={elsewhere}
listener.name.renamed.ssl.keystore.location={renamed}
"""
LOGIN_LINES = """
listener.name.{name}.sasl.enabled.mechanisms={mechanisms}
listener.name.{name}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
listener.name.{name}.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{name}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{name}.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule \
required unsecuredLoginStringClaim_sub="admin";
"""


class SecureBroker(Broker):
    """A Kafka with all listeners.

    Attributes:
        authority: The CA of its certificates.
        client: A certificate of a client.
        files: A folder for files of clients.
        ports: The port of each listener.
    """

    def __init__(self, folder: Path, jars: Path, ports: Ports | None = None) -> None:
        """Describe a new broker and make its certificates, or describe one that another process started.

        Args:
            folder: The folder of its files.
            jars: Folder of Kafka's jars.
            ports: The ports of a broker that runs.
        """
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(self.files)
        self.ports: Ports = ports or {name: free_port() for name in (PLAIN, *PROTOCOLS)}
        self.client = self.authority.signed("client") if ports else self.authority.sign("client")
        super().__init__(
            folder / "broker",
            jars,
            self.ports[PLAIN],
            HEAP_MB,
            declared=chosen_version().declared,
            properties="" if ports else self._lines(),
        )

    def _lines(self) -> str:
        """Return the lines of the configuration."""
        sign = self.authority.sign
        hosts = {name: "localhost" if name == "RENAMED" else HOST for name in PROTOCOLS}
        tls = LINES.format(
            protocols=",".join(f"{name}:{protocol}" for name, protocol in PROTOCOLS.items()),
            listeners=",".join(f"{name}://{HOST}:{self.ports[name]}" for name in PROTOCOLS),
            advertised=",".join(f"{name}://{hosts[name]}:{self.ports[name]}" for name in PROTOCOLS),
            store=sign("broker", ["localhost", HOST]).store,
            ca=self.authority.certificate,
            expired=sign("expired", ["localhost", HOST], expired=True).store,
            elsewhere=sign("elsewhere", ["kafka.example.org"]).store,
            renamed=sign("renamed", [HOST]).store,
        )
        users = f'user_{SUPER}="{SUPER_PASSWORD}"'
        logins = (
            LOGIN_LINES.format(name=name.lower(), users=users, mechanisms=",".join(self.mechanisms_of(name)))
            for name, protocol in PROTOCOLS.items()
            if protocol.startswith("SASL_")
        )
        reauth = "".join(
            f"listener.name.reauth.{mechanism.lower()}.connections.max.reauth.ms="
            f"{LONG_REAUTH_MS if mechanism == 'SCRAM-SHA-512' else REAUTH_MS}\n"
            for mechanism in MECHANISMS
        )
        return tls + "".join(logins) + reauth

    def mechanisms_of(self, listener: str) -> tuple[str, ...]:
        """Return the mechanisms that a listener offers."""
        return ("SCRAM-SHA-512",) if listener == "ONE" else MECHANISMS

    def start(self) -> None:
        """Start it, with a super user for each mechanism."""
        super().start()
        self.set_password(SUPER, SUPER_PASSWORD)

    def address(self, listener: str) -> str:
        """Return the address of a listener."""
        return f"{HOST}:{self.ports[listener]}"

    def admin(self) -> KafkaAdminClient:
        """Connect an admin client that may do everything."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def set_password(self, user: str, password: str) -> None:
        """Set the password of a user for both kinds of SCRAM, and wait until it is valid."""
        with closing(self.admin()) as admin:
            # One request may alter a user once.
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                upsertion = UserScramCredentialUpsertion(user, mechanism, password)
                errors = admin.alter_user_scram_credentials([upsertion])
                assert {user: None} == errors

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        """Allow a user operations."""
        with closing(self.admin()) as admin:
            admin.create_acls([acl_of(user, right) for right in rights])

    def revoke(self, user: str, rights: Iterable[Right]) -> None:
        """Remove granted rights."""
        with closing(self.admin()) as admin:
            admin.delete_acls([acl_of(user, right) for right in rights])

    def settings_of(self, listener: str, mechanism: str = "", **values: Any) -> Settings:
        """Return the settings of a super user at a listener, other values excepted."""
        return settings_with(**self.security_of(listener, mechanism) | values)

    def security_of(self, listener: str, mechanism: str = "") -> dict[str, Any]:
        """Return flat settings of a super user at a listener."""
        protocol = PROTOCOLS[listener]
        values: dict[str, Any] = {"brokers": self.address(listener), "kafka_security_protocol": protocol}
        if protocol.endswith("SSL"):
            values["kafka_ca_file"] = str(self.authority.certificate)
        if listener == "MUTUAL":
            values |= certificate_settings(self.client.certificate, self.client.key)
        if mechanism == "OAUTHBEARER":
            token_file = self.files / f"admin-{os.getpid()}.token"  # several processes write it at once
            token_file.write_text(token_of(SUPER) + "\n")
            return values | {"kafka_sasl_mechanism": mechanism, "kafka_token_file": str(token_file)}
        if mechanism:
            values |= login_settings(mechanism, SUPER, SUPER_PASSWORD)
        return values


@contextmanager
def shared_secure_broker(folder: Path, jars: Path) -> Iterator[SecureBroker]:
    """Give the run's Kafka with TLS, logins and rights.

    Args:
        folder: A folder that all processes of the run share, and no other run.
        jars: Folder of Kafka's jars.
    """

    def make(ports: Ports | None) -> tuple[SecureBroker, Ports]:
        broker = SecureBroker(folder / "secure", jars, ports)
        return broker, broker.ports

    with shared(folder / "secure", make) as broker:
        yield broker


def certificate_settings(certificate: Path, key: Path) -> dict[str, Any]:
    """Return flat settings of a client certificate."""
    return {"kafka_certificate_file": str(certificate), "kafka_key_file": str(key)}


def login_settings(mechanism: str, user: str, password: str) -> dict[str, Any]:
    """Return flat settings of a login by password."""
    return {"kafka_sasl_mechanism": mechanism, "kafka_username": user, "kafka_password": Password(password)}


def token_of(user: str, lifetime_s: float = 600.0) -> str:
    """Return an unsecured JSON Web Token, which Kafka accepts for tests."""
    now = int(time.time())
    claims: Mapping[str, Any] = {"sub": user, "iat": now - 1, "exp": now + int(lifetime_s)}
    return f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def acl_of(user: str, right: Right) -> ACL:
    """Return the ACL that grants a right."""
    kind = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.CLUSTER}[right.resource]
    operation = ACLOperation[right.operation]
    pattern = ResourcePattern(kind, right.name)
    return ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, pattern)
