"""States that are moved, and checks of them."""

from streams.settings import Settings, override
from tests.kafka.made_state import (
    USERS,
)


def each(*items: str) -> dict[str, list[str]]:
    """Return plays of these items by every listener."""
    return {user: list(items) for user in USERS}


def target_of(old: Settings, name: str, partitions: int = 3) -> Settings:
    """Return the settings of new topics."""
    group = old.application.group
    return override(old, partitions=partitions, topic_prefix=f"{name}.{group}.", group=f"{group}-{name}")
