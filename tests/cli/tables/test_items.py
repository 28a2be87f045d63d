"""Tables of items."""

from rich.console import Console

from cli.commands.catalog import show_item
from cli.tables.items import table_of_items
from streams.messages.records import CatalogItem

ODD = "[/b] [red]\x1b[2J"


def printed(table: object) -> str:
    """Return a table as text."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_ids_titles_and_reasons_are_no_markup() -> None:
    """Other programs wrote them, and none controls the terminal."""
    shown = printed(table_of_items([ODD], {ODD: ODD}, "score", ["1"], [ODD]))

    assert 3 == shown.count("[/b] [red]?[2J")
    assert "\x1b" not in shown


def test_a_catalog_record_is_no_markup() -> None:
    """Its title may have brackets."""
    shown = printed(show_item(CatalogItem(item_id="i", title=ODD, artist="A [live]")))

    assert "[/b] [red]?[2J" in shown
    assert "A [live]" in shown
