"""The members of the workers' group, as Kafka describes it."""

from types import SimpleNamespace
from typing import Any

from aiokafka.errors import GroupCoordinatorNotAvailableError

from jobs.topics.group import _members


class Admin:
    """An admin client of one cluster."""

    def __init__(self, *member_ids: str, error: Exception | None = None) -> None:
        """Have members, or an error."""
        self._member_ids, self._error = member_ids, error

    async def describe_consumer_groups(self, groups: list[str]) -> Any:
        """Describe the group in the fields of Kafka's response."""
        assert groups == ["playfold"]
        if self._error is not None:
            raise self._error
        members = [(member_id, "client", "host", b"", b"") for member_id in self._member_ids]
        return [SimpleNamespace(groups=[(0, "playfold", "Stable", "consumer", "range", members, 0)])]


async def members(admin: Any) -> list[str]:
    """Return the names."""
    return await _members(admin, "playfold")


async def test_a_worker_has_its_name() -> None:
    """Without the UUID that Kafka adds."""
    admin = Admin("playfold-b-0d3fbb0c-4d2e-4a55-9f5e-1f0d3c3a2b10", "playfold-a-6a1e2f6e-98f0-4c61-a2ab-5b9d7a0ce0a1")

    assert ["playfold-a", "playfold-b"] == await members(admin)


async def test_a_group_without_members_is_empty() -> None:
    """As is a cluster that has no group yet."""
    assert [] == await members(Admin())
    assert [] == await members(Admin(error=GroupCoordinatorNotAvailableError()))
