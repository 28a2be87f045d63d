"""The probe of the brokers, whose answers are made up."""

import asyncio
from typing import Any

import pytest

from streams.connection import probe
from streams.connection.probe import Address, Answer, find_fault
from tests.support.settings import settings_with

FIRST, SECOND, THIRD = ("a", 9092), ("b", 9092), ("c", 9092)
ALL = [FIRST, SECOND, THIRD]
KAFKA = settings_with(brokers="a:9092").kafka
WRONG: Answer = ("The password is wrong.", [])
DOWN: Answer = (None, [])


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[Address, Answer]:
    """Give the answer of each broker, which accept clients and advertise all three."""
    made: dict[Address, Answer] = dict.fromkeys(ALL, (None, ALL))

    async def answer(address: Address, *_: Any) -> Answer:
        return made[address]

    monkeypatch.setattr(probe, "_probe", answer)
    return made


@pytest.mark.usefixtures("answers")
async def test_brokers_that_accept_have_no_fault() -> None:
    """At a start and later."""
    assert None is await find_fault(KAFKA, {})
    assert None is await find_fault(KAFKA, {}, one_is_enough=True)


async def test_the_fault_of_an_advertised_broker_is_one_at_a_start(answers: dict[Address, Answer]) -> None:
    """Later it is none as long as another broker accepts: it may be starting."""
    answers[SECOND], answers[THIRD] = WRONG, DOWN

    assert "Kafka at a:9092 advertises b:9092: The password is wrong." == await find_fault(KAFKA, {})
    assert None is await find_fault(KAFKA, {}, one_is_enough=True)


async def test_an_address_that_is_not_advertised_accepts_nobody_for_long(answers: dict[Address, Answer]) -> None:
    """A load balancer answers the first request; the clients need one of the brokers behind it."""
    answers[FIRST] = None, [SECOND, THIRD]
    answers[SECOND], answers[THIRD] = WRONG, DOWN
    expected = "Kafka at a:9092 advertises b:9092: The password is wrong."

    assert expected == await find_fault(KAFKA, {}, one_is_enough=True)
    answers[THIRD] = None, [SECOND, THIRD]
    assert None is await find_fault(KAFKA, {}, one_is_enough=True)


async def test_a_fault_of_the_only_address_is_one(answers: dict[Address, Answer]) -> None:
    """No broker accepts."""
    answers[FIRST] = WRONG

    assert WRONG[0] == await find_fault(KAFKA, {}, one_is_enough=True)


async def test_advertised_brokers_are_probed_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs does not use up the time of the others."""
    together = asyncio.Barrier(2)

    async def answer(address: Address, *_: Any) -> Answer:
        if address != FIRST:
            await together.wait()
        return None, ALL

    monkeypatch.setattr(probe, "_probe", answer)

    async with asyncio.timeout(5):
        assert None is await find_fault(KAFKA, {})
