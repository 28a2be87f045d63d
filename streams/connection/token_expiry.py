"""The time at which a token expires, if it is a JSON Web Token that says so."""

import base64
import binascii
import time
from datetime import UTC, datetime

import msgspec


class _Claims(msgspec.Struct):
    exp: float | None = None


def expired_at(token: str, now_s: float | None = None) -> str | None:
    """Return the time at which a token has expired; None if it has not, or if it does not say.

    The signature is not verified: the broker does that.

    >>> header, claims = (base64.urlsafe_b64encode(text).decode().rstrip("=") for text in (b"{}", b'{"exp": 60}'))
    >>> expired_at(f"{header}.{claims}.", now_s=61.0)
    '1970-01-01T00:01:00+00:00'
    >>> expired_at(f"{header}.{claims}.", now_s=59.0)
    """
    _, _, rest = token.partition(".")
    text, _, _ = rest.partition(".")
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Claims)
        now_s = time.time() if now_s is None else now_s
        if claims.exp is None or claims.exp > now_s:
            return None
        return datetime.fromtimestamp(claims.exp, UTC).isoformat()
    except (binascii.Error, ValueError, OverflowError, OSError):
        return None
