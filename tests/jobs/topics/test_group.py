"""The members of the workers' group, as Kafka describes it."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, KafkaError

from jobs.topics import group as module
from jobs.topics.errors import MoveError
from jobs.topics.group import LEAVE_S, _members, await_no_members
from streams.readers.log_reader import LogReadError
from tests.support.settings import settings_with
from tests.support.virtual_time import now_s

LOADING, NOT_COORDINATOR, REFUSED, UNKNOWN = 14, 16, 30, 69
SETTINGS = settings_with(session_timeout_s=6)


class Admin:
    """An admin client of one cluster."""

    def __init__(self, *member_ids: str, faults: tuple[Exception | int, ...] = ()) -> None:
        """Have members, which it names after its faults: errors, or error codes of the response."""
        self._member_ids, self._faults = member_ids, list(faults)

    async def start(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""

    async def describe_consumer_groups(self, groups: list[str]) -> Any:
        """Describe the group in the fields of Kafka's response."""
        assert groups == ["playfold"]
        fault = (self._faults.pop(0) if len(self._faults) > 1 else self._faults[0]) if self._faults else 0
        if isinstance(fault, Exception):
            raise fault
        members = [] if fault else [(member_id, "client", "host", b"", b"") for member_id in self._member_ids]
        return [SimpleNamespace(groups=[(fault, "playfold", "Stable", "consumer", "range", members, 0)])]


async def members(admin: Any) -> list[str]:
    """Return the names."""
    return await _members(admin, "playfold")


async def test_a_worker_has_its_name() -> None:
    """Without the UUID that Kafka adds."""
    admin = Admin("playfold-b-0d3fbb0c-4d2e-4a55-9f5e-1f0d3c3a2b10", "playfold-a-6a1e2f6e-98f0-4c61-a2ab-5b9d7a0ce0a1")

    assert ["playfold-a", "playfold-b"] == await members(admin)


async def test_a_group_without_members_is_empty() -> None:
    """As is one that Kafka does not know."""
    assert [] == await members(Admin())
    assert [] == await members(Admin(faults=(UNKNOWN,)))


@pytest.mark.parametrize("code", [LOADING, NOT_COORDINATOR, REFUSED])
async def test_an_error_of_the_response_is_no_empty_group(code: int) -> None:
    """A coordinator that loads the group names no members, though workers run."""
    with pytest.raises(KafkaError) as caught:
        await members(Admin("playfold-a", faults=(code,)))

    assert code == caught.value.errno


@pytest.mark.virtual_time
@pytest.mark.parametrize("fault", [LOADING, NOT_COORDINATOR, GroupCoordinatorNotAvailableError()])
async def test_a_coordinator_that_starts_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, fault: Exception | int
) -> None:
    """Its members then are those of the group."""
    monkeypatch.setattr(module, "new_async_admin", lambda _: Admin("playfold-a", faults=(fault, fault, 0)))

    with pytest.raises(MoveError, match=r"^Group playfold has 1 member \(playfold-a\): stop every worker and run"):
        await await_no_members(SETTINGS)


@pytest.mark.virtual_time
async def test_a_coordinator_that_never_answers_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an empty group."""
    monkeypatch.setattr(module, "new_async_admin", lambda _: Admin(faults=(LOADING,)))

    with pytest.raises(LogReadError, match=r"^Kafka did not name the members of group playfold: GroupLoadInProgress"):
        await await_no_members(SETTINGS)

    assert now_s() == pytest.approx(6 + LEAVE_S, abs=1)


async def test_a_refusal_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another request would not help."""
    monkeypatch.setattr(module, "new_async_admin", lambda _: Admin(faults=(GroupAuthorizationFailedError(),)))

    with pytest.raises(LogReadError, match="GroupAuthorizationFailedError"):
        await await_no_members(SETTINGS)
