"""Settings of the processes: worker, telemetry and gateway."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from streams.settings.secret import Secret


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker: its start and the size of its commit groups."""

    ready_s: Annotated[
        float, Meta(gt=0, description="Seconds within which a worker has to be ready, recovery not included.")
    ] = 60.0
    slice_plays_max: Annotated[int, Meta(ge=1, description="Most plays of one partition in a slice.")] = 1000
    group_plays_max: Annotated[int, Meta(ge=1, description="Most plays in one commit group.")] = 4000
    sweep_users: Annotated[int, Meta(ge=1, description="Listeners in one commit group of a sweep.")] = 500
    sweep_days: Annotated[
        float,
        Meta(
            gt=0,
            description="Days since the last play of a listener after which a sweep leaves the listener out; `inf`: "
            "never. Their list stays until they play, or until it is renewed (`list_expires_s`).",
        ),
    ] = float("inf")


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log of a process, and the figures that a worker publishes about itself."""

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Meta(
            description="Least level of the events that worker, gateway and nightly log. Libraries log from `WARNING` "
            "on, with `DEBUG` from `INFO` on. Processes of `up` and `demo` log at `INFO` at least."
        ),
    ] = "INFO"
    metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="Port of a worker's Prometheus metrics; 0: none.")
    ] = 0
    metrics_host: Annotated[
        str, Meta(min_length=1, description="Address of these metrics; `0.0.0.0` in a container.")
    ] = "127.0.0.1"
    live_quality: Annotated[
        bool,
        Meta(description="Whether the rank of each play in the listener's previous list is measured."),
    ] = True
    pulse_s: Annotated[
        float, Meta(ge=0, description="Seconds between two pulses of a worker on the topic `pulse`; 0: none.")
    ] = 1.0


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway: its address, its token and its limits."""

    host: Annotated[
        str,
        Meta(min_length=1, description="Address of the gateway; one that other machines can reach requires a token."),
    ] = field(default="127.0.0.1", name="gateway_host")
    port: Annotated[int, Meta(ge=0, le=65535, description="Port of the gateway; 0: a free one, which it logs.")] = (
        field(default=8080, name="gateway_port")
    )
    hosts: Annotated[
        str,
        Meta(
            description="Host names of the gateway, separated by commas, besides `localhost` and `gateway_host`. "
            "A request for another host is rejected. `*`: any host.",
        ),
    ] = field(default="", name="gateway_hosts")
    token: Annotated[
        Secret,
        Meta(description="Token that the gateway requires of every client, at least 16 characters; empty: none."),
    ] = field(default=Secret(""), name="gateway_token")
    token_file: Annotated[str, Meta(description="File whose first line is that token, for mounted secrets.")] = field(
        default="", name="gateway_token_file"
    )
    batch_max: Annotated[int, Meta(ge=1, le=10_000, description="Most events in one request.")] = field(
        default=500, name="gateway_batch_max"
    )
    body_bytes_max: Annotated[int, Meta(ge=1024, le=64 << 20, description="Largest body of a request, in bytes.")] = (
        field(default=1 << 20, name="gateway_body_bytes_max")
    )
    header_bytes_max: Annotated[int, Meta(ge=1024, le=1 << 20, description="Largest head of a request, in bytes.")] = (
        field(default=16_384, name="gateway_header_bytes_max")
    )
    requests_per_s: Annotated[
        float,
        Meta(ge=0, description="Requests per second of one client address; bursts of twice as many. 0: no limit."),
    ] = field(default=2000.0, name="gateway_requests_per_s")
    connections_max: Annotated[
        int, Meta(ge=1, description="Most concurrent connections; above it the answer is 503.")
    ] = field(default=1000, name="gateway_connections_max")
    rank_requests_max: Annotated[
        int,
        Meta(
            ge=1,
            le=200,
            description="Most requests without a listener that are ranked together: those that came during the ranking "
            "before. 1: each by itself.",
        ),
    ] = field(default=64, name="gateway_rank_requests_max")
    plays_waiting_max: Annotated[
        int, Meta(ge=1, description="Most plays that wait for Kafka; above it the answer is 429.")
    ] = field(default=20_000, name="gateway_plays_waiting_max")
    wait_ms_max: Annotated[
        int, Meta(ge=0, le=60_000, description="Longest wait of a read until a play is reflected, in milliseconds.")
    ] = field(default=10_000, name="gateway_wait_ms_max")
    streams_max: Annotated[int, Meta(ge=0, description="Most live pages that are open at once.")] = field(
        default=50, name="gateway_streams_max"
    )
