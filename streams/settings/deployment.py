"""Settings of the deployment: application, Kafka, topics and the embedded broker."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from streams.settings.security import SecuritySettings


class ApplicationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The application's name, this process's name and its data folder."""

    data_dir: Annotated[str, Meta(min_length=1, description="Folder of all files of playfold on this machine.")] = "var"
    instance: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]{1,64}$",
            description="Name of this worker: static group member and folder of its state.",
        ),
    ] = "a"
    group: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]{1,64}$",
            description="Name of the application: consumer group and prefix of the changelog.",
        ),
    ] = "playfold"

    @property
    def data_path(self) -> Path:
        """Return the data folder as an absolute path."""
        return Path(self.data_dir).absolute()

    @property
    def broker_path(self) -> Path:
        """Return the folder of the embedded broker."""
        return self.data_path / "broker"

    @property
    def generations_path(self) -> Path:
        """Return the folder of generations on this machine: the store itself, or the cache of a bucket."""
        return self.data_path / "generations"

    @property
    def nights_path(self) -> Path:
        """Return the folder of the runs that make generations."""
        return self.data_path / "nights" / self.group

    @property
    def tuned_path(self) -> Path:
        """Return the folder of the results of tuning."""
        return self.data_path / "tuned" / self.group

    @property
    def gateways_path(self) -> Path:
        """Return the folder of the views of all gateways on this machine."""
        return self.data_path / "gateways" / self.group

    @property
    def gateway_path(self) -> Path:
        """Return the folder of this gateway's view of the topics."""
        return self.gateways_path / self.instance

    @property
    def workers_path(self) -> Path:
        """Return the folder of the states of all workers on this machine."""
        return self.data_path / "workers" / self.group

    @property
    def worker_path(self) -> Path:
        """Return the folder of this worker's state."""
        return self.workers_path / self.instance


class KafkaSettings(SecuritySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Kafka cluster, its security and its time limits."""

    brokers: Annotated[
        str,
        Meta(
            pattern=r"^[^\s,]+:[0-9]{1,5}(,[^\s,]+:[0-9]{1,5})*$",
            description="Kafka brokers, `host:port` separated by commas.",
        ),
    ] = "127.0.0.1:19092"
    session_timeout_s: Annotated[
        float,
        Meta(
            ge=1,
            le=300,
            description="Seconds without a heartbeat after which a worker's partitions are assigned to another one.",
        ),
    ] = 15.0
    timeout_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds within which Kafka has to acknowledge; the worker ends otherwise."),
    ] = field(default=30.0, name="kafka_timeout_s")
    compression: Annotated[
        Literal["none", "gzip", "snappy", "lz4", "zstd"],
        Meta(description="Compression of the records that playfold writes. It reads all of these."),
    ] = "none"


class TopicSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names, partitions and limits of the topics."""

    partitions: Annotated[
        int, Meta(ge=1, le=1024, description="Partitions of `plays`, `recommendations` and the users changelog.")
    ] = 4
    replication: Annotated[int, Meta(ge=1, le=9, description="Copies of every partition.")] = 1
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9._-]{0,64}$",
            description="Prefix of topic names, so that several playfolds can share a cluster; "
            "the changelog's name begins with `group` instead.",
        ),
    ] = field(default="", name="topic_prefix")
    play_bytes_max: Annotated[int, Meta(ge=64, le=131072, description="Largest value of a play, in bytes.")] = 4096


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The embedded broker."""

    heap_mb: Annotated[int, Meta(ge=128, description="Heap of the embedded broker, in MiB.")] = field(
        default=256, name="broker_heap_mb"
    )
    ready_s: Annotated[float, Meta(gt=0, description="Seconds within which the embedded broker has to answer.")] = (
        field(default=60.0, name="broker_ready_s")
    )
