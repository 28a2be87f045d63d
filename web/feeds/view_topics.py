"""The ids of the topics of a gateway's view: a topic that was deleted and made again is another one."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from state.gateway_view.keys import ITEM, LIST, RELATED
from state.gateway_view.view import View
from streams.settings import Settings
from streams.topics.identity import bytes_of_id, topic_id_of
from streams.topics.topics import topic_names

WATCH_S = 1.0
"""Seconds between two polls of the ids."""
GONE_S = 3.0
"""Seconds after the first answer without a topic until it counts as deleted."""
ASK_S = 5.0
"""Longest wait for the id of a topic."""


def kinds_of_topics(settings: Settings) -> dict[str, bytes]:
    """Return the topics of a view, each with the kind of its records."""
    names = topic_names(settings)
    return {names.recommendations: LIST, names.related_items: RELATED, names.catalog: ITEM}


def identity_of(ids: Mapping[str, str], settings: Settings) -> bytes:
    """Return the identity of a view: the ids of its topics, and the number of partitions.

    The number of partitions decides which lists are misplaced.
    """
    of_topics = (ids.get(name, "") for name in kinds_of_topics(settings))
    return ",".join((*of_topics, str(settings.topics.partitions))).encode()


class ViewTopics:
    """Compares the topics on the cluster with those that a view was read from.

    Kafka gives a topic a new id whenever it is created, and never gives an old one again.

    Attributes:
        gone: The topics that do not exist at the moment.
        remade: The topics that were made again, each with its new id.
    """

    def __init__(self, settings: Settings, view: View) -> None:
        """Begin with the topics that `view` was read from."""
        self._settings, self._view = settings, view
        self._kinds = kinds_of_topics(settings)
        self._known = dict(zip(self._kinds, view.identity.decode().split(","), strict=False))
        self._earlier: dict[str, set[str]] = {name: set() for name in self._kinds}
        self._unknown_since: dict[str, float] = {}
        self.gone: frozenset[str] = frozenset()
        self.remade: dict[str, str] = {}

    async def watch(self, consumer: AIOKafkaConsumer) -> None:
        """Poll the ids for ever. A topic is skipped while Kafka does not answer, or does not allow the request."""
        while True:
            for name in self._kinds:
                with suppress(KafkaError, TimeoutError):
                    async with asyncio.timeout(ASK_S):
                        self._take(name, await topic_id_of(consumer._client, name))  # noqa: SLF001  no public call
            await asyncio.sleep(WATCH_S)

    def _take(self, name: str, printed_id: str | None) -> None:
        """Compare the id of a topic; a broker that is behind may still give an earlier id, or none."""
        now = asyncio.get_running_loop().time()
        if printed_id is None:
            if now - self._unknown_since.setdefault(name, now) > GONE_S:
                self.gone |= {name}
            return
        self._unknown_since.pop(name, None)
        self.gone -= {name}
        topic_id = _as_uuid(printed_id)
        if not self._known.get(name):
            self._known[name] = topic_id
        elif topic_id != self._known[name] and topic_id not in self._earlier[name]:
            self.remade[name] = topic_id

    def drop(self, name: str) -> None:
        """Remove the records of a topic that was made again from the view, which belongs to the new topic then."""
        self._earlier[name].add(self._known[name])
        self._known[name] = self.remade.pop(name)
        self._view.remove_topic(self._kinds[name], name, identity_of(self._known, self._settings))


def _as_uuid(printed_id: str) -> str:
    """Return an id as kafka-python prints it.

    >>> _as_uuid("AAAAAAAAAAAAAAAAAAAAAQ")
    '00000000-0000-0000-0000-000000000001'
    """
    return str(UUID(bytes=bytes_of_id(printed_id)))
