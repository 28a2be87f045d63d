"""Certificates that tests make: a CA, and certificates that it signs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
KEY_PASSWORD = "key-password-of-tests"  # noqa: S105  a made-up one


class Signed(NamedTuple):
    """The files of a certificate."""

    certificate: Path
    key: Path
    encrypted_key: Path
    """The same key, encrypted with `KEY_PASSWORD`."""
    store: Path
    """Key, certificate and CA in one file, as a broker reads them."""


class Authority:
    """A certificate authority.

    Attributes:
        certificate: The file of its certificate.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        """Make the authority and write its files into a folder, or read those of one that was made there before."""
        self._folder, self._name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"playfold test {name}")])
        self.certificate, key_file = folder / f"{name}.pem", folder / f"{name}.key"
        if key_file.exists():
            self._key = _read_key(key_file)
            self._certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            return
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self._name, self._name, self._key.public_key(), -DAY, 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(_pem(self._certificate))
        key_file.write_bytes(_key_pem(self._key, serialization.NoEncryption()))

    def signed(self, name: str) -> Signed:
        """Return the files of a certificate that was made."""
        return Signed(*(self._folder / f"{name}{end}" for end in (".pem", ".key", ".encrypted.key", ".store.pem")))

    def sign(self, name: str, hosts: Sequence[str] = (), *, expired: bool = False) -> Signed:
        """Make a certificate for hosts, named by DNS or address, and write its files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start, end = (-3 * DAY, -2 * DAY) if expired else (-DAY, 7 * DAY)
        builder = _builder(subject, self._name, key.public_key(), start, end)
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = _pem(builder.sign(self._key, hashes.SHA256()))
        files = self.signed(name)
        plain = _key_pem(key, serialization.NoEncryption())
        files.certificate.write_bytes(certificate)
        files.key.write_bytes(plain)
        files.encrypted_key.write_bytes(_key_pem(key, serialization.BestAvailableEncryption(KEY_PASSWORD.encode())))
        files.store.write_bytes(plain + certificate + _pem(self._certificate))
        return files


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: timedelta, end: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now + start).not_valid_after(now + end)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
