"""Settings of the processes: worker, telemetry and gateway."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from streams.settings.secret import Secret


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker: its start and the size of its commit groups."""

    ready_s: Annotated[
        float, Meta(gt=0, description="Seconds that a worker may take until it is ready, recovery left out.")
    ] = 60.0
    slice_plays_max: Annotated[int, Meta(ge=1, description="Most plays of one partition in a slice.")] = 1000
    group_plays_max: Annotated[int, Meta(ge=1, description="Most plays in one commit group.")] = 4000
    sweep_users: Annotated[int, Meta(ge=1, description="Listeners in one commit group of a sweep.")] = 500


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
        str, Meta(min_length=1, description="Address at which these metrics are served; `0.0.0.0` in a container.")
    ] = "127.0.0.1"
    live_quality: Annotated[
        bool,
        Meta(description="Whether plays are looked for in the lists of before, so that it is told how good these are."),
    ] = True
    pulse_s: Annotated[
        float, Meta(ge=0, description="Seconds between two pulses of a worker on the topic `pulse`; 0: none.")
    ] = 1.0


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway: its address, its token and its limits."""

    host: Annotated[
        str,
        Meta(min_length=1, description="Address that the gateway listens on; beyond this machine it wants a token."),
    ] = field(default="127.0.0.1", name="gateway_host")
    port: Annotated[int, Meta(ge=0, le=65535, description="Port of the gateway; 0: a free one, which it tells.")] = (
        field(default=8080, name="gateway_port")
    )
    hosts: Annotated[
        str,
        Meta(
            description="Names, separated by commas, under which clients reach the gateway beside `localhost` and "
            "`gateway_host`; a request for another one is refused. `*`: any.",
        ),
    ] = field(default="", name="gateway_hosts")
    token: Annotated[
        Secret,
        Meta(description="Token that every client of the gateway has to bring, 16 characters at least; empty: none."),
    ] = field(default=Secret(""), name="gateway_token")
    token_file: Annotated[
        str, Meta(description="File whose first line is that token; for secrets that are mounted.")
    ] = field(default="", name="gateway_token_file")
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
        Meta(ge=0, description="Requests a second of one client, by its address; twice as many at once. 0: any."),
    ] = field(default=2000.0, name="gateway_requests_per_s")
    connections_max: Annotated[
        int, Meta(ge=1, description="Connections that are served at a time; over it the answer is 503.")
    ] = field(default=1000, name="gateway_connections_max")
    plays_waiting_max: Annotated[
        int, Meta(ge=1, description="Plays that may wait for Kafka; over it the answer is 429.")
    ] = field(default=20_000, name="gateway_plays_waiting_max")
    wait_ms_max: Annotated[
        int, Meta(ge=0, le=60_000, description="Longest that a read may wait for a play to be reflected.")
    ] = field(default=10_000, name="gateway_wait_ms_max")
    streams_max: Annotated[int, Meta(ge=0, description="Live pages that are open at a time.")] = field(
        default=50, name="gateway_streams_max"
    )
