"""The expiry of a token is read from its claims, and nothing else is assumed about it."""

import base64

import pytest

from streams.connection.token_expiry import expired_at


def token(claims: bytes) -> str:
    """Return an unsigned token."""
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}."


@pytest.mark.parametrize("text", ["", "opaque", "a.b", "a.b.c", "..", "a.é.c", token(b"[]"), token(b'{"exp": "x"}')])
def test_a_token_without_a_time_has_not_expired(text: str) -> None:
    """The broker decides about it."""
    assert expired_at(text, now_s=1e9) is None


@pytest.mark.parametrize("exp", ["1e300", "-1e300"])
def test_a_time_beyond_all_years_is_none(exp: str) -> None:
    """It is not shown."""
    assert expired_at(token(f'{{"exp": {exp}}}'.encode()), now_s=1e9) is None


def test_a_token_has_expired_at_its_time() -> None:
    """The time is shown in UTC."""
    text = token(b'{"exp": 1700000000, "sub": "u"}')

    assert expired_at(text, now_s=1_699_999_999.9) is None
    assert "2023-11-14T22:13:20+00:00" == expired_at(text, now_s=1_700_000_000.0)
