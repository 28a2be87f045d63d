"""Every setting of playfold, and the only reader of the environment.

The file is long because an operator looks for a setting in one place.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.messages.events import WISHES

PREFIX = "PLAYFOLD_"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator can set, as `PLAYFOLD_<NAME>` in the environment.

    Units stand last in a name: `_s` seconds, `_ms` milliseconds, `_bytes` bytes; `_max` is a limit.
    """

    # Where things are.
    brokers: Annotated[
        str,
        Meta(
            pattern=r"^[^\s,]+:[0-9]{1,5}(,[^\s,]+:[0-9]{1,5})*$",
            description="Kafka brokers, `host:port` separated by commas.",
        ),
    ] = "127.0.0.1:19092"
    data_dir: Annotated[str, Meta(min_length=1, description="Folder of everything playfold keeps on this machine.")] = (
        "var"
    )
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
            pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the application: consumer group, changelog prefix."
        ),
    ] = "playfold"

    # Topics.
    partitions: Annotated[
        int, Meta(ge=1, le=1024, description="Partitions of `plays`, `recommendations` and the users changelog.")
    ] = 4
    replication: Annotated[int, Meta(ge=1, le=9, description="Copies of every partition.")] = 1
    topic_prefix: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9._-]{0,64}$",
            description="Put before topic names, so that several playfolds can share a cluster; "
            "the changelog's name begins with `group` instead.",
        ),
    ] = ""

    # The embedded broker.
    broker_heap_mb: Annotated[int, Meta(ge=128, description="Heap of the embedded broker, in MiB.")] = 256
    broker_ready_s: Annotated[
        float, Meta(gt=0, description="Seconds that the embedded broker may take until it answers.")
    ] = 60.0

    # The worker.
    ready_s: Annotated[
        float, Meta(gt=0, description="Seconds that a worker may take until it is ready, recovery left out.")
    ] = 60.0
    session_timeout_s: Annotated[
        float, Meta(ge=1, le=300, description="Seconds of silence after which a worker's partitions go to another.")
    ] = 15.0
    kafka_timeout_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds that Kafka may take to acknowledge before the worker gives up.")
    ] = 30.0
    slice_plays_max: Annotated[int, Meta(ge=1, description="Most plays of one partition in a slice.")] = 1000
    group_plays_max: Annotated[int, Meta(ge=1, description="Most plays in one commit group.")] = 4000
    play_bytes_max: Annotated[int, Meta(ge=64, le=131072, description="Largest value of a play, in bytes.")] = 4096
    threads: Annotated[
        int, Meta(ge=1, description="Threads of the training kernels; the worker's kernels use one.")
    ] = 2

    # What a signal is worth.
    event_weights: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_-]{0,31}=-?[0-9]{1,3}(\.[0-9]{1,6})?"
            r"(,[a-z][a-z0-9_-]{0,31}=-?[0-9]{1,3}(\.[0-9]{1,6})?)*$",
            description="What a signal of each type is worth, `play` among them; below 0: it speaks against the item. "
            "A type that is not named is rejected.",
        ),
    ] = "play=1,like=2,skip=-1"
    completion: Annotated[
        Literal["scale", "ignore"],
        Meta(description="`scale`: what a play is worth is times `ms_played / duration_ms`, where it has both."),
    ] = "scale"
    skip_below: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of `duration_ms` below which a play is worth what a `skip` is; 0: never."),
    ] = 0.0
    user_signals_per_day_max: Annotated[
        int,
        Meta(ge=0, description="Signals of a listener learnt from one day of event time; 0: all. Holds robots back."),
    ] = 2000
    item_weight_max: Annotated[
        float, Meta(gt=0, description="Most that a listener's signals of one item are worth together.")
    ] = 1000.0

    # A listener's state.
    history_max: Annotated[int, Meta(ge=1, le=65535, description="Items kept in a listener's history.")] = 500
    play_ids_max: Annotated[int, Meta(ge=0, le=65535, description="Latest `play_id`s remembered for a listener.")] = 32
    hidden_max: Annotated[
        int, Meta(ge=0, le=65535, description="Items that a listener can hide; over it the first hidden come back.")
    ] = 1000
    shown_max: Annotated[
        int, Meta(ge=0, le=65535, description="Shown items remembered for a listener, the latest; 0: none.")
    ] = 200
    cooldown_shows: Annotated[
        int,
        Meta(ge=0, description="Times that an item is shown without a play before it is left out; 0: never left out."),
    ] = 0
    cooldown_plays: Annotated[
        int, Meta(ge=1, description="The listener's own plays for which it is left out then.")
    ] = 20
    item_names_cached_max: Annotated[
        int, Meta(ge=1000, description="Item names a worker remembers as written, per partition.")
    ] = 1_000_000

    # Private sessions: what is played in private, in a worker's memory alone.
    private_sessions_max: Annotated[
        int,
        Meta(
            ge=0,
            description="Listeners whose private plays a worker holds, those who played last; 0: none, and no list.",
        ),
    ] = 10_000
    private_plays_max: Annotated[
        int, Meta(ge=1, le=65535, description="Private plays held of a listener, the latest.")
    ] = 100
    private_s: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Seconds after the last private play when everything of the session goes."),
    ] = 1800.0
    private_expires_s: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds after which a private list should not be shown.")
    ] = 600

    # Lists.
    list_n: Annotated[int, Meta(ge=1, le=1000, description="Items in a published list.")] = 50
    list_change_n: Annotated[
        int, Meta(ge=1, le=1000, description="First items of a list by which it is decided whether it changed.")
    ] = 10
    list_overlap_min: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of them that were among them before, below which a list has changed."),
    ] = 1.0
    list_score_change: Annotated[
        float,
        Meta(ge=0, description="Change of their mean score, as a share of it, above which a list has changed."),
    ] = 0.05
    debounce_ms: Annotated[
        int,
        Meta(ge=0, description="Milliseconds between two lists of a listener that changed; plays in between wait."),
    ] = 0
    known_items: Annotated[
        Literal["exclude", "include"],
        Meta(
            description="Whether items that a listener has played are kept out of their list: `exclude` or `include`."
        ),
    ] = "exclude"
    repeat_after_plays: Annotated[
        int,
        Meta(
            ge=0,
            description="A listener's own plays after which an item that they played may be in their list again, under "
            "`exclude`; 0: never.",
        ),
    ] = 0
    because_n: Annotated[
        int,
        Meta(ge=0, le=5, description="Played items named as reasons for each item of a list; 0: no list is explained."),
    ] = 3
    list_heartbeat_s: Annotated[
        int, Meta(ge=1, description="Seconds of event time after which an unchanged list is published again.")
    ] = 86_400
    list_expires_s: Annotated[
        int, Meta(ge=1, description="Seconds after which a list should not be shown; it is renewed before.")
    ] = 604_800
    popular_blend: Annotated[
        float,
        Meta(
            ge=0,
            description="How much of what is popular there is in lists of listeners of whom little is known; 0: none.",
        ),
    ] = 1.0
    blend_items_max: Annotated[
        int, Meta(ge=0, le=100, description="Items known of a listener up to which their lists are blended so.")
    ] = 9
    popular_half_life_days: Annotated[
        float, Meta(gt=0, description="Days after which a play counts half in what is popular; `inf`: never.")
    ] = 30.0
    popular_publish_s: Annotated[
        float, Meta(gt=0, description="Seconds at least between two looks whether the popular lists changed.")
    ] = 60.0
    sweep_users: Annotated[int, Meta(ge=1, description="Listeners in one commit group of a sweep.")] = 500
    rank: Annotated[
        Literal["auto", "exact", "annoy"],
        Meta(description="How lists are ranked: `exact`, from the Annoy index, or `auto`: by whichever is faster."),
    ] = "auto"
    probe_share: Annotated[
        float, Meta(ge=0, le=1, description="Share of the lists ranked from the index that are ranked exactly, too.")
    ] = 0.01
    recall_floor: Annotated[
        float, Meta(ge=0, le=1, description="Recall@10 of the index below which a worker ranks exactly.")
    ] = 0.9
    metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="Port of a worker's Prometheus metrics; 0: none.")
    ] = 0

    metrics_host: Annotated[
        str, Meta(min_length=1, description="Address at which these metrics are served; `0.0.0.0` in a container.")
    ] = "127.0.0.1"

    # How it goes.
    live_quality: Annotated[
        bool,
        Meta(description="Whether plays are looked for in the lists of before, so that it is told how good these are."),
    ] = True
    pulse_s: Annotated[
        float, Meta(ge=0, description="Seconds between two pulses of a worker on the topic `pulse`; 0: none.")
    ] = 1.0

    # The gateway.
    gateway_host: Annotated[
        str,
        Meta(min_length=1, description="Address that the gateway listens on; beyond this machine it wants a token."),
    ] = "127.0.0.1"
    gateway_port: Annotated[
        int, Meta(ge=0, le=65535, description="Port of the gateway; 0: a free one, which it tells.")
    ] = 8080
    gateway_hosts: Annotated[
        str,
        Meta(
            description="Names, separated by commas, under which clients reach the gateway beside `localhost` and "
            "`gateway_host`; a request for another one is refused. `*`: any.",
        ),
    ] = ""
    gateway_token: Annotated[
        str,
        Meta(
            pattern=r"^([!-~]{16,512})?$",
            description="Token that every client of the gateway has to bring, 16 characters at least; empty: none.",
        ),
    ] = ""
    gateway_token_file: Annotated[
        str, Meta(description="File whose first line is that token; for secrets that are mounted.")
    ] = ""
    gateway_batch_max: Annotated[int, Meta(ge=1, le=10_000, description="Most events in one request.")] = 500
    gateway_body_bytes_max: Annotated[
        int, Meta(ge=1024, le=64 << 20, description="Largest body of a request, in bytes.")
    ] = 1 << 20
    gateway_header_bytes_max: Annotated[
        int, Meta(ge=1024, le=1 << 20, description="Largest head of a request, in bytes.")
    ] = 16_384
    gateway_requests_per_s: Annotated[
        float,
        Meta(ge=0, description="Requests a second of one client, by its address; twice as many at once. 0: any."),
    ] = 2000.0
    gateway_connections_max: Annotated[
        int, Meta(ge=1, description="Connections that are served at a time; over it the answer is 503.")
    ] = 1000
    gateway_plays_waiting_max: Annotated[
        int, Meta(ge=1, description="Plays that may wait for Kafka; over it the answer is 503.")
    ] = 20_000
    gateway_wait_ms_max: Annotated[
        int, Meta(ge=0, le=60_000, description="Longest that a read may wait for a play to be reflected.")
    ] = 10_000
    gateway_streams_max: Annotated[int, Meta(ge=0, description="Live pages that are open at a time.")] = 50

    # The maths: what the next generation is trained with.
    rule: Annotated[
        Literal["ials", "hkv"], Meta(description="Objective: `ials` (Rendle et al. 2021) or `hkv` (Hu et al. 2008).")
    ] = "ials"
    factors: Annotated[int, Meta(ge=2, le=1024, description="Length of user and item vectors.")] = 64
    regularization: Annotated[float, Meta(gt=0, description="Lambda; times the row's plays under `ials`.")] = 0.05
    unobserved_weight: Annotated[float, Meta(gt=0, description="a0: weight of what was not played, under `ials`.")] = (
        0.1
    )
    alpha: Annotated[float, Meta(gt=0, description="Confidence is `1 + alpha * weight`, under `hkv`.")] = 1.0
    iterations: Annotated[int, Meta(ge=1, description="Alternating sweeps of a training.")] = 10
    window_plays: Annotated[
        int,
        Meta(
            ge=0,
            description="Every stretch of so many of a listener's plays is one more row of the training, which then "
            "takes twice as long; 0: none.",
        ),
    ] = 0
    half_life_plays: Annotated[
        float, Meta(gt=0, description="A listener's own plays after which a play counts half; `inf`: never.")
    ] = 5.0

    half_life_days: Annotated[
        float, Meta(gt=0, description="Days of event time after which a play counts half as well; `inf`: never.")
    ] = float("inf")
    growth: Annotated[
        Literal["rule", "log", "linear"],
        Meta(description="How confidence grows with repeats: `log`, `linear`, or as the rule's own paper has it."),
    ] = "rule"

    # The night: how generations are made and kept.
    hyperparameters: Annotated[
        Literal["settings", "tuned"],
        Meta(description="What to train with: the settings above, or what `playfold tune` found best."),
    ] = "settings"
    tune_s: Annotated[
        float, Meta(ge=0, description="Seconds that a retrain may spend on finding better hyperparameters; 0: none.")
    ] = 0.0
    warm_iterations: Annotated[
        int,
        Meta(
            ge=0,
            description="Sweeps of a training that starts from the generation in service; 0: every training starts "
            "from chance, with `iterations` sweeps.",
        ),
    ] = 5
    active_plays_min: Annotated[
        int, Meta(ge=1, description="Plays that a listener has made to be trained on; the others are folded in.")
    ] = 1
    active_days: Annotated[
        float,
        Meta(
            gt=0,
            description="Days, before the latest play of all, in which a listener has played to be trained on; "
            "`inf`: whenever.",
        ),
    ] = float("inf")
    gate_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of the listeners, at least 1,000 of them, whose latest item is kept from the training "
            "to judge it; 0: no gate.",
        ),
    ] = 0.05
    generation_store: Annotated[
        str,
        Meta(description="Where generations are kept: a folder, or a URL as `s3://bucket/prefix`; empty: data folder."),
    ] = ""
    generations_max: Annotated[
        int, Meta(ge=2, description="Generations kept in the store, and as many rejected ones; older ones are pruned.")
    ] = 7
    index_trees: Annotated[int, Meta(ge=1, le=1000, description="Trees of a generation's Annoy index.")] = 50
    index_rebuild_s: Annotated[
        float, Meta(gt=0, description="Seconds between two revisions of the index; `inf`: only when items change.")
    ] = 21_600.0
    related_n: Annotated[int, Meta(ge=0, le=1000, description="Related items kept for every item; 0: none.")] = 20

    def __post_init__(self) -> None:
        """Check what no single setting tells."""
        weights = self.weights
        if "play" not in weights or WISHES & weights.keys() or len(weights) < self.event_weights.count("="):
            message = (
                f"PLAYFOLD_EVENT_WEIGHTS is {self.event_weights!r}, which does not fit: name play and other types, "
                f"each once, and none of {', '.join(sorted(WISHES))}."
            )
            raise ValueError(message)

    @property
    def weights(self) -> dict[str, float]:
        """Return what a signal of each type is worth."""
        return {
            name: float(worth) for name, _, worth in (pair.partition("=") for pair in self.event_weights.split(","))
        }

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
        """Return the folder of generations on this machine: the store itself, or what is held of a remote one."""
        return self.data_path / "generations"

    @property
    def nights_path(self) -> Path:
        """Return the folder of the runs that make generations."""
        return self.data_path / "nights" / self.group

    @property
    def tuned_path(self) -> Path:
        """Return the folder of what tuning found."""
        return self.data_path / "tuned" / self.group

    @property
    def gateways_path(self) -> Path:
        """Return the folder of what all gateways on this machine hold."""
        return self.data_path / "gateways" / self.group

    @property
    def gateway_path(self) -> Path:
        """Return the folder of what this gateway holds of the topics."""
        return self.gateways_path / self.instance

    @property
    def workers_path(self) -> Path:
        """Return the folder of the states of all workers on this machine."""
        return self.data_path / "workers" / self.group

    @property
    def worker_path(self) -> Path:
        """Return the folder of this worker's state."""
        return self.workers_path / self.instance


class SettingsError(ValueError):
    """A setting cannot be used; the message names it. Correct the environment variable and start again."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environment: Names and values; the process's own environment if left out.

    Raises:
        SettingsError: A `PLAYFOLD_` variable is unknown or its value does not fit.
    """
    environment = os.environ if environment is None else environment
    fields = {f"{PREFIX}{field.upper()}": field for field in Settings.__struct_fields__}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in fields)
    if unknown:
        message = f"{unknown[0]} is not a setting of playfold; docs/configuration.md lists them all."
        raise SettingsError(message)
    given = {fields[name]: value for name, value in environment.items() if name in fields}
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        if not path:
            raise SettingsError(reason) from None
        name = f"{PREFIX}{path.rstrip('`').upper()}"
        message = f"{name} is {environment[name]!r}, which does not fit: {reason[:1].lower()}{reason[1:]}."
        raise SettingsError(message) from None
