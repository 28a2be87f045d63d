"""Access to the gateway: the token, the allowed host names, and requests of other sites' pages."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from streams.settings.processes import GatewaySettings
from web.server.problems import Problem

COOKIE = "playfold"
HOSTS_MAX = 256
"""Values of the header Host that are cached."""
OPEN = frozenset({"/healthz", "/readyz", "/session", "/login"})
"""Paths that need no token; files of the page do not, either."""
OPEN_PREFIX = "/static/"
TOKEN_LENGTH_MIN = 16
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessError(ValueError):
    """The gateway would be reachable from other machines without a token. Set a token, or listen on 127.0.0.1."""


class Access:
    """Decides whether a request may be answered."""

    def __init__(self, gateway: GatewaySettings) -> None:
        """Read the token and the allowed host names.

        Raises:
            AccessError: It listens beyond this machine without a token, or the token's file is not usable.
        """
        self._token = _token(gateway)
        if self._token is None and not _is_local(gateway.host):
            message = (
                f"PLAYFOLD_GATEWAY_HOST is {gateway.host}, which others than this machine can reach: set "
                "PLAYFOLD_GATEWAY_TOKEN or PLAYFOLD_GATEWAY_TOKEN_FILE, or listen on 127.0.0.1."
            )
            raise AccessError(message)
        named = {name.strip().lower() for name in gateway.hosts.split(",") if name.strip()}
        self._names = named | LOCAL | {gateway.host.lower()}

    @property
    def needs_token(self) -> bool:
        """Return whether clients have to send a token."""
        return self._token is not None

    @property
    def cookie(self) -> str:
        """Return an HMAC of the token: the cookie proves it without revealing it."""
        return hmac.new(self._token or b"", b"playfold page", sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Compare a token in constant time."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token)

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Check whether a request is allowed.

        Raises:
            Problem: It is not allowed.
        """
        host = headers.get("host", "")
        name = _name_of(host)
        if "*" not in self._names and name not in self._names and not _is_address(name):
            raise Problem(403, "The Host of the request is not allowed: add it to PLAYFOLD_GATEWAY_HOSTS.")
        if method not in SAFE and not _is_same_site(headers, host):
            raise Problem(403, "Requests from pages of other sites are rejected.")
        if self._token is None or path in OPEN or path.startswith(OPEN_PREFIX):
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return
        if hmac.compare_digest(_cookie_of(headers).encode(), self.cookie.encode()):
            return
        raise Problem(401, "Send the token: `Authorization: Bearer ...`.", headers={"WWW-Authenticate": "Bearer"})


def _token(gateway: GatewaySettings) -> bytes | None:
    if not gateway.token_file:
        return gateway.token.reveal().encode() or None
    path = Path(gateway.token_file)
    try:
        token = path.read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"PLAYFOLD_GATEWAY_TOKEN_FILE {path} cannot be read ({error}): put the token into its first line."
        raise AccessError(message) from None
    if len(token) < TOKEN_LENGTH_MIN or not token.isascii() or not token.isprintable():
        message = f"The token in {path} has to have {TOKEN_LENGTH_MIN} or more printable characters of ASCII."
        raise AccessError(message)
    return token.encode()


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(HOSTS_MAX)
def _name_of(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


@lru_cache(HOSTS_MAX)
def _is_address(name: str) -> bool:
    """Return whether a name is an IP address, which DNS rebinding cannot forge."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_site(headers: Mapping[str, str], host: str) -> bool:
    """Return whether a request comes from this gateway's page or from no page at all."""
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return False
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _cookie_of(headers: Mapping[str, str]) -> str:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
