"""The Faust app: one worker's membership in the consumer group, and its table of users."""

from typing import Any

import faust

from streams.connection.faust_credentials import faust_options
from streams.consumer.slices import SliceTransport, StableEnd
from streams.settings import Settings

FETCH_BYTES_MAX = 4 << 20
"""Most bytes of a partition in one fetch."""


class PlayfoldApp(faust.App):
    """A Faust app that delivers slices."""

    slice_plays_max: int
    """Most plays in a slice."""
    waiting_plays_max: int
    """Queued plays above which no more are fetched; one fetch may exceed it."""

    @property
    def n_unreadable(self) -> int:
        """Return the records of plays in batches that were set aside because they do not decode."""
        return self._consumer.n_unreadable if self._consumer is not None else 0

    def fetched_id(self, topic: str) -> str:
        """Return the id by which a topic is fetched, empty before its first fetch."""
        return self._consumer.fetched_id(topic) if self._consumer is not None else ""

    def stable_ends(self) -> dict[int, StableEnd]:
        """Return the last stable offset of every partition of plays."""
        return self._consumer.stable_ends() if self._consumer is not None else {}

    def _new_transport(self) -> SliceTransport:
        return SliceTransport(self.conf.broker_consumer, self, loop=self.loop)


def create_app(settings: Settings) -> PlayfoldApp:
    """Create the Faust app of a worker.

    An app is used once and in one process. It creates no topics and serves no web pages.
    """
    app = PlayfoldApp(
        settings.application.group,
        **faust_options(settings.kafka),
        store="memory://",
        datadir=str(settings.application.worker_path),
        topic_partitions=settings.topics.partitions,
        topic_replication_factor=settings.topics.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{settings.application.group}-{settings.application.instance}",
        broker_session_timeout=settings.kafka.session_timeout_s,
        broker_heartbeat_interval=settings.kafka.session_timeout_s / 5,
        broker_commit_interval=1.0,
        broker_max_poll_records=None,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        stream_recovery_delay=0.0,
        worker_redirect_stdouts=False,
        cython_optimizations=True,
        debug=False,
        loghandlers=[],
    )
    app.slice_plays_max = settings.worker.slice_plays_max
    app.waiting_plays_max = 2 * settings.worker.group_plays_max
    return app


def topic_of_bytes(app: PlayfoldApp, name: str, partitions: int) -> Any:
    """Return a Faust topic whose keys and values are raw bytes."""
    return app.topic(
        name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", partitions=partitions
    )
