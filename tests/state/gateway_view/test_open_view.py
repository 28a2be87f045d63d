"""Views that are dropped when they are opened, and those that are read on."""

import logging
from pathlib import Path

import pytest

from state.gateway_view.open_view import VIEW_S_MAX, open_view
from tests.state.gateway_view.records import TOPIC, made, store


def test_a_view_of_other_topics_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Topics that were deleted and created again have other offsets; the log reports it."""
    view = open_view(tmp_path / "view", b"first", 0)
    store(view, (b"ann", made(7)), next_offset=12)
    view.mark_current(1)
    view.close()
    view = open_view(tmp_path / "view", b"first", 1)
    assert 12 == view.next_offset(TOPIC, 0)
    view.close()

    with caplog.at_level(logging.WARNING):
        view = open_view(tmp_path / "view", b"second", 1)

    assert 0 == view.next_offset(TOPIC, 0)
    assert view.list_of("ann") is None
    assert b"second" == view.identity
    assert ["view_dropped"] == caplog.messages
    view.close()


@pytest.mark.parametrize(("age_s", "is_kept"), [(VIEW_S_MAX, True), (VIEW_S_MAX + 1, False)])
def test_an_old_view_is_dropped(tmp_path: Path, age_s: float, *, is_kept: bool) -> None:
    """After half a day it could have missed a tombstone and show a forgotten listener's list."""
    view = open_view(tmp_path / "view", b"", 0)
    store(view, (b"ann", made(7)))
    view.mark_current(1000)
    view.close()

    view = open_view(tmp_path / "view", b"", 1000 + age_s)

    assert is_kept == (view.list_of("ann") is not None)
    view.close()


@pytest.mark.parametrize(("age_s", "is_kept"), [(VIEW_S_MAX, True), (VIEW_S_MAX + 1, False)])
def test_a_view_that_was_never_current_is_as_old_as_its_creation(
    tmp_path: Path, age_s: float, *, is_kept: bool
) -> None:
    """Its gateway crashed while it read, perhaps repeatedly: it resumes, but not after half a day."""
    view = open_view(tmp_path / "view", b"", 5000)
    store(view, (b"ann", made(7)))
    view.close()

    view = open_view(tmp_path / "view", b"", 5000 + age_s)

    assert is_kept == (view.list_of("ann") is not None)
    view.close()
