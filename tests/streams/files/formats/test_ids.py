"""Ids that are derived from names."""

import pytest

from streams.files.formats.ids import item_id_of, play_id_of
from tests.support.imports import HARBOUR


@pytest.mark.parametrize(
    ("artist", "title"),
    [
        ("the made ups", "HARBOUR LIGHTS"),
        (" The  Made\tUps ", "Harbour\u00a0Lights"),
        ("\uff34\uff48\uff45 Made Ups", "Harbour Lights"),
    ],
)
def test_spelling_does_not_matter(artist: str, title: str) -> None:
    """Letter case, width and spaces differ from export to export."""
    assert HARBOUR == item_id_of(artist, title)


def test_composed_letters_and_quotes_do_not_matter() -> None:
    """Nor does the way in which they are written."""
    assert item_id_of("Bj\u00f6rk", "It\u2019s") == item_id_of("Bjo\u0308rk", "It's")


@pytest.mark.parametrize("title", ["Harbour Lights (Live)", "Harbour Lights - Remastered 2011", "HarbourLights"])
def test_other_recordings_are_other_items(title: str) -> None:
    """Nothing of a title is cut off."""
    assert HARBOUR != item_id_of("The Made Ups", title)


def test_artist_and_title_are_separated() -> None:
    """So that no two pairs run together."""
    assert item_id_of("a b", "c") != item_id_of("a", "b c")


def test_ids_stay_as_they_are() -> None:
    """Plays and catalog records of earlier imports have them."""
    assert "name:fed084878bdb637d6cb488bdfe801c9c" == item_id_of("The Made Ups", "Harbour Lights")
    assert "import:f03c2155f78348409a406c6261b637d7" == play_id_of("anna", "x", 1)
