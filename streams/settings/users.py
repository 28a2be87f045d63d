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
    per_day_max: Annotated[
        int,
        Meta(ge=0, description="Signals of a listener learnt from one day of event time; 0: all. Holds robots back."),
    ] = field(default=2000, name="user_signals_per_day_max")
    item_weight_max: Annotated[
        float, Meta(gt=0, description="Most that a listener's signals of one item are worth together.")
    ] = 1000.0

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


class UserSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a user record."""

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


class PrivateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Private sessions, which exist in a worker's memory only."""

    sessions_max: Annotated[
        int,
        Meta(
            ge=0,
            description="Listeners whose private plays a worker holds, those who played last; 0: none, and no list.",
        ),
    ] = field(default=10_000, name="private_sessions_max")
    plays_max: Annotated[int, Meta(ge=1, le=65535, description="Private plays held of a listener, the latest.")] = (
        field(default=100, name="private_plays_max")
    )
    idle_s: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Seconds after the last private play when everything of the session goes."),
    ] = field(default=1800.0, name="private_s")
    expires_s: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds after which a private list should not be shown.")
    ] = field(default=600, name="private_expires_s")
