"""A table of items, in the order of their ranks."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from cli.tables.foreign_text import foreign_text


def table_of_items(
    items: Sequence[str], titles: Mapping[str, str], figure: str, values: Sequence[str], reasons: Sequence[str] = ()
) -> Table:
    """Return items as a table in their order, each with a figure, and with title and reason where any has one."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item")
    if titles:
        table.add_column("title")
    table.add_column(figure, justify="right")
    if reasons:
        table.add_column("because of")
    for i, (item, value) in enumerate(zip(items, values, strict=True)):
        title = [foreign_text(titles.get(item, ""))] if titles else []
        table.add_row(str(i + 1), foreign_text(item), *title, value, *map(foreign_text, reasons[i : i + 1]))
    return table


def scores_of(scores: Sequence[float]) -> list[str]:
    """Return scores as a person reads them."""
    return [f"{score:.4g}" for score in scores]
