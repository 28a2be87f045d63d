"""A file of a token that is rewritten in place while it is read."""

import asyncio

from streams.connection.credentials import CredentialsError


class UnreadableToken:
    """Fails at the first read, and waits for ever at later ones.

    Attributes:
        n_reads: The reads so far.
    """

    def __init__(self) -> None:
        """Begin without a read."""
        self.n_reads = 0

    async def read(self, *_: object) -> None:
        """Take the place of a method that connects.

        Raises:
            CredentialsError: It is the first read.
        """
        self.n_reads += 1
        if self.n_reads == 1:
            message = "The token has an empty first line."
            raise CredentialsError(message)
        await asyncio.Event().wait()
