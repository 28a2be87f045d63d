"""The values of `generations`: the generation in service, and the topics that the state of workers belongs to."""

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.messages.fields import EpochMs

_STATE_TOPICS = b"topics/"


def state_topics_key(group: str) -> bytes:
    """Return the key of a group's `StateTopics` on `generations`.

    >>> state_topics_key("playfold")
    b'topics/playfold'
    """
    return _STATE_TOPICS + group.encode()


def copied_plays_key(group: str) -> bytes:
    """Return the key of a group's `CopiedPlays` on `generations`.

    >>> copied_plays_key("playfold-p8")
    b'topics/copied/playfold-p8'
    """
    return _STATE_TOPICS + b"copied/" + group.encode()


def is_announcement_key(key: bytes | None) -> bool:
    """Return whether a record of `generations` is an announcement, by its key."""
    return key is None or not key.startswith(_STATE_TOPICS)


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The generation that all workers serve; the key is `serving`."""

    generation_id: Annotated[str, Meta(min_length=1, description="Id of the generation.")]
    revision: Annotated[
        int, Meta(ge=0, description="Its revision: a rebuilt index of the same generation is a new one.")
    ]
    announced_at_ms: Annotated[EpochMs, Meta(description="Time of the announcement.")]


class StateTopics(msgspec.Struct, frozen=True, kw_only=True):
    """The topics that the workers' state belongs to, by the ids that Kafka gives a topic; key `topics/GROUP`."""

    plays_id: Annotated[str, Meta(description="Id of the topic of plays.")]
    changelog_id: Annotated[str, Meta(description="Id of the users changelog.")]
    epoch: Annotated[int, Meta(ge=0, description="How many topics of plays came before the present one.")]
    partitions: Annotated[int, Meta(ge=1, description="Number of their partitions.")]


class CopiedPlays(msgspec.Struct, frozen=True, kw_only=True):
    """The plays of an old topic that a copied state has, or its own topic; the key is `topics/copied/GROUP`."""

    plays_id: Annotated[str, Meta(description="Id of the old topic of plays.")]
    ends: Annotated[dict[int, int], Meta(description="By partition of it, the offset after the last of these plays.")]
