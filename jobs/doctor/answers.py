"""The answers of the probes, by which the rules judge."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from state.storage.disk_space import DiskSpace
from streams.messages.generations import StateTopics
from streams.messages.pulse import Pulse
from streams.messages.records import RejectedPlay
from streams.readers.lag import GroupOffsets
from streams.readers.log_reader import Span
from streams.readers.open_transactions import OpenTransaction
from streams.topics.identity import TopicIdentity


class LagReadings(NamedTuple):
    """The lag of the workers, read twice."""

    first: Mapping[int, Span]
    """By partition, from the committed offset to the end of the log."""
    second: Mapping[int, Span]
    """The same, `seconds` later."""
    starts: Mapping[int, int]
    """By partition, the first offset that Kafka still has."""
    seconds: float
    open_transactions: Sequence[OpenTransaction] = ()
    """Transactions that keep workers from reading on."""
    offsets: Mapping[int, GroupOffsets] = {}
    """By partition, the committed offset and the offsets that Kafka has."""
    left_ms: Mapping[int, int | None] = {}
    """By partition with deleted plays, the arrival of the first play that is left."""


class StateReadings(NamedTuple):
    """The topics of the workers' state, and those on the cluster."""

    known: StateTopics | None
    """As a worker published them last; None: none did."""
    present: Mapping[str, TopicIdentity]
    """By name, the topics of plays and changelog on the cluster."""


class WorkerReport(NamedTuple):
    """The last pulse of a worker."""

    pulse: Pulse
    arrived_at_ms: int
    """By the broker's clock."""
    earliest: Pulse | None = None
    """The earliest pulse that Kafka still has, by which recent counts are told from old ones."""


class RejectReadings(NamedTuple):
    """The latest events of all partitions, and those of them that were rejected."""

    n_events: int
    rejected: Sequence[RejectedPlay]
    n_sent_again: int = 0
    """Other rejected events, which a retry has sent again since."""


class DiskUsage(NamedTuple):
    """The disks of this machine that playfold uses."""

    spaces: Mapping[str, DiskSpace]
    """Space on each disk, by the use of the disk."""
    sizes: Mapping[str, int]
    """Bytes that playfold uses, by the use."""


class AnnouncedGeneration(NamedTuple):
    """The announced generation, as it is in the store."""

    generation_id: str
    revision: int
    created_at_ms: int
    n_items: int
    newer_rejected: str = ""
    """A sentence with the reason why a newer one was rejected; empty if there is none."""


class GatewayResponse(NamedTuple):
    """The response of the gateway to the question whether it is ready."""

    url: str
    status: int
    body: bytes
