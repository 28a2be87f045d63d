"""The least rights of each process on the cluster, and their check at the start of a process."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from kafka.errors import (
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)

from streams.connection.rights import MissingRightError, Right, describe_missing
from streams.settings import Settings
from streams.topics.admin import admin_client
from streams.topics.topics import TopicNames, declare_topics, topic_names

RightsOf = Callable[[Settings], list[Right]]
AGAIN_S = 0.2
"""Pause before the next request for the group."""


def producer_rights(settings: Settings) -> list[Right]:
    """Return the rights of a program that sends plays."""
    return [_topic("WRITE", topic_names(settings).plays)]


def replay_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold replay`, which verifies all topics first and reads the reports of workers."""
    names = topic_names(settings)
    used = names.plays, names.pulse
    return [_topic("WRITE", names.plays), _topic("READ", names.pulse), *_described(settings, used)]


def import_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold replay` with an export, which also looks up plays and items that are known."""
    names, group = topic_names(settings), Right("DESCRIBE", "group", settings.application.group)
    read, written = (names.catalog, names.users_changelog, names.pulse), (names.plays, names.catalog)
    return [group, *_all("READ", read), *_all("WRITE", written), *_described(settings, read + written)]


def rejects_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold rejects`; only its `retry` writes."""
    names = topic_names(settings)
    return [*_all("READ", (names.plays, names.plays_rejected)), _topic("WRITE", names.plays)]


def reader_rights(settings: Settings) -> list[Right]:
    """Return the rights of a program that reads lists without a consumer group, and of `playfold recommend`."""
    return [_topic("READ", topic_names(settings).recommendations)]


def worker_rights(settings: Settings) -> list[Right]:
    """Return the rights of a worker."""
    names, group = topic_names(settings), Right("READ", "group", settings.application.group)
    read = names.plays, names.users_changelog, names.generations, names.catalog
    written = (
        names.users_changelog,
        names.recommendations,
        names.private_recommendations,
        names.plays_rejected,
        names.popular_items,
        names.pulse,
        names.generations,
    )
    return [group, *_all("READ", read), *_all("WRITE", written), *_described(settings, read + written)]


def gateway_rights(settings: Settings) -> list[Right]:
    """Return the rights of a gateway."""
    names = topic_names(settings)
    every = msgspec.structs.astuple(names)
    group, written = Right("DESCRIBE", "group", settings.application.group), _topic("WRITE", names.plays)
    return [group, written, *_all("READ", every), *_described(settings, every)]


def request_rights(settings: Settings) -> list[Right]:
    """Return the rights of `hide`, `pause`, `forget`, `export` and `trace`: they send a request or read everything."""
    names, group = topic_names(settings), Right("DESCRIBE", "group", settings.application.group)
    return [group, _topic("WRITE", names.plays), *_all("READ", (*_of_listeners(names), names.generations))]


def retrain_rights(settings: Settings) -> list[Right]:
    """Return the rights of `retrain`, `nightly` and `generations rollback`."""
    names = topic_names(settings)
    written = names.generations, names.related_items
    return [*_all("READ", (names.users_changelog, *written)), *_all("WRITE", written)]


def rebase_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold state rebase`."""
    names, group = topic_names(settings), Right("READ", "group", settings.application.group)
    written = names.users_changelog, names.generations
    return [group, *_all("READ", (names.plays, *written)), *_all("WRITE", written)]


def catalog_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold catalog`, which reads the reports of workers."""
    names = topic_names(settings)
    read = names.catalog, names.pulse
    return [*_all("READ", read), _topic("WRITE", names.catalog), *_described(settings, read)]


def doctor_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold doctor`, which changes nothing."""
    names = topic_names(settings)
    read = names.generations, names.pulse, names.plays_rejected
    group = Right("DESCRIBE", "group", settings.application.group)
    return [group, *_all("READ", read), *_described(settings, read)]


def topics_rights(settings: Settings) -> list[Right]:
    """Return the rights of `playfold topics create`."""
    names = [topic.name for topic in declare_topics(settings)]
    return [*_all("CREATE", names), *_described(settings, ())]


PROCESSES: dict[str, RightsOf] = {
    "producer": producer_rights,
    "reader": reader_rights,
    "replay": replay_rights,
    "import": import_rights,
    "rejects": rejects_rights,
    "worker": worker_rights,
    "gateway": gateway_rights,
    "requests": request_rights,
    "retrain": retrain_rights,
    "rebase": rebase_rights,
    "catalog": catalog_rights,
    "doctor": doctor_rights,
    "topics": topics_rights,
}
"""The rights of each process by its name."""


def check_rights(process: str, settings: Settings) -> None:
    """Check that Kafka grants a process all its rights.

    Faust only logs a missing right and continues, and a consumer waits for records without end.

    Raises:
        MissingRightError: Rights are missing; the message names all of them.
        TopicsError: Kafka cannot be reached or refuses.
    """
    rights = PROCESSES[process](settings)
    topics = sorted({right.name for right in rights if right.resource == "topic"})
    groups = sorted({right.name for right in rights if right.resource == "group"})
    with admin_client(settings.kafka) as admin:
        granted = _granted_on_topics(admin, topics) | _granted_on_groups(admin, groups, settings.kafka.timeout_s)
    missing = [right for right in rights if right.operation not in granted.get((right.resource, right.name), ())]
    if missing:
        raise MissingRightError(describe_missing(settings.kafka, missing))


class _Everything(frozenset[str]):
    """The operations of a cluster that does not say which are granted."""

    def __contains__(self, operation: object) -> bool:
        return True


Granted = dict[tuple[str, str], frozenset[str]]


def _granted_on_topics(admin: Any, names: Sequence[str]) -> Granted:
    """Return the granted operations by topic; a topic that does not exist is the matter of `verify_topics`."""
    return {
        ("topic", topic["name"]): _operations(
            topic["authorized_operations"], is_refused=topic["error_code"] == TopicAuthorizationFailedError.errno
        )
        for topic in admin.describe_topics(list(names))
    }


def _granted_on_groups(admin: Any, names: Sequence[str], timeout_s: float) -> Granted:
    """Return the granted operations by consumer group."""
    granted: Granted = {}
    deadline = time.monotonic() + timeout_s
    for name in names:
        while ("group", name) not in granted:
            try:
                described = admin.describe_groups([name])[name]
            except GroupAuthorizationFailedError:
                granted["group", name] = frozenset()
            except CoordinatorNotAvailableError:
                # A new cluster creates its topic of offsets at the first request.
                if time.monotonic() > deadline:
                    raise
                time.sleep(AGAIN_S)
            else:
                # The admin client returns an error of the group as a text.
                refused = GroupAuthorizationFailedError.__name__ in str(described["error"])
                granted["group", name] = _operations(described["authorized_operations"], is_refused=refused)
    return granted


def _operations(operations: Iterable[str] | None, *, is_refused: bool) -> frozenset[str]:
    """Return granted operations; without any and without a refusal, the cluster does not report them."""
    if is_refused:
        return frozenset()
    return _Everything() if operations is None else frozenset(operations)


def _topic(operation: str, name: str) -> Right:
    return Right(operation, "topic", name)


def _all(operation: str, names: Iterable[str]) -> list[Right]:
    return [_topic(operation, name) for name in names]


def _described(settings: Settings, used: Iterable[str]) -> list[Right]:
    """Return the rights to compare all topics with their declarations; one to use a topic is one to describe it."""
    names = [topic.name for topic in declare_topics(settings)]
    known = set(used)
    return [*_all("DESCRIBE", (name for name in names if name not in known)), *_all("DESCRIBE_CONFIGS", names)]


def _of_listeners(names: TopicNames) -> tuple[str, ...]:
    """Return the topics with records of a listener."""
    return (
        names.plays,
        names.plays_rejected,
        names.recommendations,
        names.private_recommendations,
        names.users_changelog,
    )
