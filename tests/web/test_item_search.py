"""Items found by part of their title, artist or id."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.generations.generation import Generation
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from tests.support.generations import make_generation
from tests.support.settings import settings_with
from web.item_search import LOOKED_AT_MAX, ItemSearch


def search_of(folder: Path, generation: Generation | None = None, **titles: str) -> ItemSearch:
    """Return a search over a catalog of titles by ids."""
    serving = Serving(generation_store(settings_with(data_dir=str(folder))))
    search = ItemSearch(serving)
    serving.observers = [search]
    if generation is not None:
        serving.take(generation)
    search.take([record(item_id, title) for item_id, title in titles.items()])
    return search


def record(item_id: str, title: str | None = None, artist: str | None = None) -> tuple[bytes, bytes]:
    """Return a record of the catalog."""
    return item_id.encode(), msgspec.json.encode({"item_id": item_id, "title": title, "artist": artist})


def ids_of(search: ItemSearch, query: str, limit: int = 10) -> list[str]:
    """Return the ids of the items found."""
    return [item.item_id for item in search.find(query, limit)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("moon", ["a", "b"]),
        ("MOON", ["a", "b"]),
        ("blue moon", ["a"]),
        ("  blue   moon ", ["a"]),
        ("moon ella", ["a"]),
        ("STRASSE", ["c"]),
        ("straße", ["c"]),
        ("ella", ["a"]),
        ("c", ["c"]),
        ("moon\nblue", []),
        ("nothing", []),
        (".*", []),
    ],
)
def test_items_are_found_by_parts_of_their_words(tmp_path: Path, query: str, expected: list[str]) -> None:
    """In any case and spacing; across title, artist and id; no character of a query is special."""
    search = search_of(tmp_path)
    search.take([record("a", "Blue Moon", "Ella"), record("b", "The  Moon"), record("c", "Straße 7")])

    assert expected == ids_of(search, query)


def test_the_most_played_are_told_first(tmp_path: Path) -> None:
    """By the generation; unknown items come last, and items without a title are found by their ids."""
    generation = make_generation(tmp_path, popularity={"i7": 9.0, "i17": 5.0})
    search = search_of(tmp_path, generation, new="i7 song", i17="The i7 remix")

    assert ["i7", "i17", "new"] == ids_of(search, "i7")
    assert ["i7", "i17"] == ids_of(search, "i7", limit=2)


def test_a_change_of_the_catalog_is_found_at_once(tmp_path: Path) -> None:
    """A new title, a removed item, another generation; an unreadable record changes nothing."""
    search = search_of(tmp_path, a="one", b="one")
    assert ["a", "b"] == ids_of(search, "one")
    search.take([record("a", "two"), (b"b", None), (b"x", b"no item"), (None, None), (b"\xff", b"\xff")])

    assert [] == ids_of(search, "one")
    assert ["a"] == ids_of(search, "two")
    assert search.of("b").title is None
    assert "two" == search.of("a").title
    assert "x" == search.of("x").item_id
    search._serving.take(make_generation(tmp_path))  # noqa: SLF001  as a swap does
    assert ["i39"] == ids_of(search, "i39")


def test_a_search_looks_at_so_many_matches(tmp_path: Path) -> None:
    """A word that stands everywhere takes no longer than that."""
    search = search_of(tmp_path, None, **{f"n{number}": "every" for number in range(LOOKED_AT_MAX + 500)})

    assert LOOKED_AT_MAX == len(ids_of(search, "every", limit=10**6))


class SwapBehindRead(Serving):
    """Takes `upcoming` into service right after the first read of `current`."""

    upcoming: Generation | None = None

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute; swap after it is read."""
        value = super().__getattribute__(name)
        if name == "current" and (upcoming := self.__dict__.pop("upcoming", None)) is not None:
            self.take(upcoming)
        return value


def test_a_swap_during_a_search_is_found_by_the_next_one(tmp_path: Path) -> None:
    """The text that a search makes from the old generation is not taken for that of the new one."""
    serving = SwapBehindRead(generation_store(settings_with(data_dir=str(tmp_path))))
    search = ItemSearch(serving)
    serving.observers = [search]
    serving.upcoming = make_generation(tmp_path)

    assert [] == ids_of(search, "i39")
    assert ["i39"] == ids_of(search, "i39")


@given(st.lists(st.text("ab Ä\x1fß", min_size=1, max_size=5), max_size=8), st.text("ab Äß", min_size=1, max_size=3))
def test_what_is_found_is_what_a_plain_look_finds(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str], query: str
) -> None:
    """The readable twin: every item whose folded words have the folded query in them."""
    folder = tmp_path_factory.mktemp("store")
    search = search_of(folder)
    search.take([record(f"#{number}", title) for number, title in enumerate(titles)])
    wanted = " ".join(query.casefold().split())
    lines = {f"#{number}": " ".join(f"{title}  #{number}".casefold().split()) for number, title in enumerate(titles)}

    assert {item_id for item_id, line in lines.items() if wanted in line} == set(ids_of(search, query, 100))
