"""A text that is never printed."""


class Secret:
    """A secret text. Only `reveal` returns it: `str`, `repr` and formats mask it, and encoders reject it."""

    PATTERN = r"^([!-~]{16,512})?$"
    """Printable ASCII without spaces, long enough to resist guessing; empty: there is no secret."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep a text secret."""
        self._text = text

    def reveal(self) -> str:
        """Return the secret text."""
        return self._text

    def __bool__(self) -> bool:
        """Return whether there is a secret."""
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        """Compare the texts, in a time that depends on them: use `hmac.compare_digest` to check a client's token."""
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        """Return the hash of the text."""
        return hash(self._text)

    def __repr__(self) -> str:
        """Mask the text."""
        return "Secret('***')" if self._text else "Secret('')"


class Password(Secret):
    """A secret of another system, which decides about its length and characters."""

    PATTERN = r"^[^\x00-\x1f\x7f]{0,1024}$"
    """Without control characters; empty: there is no password."""

    __slots__ = ()
