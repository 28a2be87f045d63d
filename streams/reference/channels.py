"""What people are told of every topic: who it is for, its key, what a tombstone says, and who reads and writes it."""

from typing import Any, Literal

import msgspec

from streams.messages.records import ItemId, UserId
from streams.settings import Settings
from streams.topics import topics

USERS_CHANGELOG = topics.topic_names(Settings()).users_changelog
BINARY = {"type": "string", "format": "binary"}


class Operation(msgspec.Struct, frozen=True):
    """What playfold does with a topic."""

    name: str
    action: Literal["send", "receive"]
    title: str
    summary: str
    group: str | None = None
    """The consumer group, where one is used."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is told to who sends to it or reads it."""

    title: str
    summary: str
    description: str
    audience: Literal["producers", "consumers", "operators", "internal"]
    key: dict[str, Any]
    """JSON Schema of the records' keys."""
    operations: tuple[Operation, ...]
    tombstone: str | None = None
    """What a record without a value says; None: there is none."""


def _text(description: str) -> dict[str, Any]:
    """Return the schema of a key that is text."""
    return {"type": "string", "description": description}


CHANNELS: dict[str, Channel] = {
    topics.PLAYS: Channel(
        title="Plays and wishes",
        summary="What listeners do and wish; the one topic to send to.",
        description="The order of one listener's records counts, so the key is the `user_id` and the partition is "
        "murmur2 of it, as Kafka's own clients compute it by default. A record that cannot be read goes to "
        "`plays-rejected`, and the stream goes on. The gateway and the commands write here, too.",
        audience="producers",
        key=msgspec.json.schema(UserId),
        operations=(
            Operation(
                "receivePlays",
                "receive",
                "Learn from plays, carry out wishes",
                "A worker folds every event into what it knows of its listener, once, in the order of offsets.",
                group=Settings().application.group,
            ),
        ),
    ),
    topics.PLAYS_REJECTED: Channel(
        title="Rejected plays",
        summary="What could not be read, with the reason and the original bytes.",
        description="Watch it while you write a producer. Of a private play that cannot be read only the place is "
        "told: key and value are null.",
        audience="producers",
        key=_text("The key of the record that was rejected; empty if it had none, or was private."),
        operations=(
            Operation("sendRejects", "send", "Set aside what cannot be read", "Where it stood, why, and what it was."),
        ),
    ),
    topics.RECOMMENDATIONS: Channel(
        title="Lists",
        summary="Every listener's list, with its reasons, whenever it changed.",
        description="Compacted: reading it from the beginning gives everybody's list. Among several lists of one "
        "listener the one with the highest `offset` counts, of equals the later record.",
        audience="consumers",
        key=msgspec.json.schema(UserId),
        tombstone="The listener was forgotten: drop what you hold of them.",
        operations=(
            Operation(
                "sendLists", "send", "Publish lists", "When a list changed, names another generation, or grows old."
            ),
        ),
    ),
    topics.PRIVATE_RECOMMENDATIONS: Channel(
        title="Lists of private sessions",
        summary="Lists that reflect what was played in private.",
        description="Read it from its end, show a list until it expires, and keep nothing of it. Not compacted, and "
        "Kafka drops what stands here after minutes.",
        audience="consumers",
        key=msgspec.json.schema(UserId),
        operations=(
            Operation("sendPrivateLists", "send", "Publish lists of private sessions", "After every private play."),
        ),
    ),
    topics.GENERATIONS: Channel(
        title="The generation to serve",
        summary="Which item factors all workers serve, under the one key `serving`.",
        description="Between the processes of playfold. Others may read it to learn when the lists become those of "
        "another generation; nobody else writes to it.",
        audience="internal",
        key={"type": "string", "enum": ["serving"]},
        operations=(
            Operation("sendGeneration", "send", "Announce a generation", "After a retrain, a rollback, a new index."),
            Operation("receiveGeneration", "receive", "Serve what is announced", "A worker swaps, and sweeps."),
        ),
    ),
    topics.RELATED_ITEMS: Channel(
        title="Related items",
        summary="The nearest items of every item, of the generation in service.",
        description="Compacted; written anew with every generation. What is unavailable is not left out.",
        audience="consumers",
        key=msgspec.json.schema(ItemId),
        tombstone="The generation in service relates nothing to the item.",
        operations=(
            Operation("sendRelatedItems", "send", "Publish related items", "After a generation was announced."),
        ),
    ),
    topics.POPULAR_ITEMS: Channel(
        title="What is popular",
        summary="What listeners play most, of all items and of each kind.",
        description="Every partition has the lists of the worker that owns it, so there are as many records of one "
        "key as partitions. They differ little; take the one with the highest `made_at_ms`.",
        audience="consumers",
        key=_text("Kind of the items by the catalog, or `all`."),
        tombstone="There are no items of this kind any more.",
        operations=(Operation("sendPopularItems", "send", "Publish what is popular", "When the items changed."),),
    ),
    topics.CATALOG: Channel(
        title="What items are",
        summary="Titles, kinds and tags of items, and when they are available.",
        description="Compacted: the last record of an item holds, as a whole. An item of which nothing is said is "
        "available. What cannot be read is logged and ignored.",
        audience="producers",
        key=msgspec.json.schema(ItemId),
        tombstone="What was said of the item is taken back.",
        operations=(
            Operation("receiveCatalog", "receive", "Know the items", "What is unavailable is left out of new lists."),
        ),
    ),
    topics.PULSE: Channel(
        title="Pulse",
        summary="How each worker is, and how good its lists are.",
        description="The last record of each worker, for an hour. It says nothing of any listener.",
        audience="operators",
        key=_text("Name of the worker."),
        operations=(Operation("sendPulse", "send", "Tell how a worker is", "Once in `PLAYFOLD_PULSE_S`."),),
    ),
    USERS_CHANGELOG: Channel(
        title="Users changelog",
        summary="Everybody's history, in a binary form of playfold's own. Internal.",
        description="The backup of the workers' state and the training set. It is here so that a cluster's operator "
        "knows it: its form changes with playfold, nobody else may write to it, and who wants to know what is held of "
        "a listener asks `playfold export`. Its name begins with `PLAYFOLD_GROUP`.",
        audience="internal",
        key=BINARY | {"description": "A user id; or, of an item's name, a zero byte and the item's 64-bit key."},
        tombstone="The listener was forgotten, a day ago.",
        operations=(
            Operation("sendUsers", "send", "Keep what is known of listeners", "Before a slice of plays is done."),
            Operation("receiveUsers", "receive", "Recover and train", "A worker without its state, and a retrain."),
        ),
    ),
}
"""By the name of the topic under settings as they come."""
