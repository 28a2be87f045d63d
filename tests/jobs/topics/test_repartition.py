"""The names of the new topics of a repartition."""

import asyncio

import pytest

from jobs.progress import no_progress
from jobs.topics.errors import MoveError
from jobs.topics.repartition import repartition, target_settings
from tests.support.settings import settings_with


@pytest.mark.parametrize(("prefix", "group", "expected"), [
    ("", "playfold", ("p8-", "playfold-p8")),
    ("radio.", "radio", ("p8-radio.", "radio-p8")),
    ("p4-radio.", "radio-p4", ("p8-radio.", "radio-p8")),
])  # fmt: skip
def test_new_names_follow_from_the_number(prefix: str, group: str, expected: tuple[str, str]) -> None:
    """Names of an earlier repartition do not pile up."""
    target = target_settings(settings_with(topic_prefix=prefix, group=group), 8, None, None)

    assert expected == (target.topics.prefix, target.application.group)
    assert 8 == target.topics.partitions


def test_given_names_are_taken() -> None:
    """As they are."""
    target = target_settings(settings_with(), 8, "next.", "next")

    assert "next." == target.topics.prefix
    assert "next" == target.application.group


@pytest.mark.parametrize(("prefix", "group", "name"), [
    ("", "next", "plays"),
    ("next.", "playfold", "playfold-users-changelog"),
])  # fmt: skip
def test_a_topic_is_never_copied_onto_itself(prefix: str, group: str, name: str) -> None:
    """The old topics are the way back."""
    settings = settings_with()
    target = target_settings(settings, 8, prefix, group)

    with pytest.raises(MoveError, match=f"^The new topic {name} has the name of the old one"):
        asyncio.run(repartition(settings, target, no_progress))
