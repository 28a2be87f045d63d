"""A secret is masked wherever it could be printed."""

from streams.settings import Secret

TEXT = "correct-horse-battery-staple"


def test_only_reveal_returns_the_text() -> None:
    """Text, representation and formats are masked."""
    secret = Secret(TEXT)

    assert TEXT == secret.reveal()
    assert ["Secret('***')"] * 3 == [str(secret), repr(secret), f"{secret}"]


def test_an_empty_secret_is_false() -> None:
    """Its representation says that there is no secret."""
    assert not Secret("")
    assert Secret(TEXT)
    assert "Secret('')" == repr(Secret(""))


def test_secrets_are_compared_by_their_texts() -> None:
    """A text is no secret."""
    assert Secret(TEXT) == Secret(TEXT)
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert Secret(TEXT) != Secret(TEXT + "2")
    assert Secret(TEXT) != TEXT
