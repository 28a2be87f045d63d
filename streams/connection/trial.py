"""A connection to one broker that is opened only to see how the broker answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.conn import AIOKafkaConnection

CLOSE_S = 1.0
"""Longest wait until a connection is closed: TLS waits for the other side."""


@asynccontextmanager
async def trial_connection(host: str, port: int, **options: Any) -> AsyncIterator[AIOKafkaConnection]:
    """Connect to a broker and log in; at the end, and after an error, wait until the connection is closed.

    Raises:
        KafkaError, OSError, TimeoutError: The broker does not answer or refuses the connection.
    """
    connection = AIOKafkaConnection(host, port, **options)
    try:
        await connection.connect()
        yield connection
    finally:
        closed = connection.close()
        if connection._protocol is not None:  # noqa: SLF001  without a transport there is nothing to wait for
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(closed), CLOSE_S)
