"""Settings of a listener's state: signals, user records and private sessions."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from streams.messages.events import WISHES


class SignalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weight of a signal."""

    event_weights: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_-]{0,31}=-?[0-9]{1,3}(\.[0-9]{1,6})?"
            r"(,[a-z][a-z0-9_-]{0,31}=-?[0-9]{1,3}(\.[0-9]{1,6})?)*$",
            description="Weight of a signal by its type, `play` included; below 0: it speaks against the item. "
            "A signal of another type is rejected.",
        ),
    ] = "play=1,like=2,skip=-1"
    completion: Annotated[
        Literal["scale", "ignore"],
        Meta(description="`scale`: the weight of a play is multiplied by `ms_played / duration_ms`, if it has both."),
    ] = "scale"
    skip_below: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of `duration_ms` below which a play has the weight of a `skip`; 0: never."),
    ] = 0.0
    per_day_max: Annotated[
        int,
        Meta(
            ge=0,
            description="Most signals of a listener that are learnt from one day of event time; 0: all. Limits robots. "
            "Each signal counts on its own day, in any order of arrival.",
        ),
    ] = field(default=2000, name="user_signals_per_day_max")
    item_weight_max: Annotated[
        float, Meta(gt=0, description="Largest total weight of a listener's signals of one item.")
    ] = 1000.0

    def __post_init__(self) -> None:
        """Check that the event weights name `play` and other types once, and no wish."""
        weights = self.weights
        if "play" not in weights or WISHES & weights.keys() or len(weights) < self.event_weights.count("="):
            message = (
                f"PLAYFOLD_EVENT_WEIGHTS is {self.event_weights!r}, which does not fit: name play and other types, "
                f"each once, and none of {', '.join(sorted(WISHES))}."
            )
            raise ValueError(message)

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of a signal by its type."""
        return {
            name: float(weight) for name, _, weight in (pair.partition("=") for pair in self.event_weights.split(","))
        }


class UserSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a user record."""

    history_max: Annotated[
        int,
        Meta(
            ge=1,
            le=65535,
            description=(
                "Signals kept in a listener's history; over it the oldest repeats go first, then the oldest items."
            ),
        ),
    ] = 500
    play_ids_max: Annotated[int, Meta(ge=0, le=65535, description="Latest `play_id`s stored for a listener.")] = 32
    days_max: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Days of event time, beside the present one, whose signals are counted for a listener; the "
            "day counted longest ago is dropped first.",
        ),
    ] = field(default=60, name="user_days_max")
    hidden_max: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Most items that a listener can hide; above it the oldest hidden item is shown again.",
        ),
    ] = 1000
    shown_max: Annotated[
        int, Meta(ge=0, le=65535, description="Latest shown items stored for a listener; 0: none.")
    ] = 200
    cooldown_shows: Annotated[
        int,
        Meta(ge=0, description="Number of times that an item is shown without a play before it is left out; 0: never."),
    ] = 0
    cooldown_plays: Annotated[
        int, Meta(ge=1, description="Number of the listener's plays for which it is left out then.")
    ] = 20
    item_names_cached_max: Annotated[
        int, Meta(ge=1000, description="Item names that a worker caches as written, per partition.")
    ] = 1_000_000


class PrivateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Private sessions, which exist in a worker's memory only."""

    sessions_max: Annotated[
        int,
        Meta(
            ge=0,
            description="Most private sessions in a worker's memory, the latest ones; 0: none, and no private lists.",
        ),
    ] = field(default=10_000, name="private_sessions_max")
    plays_max: Annotated[int, Meta(ge=1, le=65535, description="Latest private plays of a listener in memory.")] = (
        field(default=100, name="private_plays_max")
    )
    idle_s: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Seconds after the last private play at which the session is deleted."),
    ] = field(default=1800.0, name="private_s")
    expires_s: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds after which a private list should not be shown.")
    ] = field(default=600, name="private_expires_s")
