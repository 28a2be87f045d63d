"""Partitions that are followed without Kafka."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tests.support.deliveries import Delivered


class Followed:
    """Partitions that are fetched from a list: records, or an error."""

    def __init__(self, *parts: Any) -> None:
        """Give each in turn, a second apart; nothing comes after them."""
        self._parts = list(parts)

    async def fetch(self, _timeout_ms: int) -> AsyncIterator[tuple[None, list[Delivered]]]:
        """Fetch once."""
        await asyncio.sleep(1.0)
        part = self._parts.pop(0) if self._parts else None
        if isinstance(part, Exception):
            raise part
        if part is not None:
            yield None, [part]
