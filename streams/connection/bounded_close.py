"""Bounds the end of every connection of aiokafka in this process.

Each side of a TLS connection says that it ends, and waits for the other. Kafka does not answer if a request and that
notice reach it together; asyncio and uvloop would wait 30 s for its answer. Without TLS, bytes that a frozen broker
does not read would hold a connection open without end.
"""

import asyncio
from typing import Any

from aiokafka.conn import AIOKafkaConnection

CLOSE_S = 0.5
"""Seconds after which a connection is closed although the broker has not closed it."""

_close = AIOKafkaConnection.close


def _bounded_close(self: AIOKafkaConnection, *arguments: Any, **options: Any) -> "asyncio.Future[None] | None":
    """Begin to close a connection, and abort it `CLOSE_S` later; return the future of its end.

    Requests that have no answer yet have failed by then, so the abort loses nothing.
    """
    writer = self._writer
    closed: asyncio.Future[None] | None = _close(self, *arguments, **options)
    if writer is not None and not self._loop.is_closed():
        self._loop.call_later(CLOSE_S, writer.transport.abort)
    return closed


AIOKafkaConnection.close = _bounded_close
