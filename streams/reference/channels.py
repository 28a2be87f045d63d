"""The documentation of all topics: audience, key, meaning of a tombstone, readers and writers."""

from typing import Any, Literal

import msgspec

from streams.messages.fields import ItemId, UserId
from streams.settings import Settings
from streams.topics import topics

USERS_CHANGELOG = topics.topic_names(Settings()).users_changelog
BINARY = {"type": "string", "format": "binary"}


class Operation(msgspec.Struct, frozen=True):
    """An operation of playfold on a topic."""

    name: str
    action: Literal["send", "receive"]
    title: str
    summary: str
    group: str | None = None
    """The consumer group, if there is one."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """The documentation of a topic for its producers and consumers."""

    title: str
    summary: str
    description: str
    audience: Literal["producers", "consumers", "operators", "internal"]
    key: dict[str, Any]
    """JSON Schema of the records' keys."""
    operations: tuple[Operation, ...]
    tombstone: str | None = None
    """The meaning of a record without a value; None: the topic has no such records."""


def _text(description: str) -> dict[str, Any]:
    """Return the schema of a key that is text."""
    return {"type": "string", "description": description}


CHANNELS: dict[str, Channel] = {
    topics.PLAYS: Channel(
        title="Plays and user requests",
        summary="Plays, other signals and requests of listeners; the main topic for producers.",
        description="The order of a listener's records matters, so the key is the `user_id` and the partition is "
        "murmur2 of it, the default of Kafka's clients. A record that does not decode is copied to "
        "`plays-rejected`, and the worker continues. The gateway and the commands also write to this topic.",
        audience="producers",
        key=msgspec.json.schema(UserId),
        operations=(
            Operation(
                "receivePlays",
                "receive",
                "Learn plays, process requests",
                "A worker applies every event to the record of its listener, once, in the order of offsets.",
                group=Settings().application.group,
            ),
        ),
    ),
    topics.PLAYS_REJECTED: Channel(
        title="Rejected plays",
        summary="Records of `plays` that do not decode, with the reason and the original bytes.",
        description="Follow it while you write a producer. A rejected private play has only its place: key and value "
        "are null.",
        audience="producers",
        key=_text("The key of the rejected record; empty if it had none or was private."),
        operations=(
            Operation("sendRejects", "send", "Publish rejected records", "With place, reason and original bytes."),
        ),
    ),
    topics.RECOMMENDATIONS: Channel(
        title="Lists",
        summary="The list of every listener, with its explanation, after every change.",
        description="Compacted: a read from the beginning returns the lists of all listeners. Of several lists of one "
        "listener the one with the highest `offset` is valid, of equal ones the later record.",
        audience="consumers",
        key=msgspec.json.schema(UserId),
        tombstone="The listener was forgotten: delete your copy of the list.",
        operations=(
            Operation(
                "sendLists",
                "send",
                "Publish lists",
                "When a list changes, belongs to another generation, or is about to expire.",
            ),
        ),
    ),
    topics.PRIVATE_RECOMMENDATIONS: Channel(
        title="Lists of private sessions",
        summary="Lists that reflect private plays.",
        description="Read it from its end, show a list until it expires, and store no list. The topic is not "
        "compacted, and Kafka deletes its records within minutes.",
        audience="consumers",
        key=msgspec.json.schema(UserId),
        operations=(
            Operation("sendPrivateLists", "send", "Publish lists of private sessions", "After every private play."),
        ),
    ),
    topics.GENERATIONS: Channel(
        title="The generation to serve",
        summary="The generation that all workers serve, under the only key `serving`.",
        description="Between the processes of playfold. Other programs may read it to notice a change of the "
        "generation; only playfold writes to it. A record with the key `topics/GROUP` names the topics that the "
        "state of a group's workers belongs to, and is no announcement.",
        audience="internal",
        key={"type": "string", "enum": ["serving"]},
        operations=(
            Operation("sendGeneration", "send", "Announce a generation", "After a retrain, a rollback or a new index."),
            Operation(
                "receiveGeneration",
                "receive",
                "Serve the announced generation",
                "A worker swaps to it and sweeps its users.",
            ),
        ),
    ),
    topics.RELATED_ITEMS: Channel(
        title="Related items",
        summary="The nearest items of every item under the generation in service.",
        description="Compacted; rewritten with every generation. Unavailable items are included.",
        audience="consumers",
        key=msgspec.json.schema(ItemId),
        tombstone="The item has no related items under the generation in service.",
        operations=(
            Operation("sendRelatedItems", "send", "Publish related items", "After a generation was announced."),
        ),
    ),
    topics.POPULAR_ITEMS: Channel(
        title="Popular items",
        summary="The most played items, of all items and of each kind.",
        description="Every partition has the lists of its worker, so there are as many records of one key as "
        "partitions. They differ little; use the one with the highest `made_at_ms`.",
        audience="consumers",
        key=_text("Kind of the items in the catalog, or `all`."),
        tombstone="This kind has no items any more.",
        operations=(Operation("sendPopularItems", "send", "Publish popular items", "When the items change."),),
    ),
    topics.CATALOG: Channel(
        title="Catalog",
        summary="Titles, kinds, tags and availability of items.",
        description="Compacted: the last record of an item replaces all earlier ones. An item without a record is "
        "available. A record that does not decode is logged and ignored.",
        audience="producers",
        key=msgspec.json.schema(ItemId),
        tombstone="The record of the item is deleted.",
        operations=(
            Operation("receiveCatalog", "receive", "Read the catalog", "Unavailable items are left out of new lists."),
        ),
    ),
    topics.PULSE: Channel(
        title="Pulse",
        summary="The health of each worker and the quality of its lists.",
        description="The last record of each worker, kept for an hour. It has no data about listeners.",
        audience="operators",
        key=_text("Name of the worker."),
        operations=(
            Operation("sendPulse", "send", "Publish the health of a worker", "Every `PLAYFOLD_PULSE_S` seconds."),
        ),
    ),
    USERS_CHANGELOG: Channel(
        title="Users changelog",
        summary="The histories of all listeners in a binary format. Internal.",
        description="The backup of the workers' state, and the training set. It is documented for operators of the "
        "cluster. Its format changes with playfold, and only playfold writes to it. `playfold export` prints the data "
        "about a listener. Its name begins with `PLAYFOLD_GROUP`.",
        audience="internal",
        key=BINARY | {"description": "A user id; or, of an item's name, a zero byte and the item's 64-bit key."},
        tombstone="The listener was forgotten, a day ago.",
        operations=(
            Operation("sendUsers", "send", "Store the records of listeners", "Before a commit group is acknowledged."),
            Operation(
                "receiveUsers", "receive", "Recover and train", "By a worker without its state, and by a retrain."
            ),
        ),
    ),
}
"""By the topic's name under the default settings."""
