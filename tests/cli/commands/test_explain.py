"""Reasons as `playfold explain` and `playfold recommend` print them."""

import msgspec
from rich.console import Console
from rich.table import Table

from cli.commands.explain import head, show_shares
from cli.commands.recommend import more_reasons, show_list
from state.lists.explain_score import Explanation, Share
from streams.messages.records import Recommendations

FOUND = Explanation(
    user_id="ann",
    item_id="song-7",
    generation="g1",
    serving="g1",
    score=0.25,
    sum=0.2500001,
    rank=3,
    reason_without_rank=None,
    n_unknown=0,
    shares=[
        Share(item_id="song-1", last_played_s=1_700_000_000, weight=1.5, share=0.3, percent=120.0),
        Share(item_id="song-2", last_played_s=1_600_000_000, weight=0.01, share=-0.05, percent=-20.0),
    ],
)
LIST = Recommendations(
    user_id="ann",
    kind="personal",
    generation="g1",
    revision=0,
    partition=0,
    offset=1,
    made_at_ms=0,
    expires_at_ms=1,
    items=["a", "b", "c"],
    scores=[0.5, 0.4, 0.3],
    because=[["x", "y"], ["y", "x"], []],
    because_scores=[[0.4, 0.1], [-0.3, 0.2], []],
    because_rest=[0.0, 0.5, 0.3],
)


def printed(table: Table) -> list[list[str]]:
    """Return the cells of a table as a terminal shows them, row after row."""
    console = Console(width=100, record=True, file=None)
    with console.capture() as capture:
        console.print(table)
    rows = [line for line in capture.get().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_a_split_is_shown_play_by_play() -> None:
    """Times in UTC, shares also in percent of the sum."""
    assert [
        ["song-1", "2023-11-14 22:13", "1.5", "0.30000", "120.0"],
        ["song-2", "2020-09-13 12:26", "0.01", "-0.05000", "-20.0"],
    ] == printed(show_shares(FOUND))


def test_the_head_tells_score_rank_and_sum() -> None:
    """Also another generation in service, items without a share, and a missing rank."""
    plain = head(FOUND).splitlines()
    odd = msgspec.structs.replace(FOUND, serving="g2", rank=None, reason_without_rank="they know it", n_unknown=2)

    assert [
        "song-7 scores 0.25 with ann, rank 3",
        "the shares of their plays under generation g1 sum to 0.25",
    ] == plain
    assert [
        "song-7 scores 0.25 with ann, without a rank: they know it",
        plain[1],
        "generation g2 is in service: this listener has not been folded under it yet",
        "2 played items are not in this generation, without a share",
    ] == head(odd).splitlines()
    assert head(msgspec.structs.replace(FOUND, n_unknown=1)).endswith(
        "1 played item is not in this generation, without a share"
    )


def test_a_list_shows_the_first_reason_of_each_item() -> None:
    """The play that adds most; none where nothing adds; no column in a list that is not explained."""
    assert [["1", "a", "0.5", "x (80%)"], ["2", "b", "0.4", "x (50%)"], ["3", "c", "0.3", ""]] == printed(
        show_list(LIST, {})
    )
    popular = msgspec.structs.replace(LIST, because=[], because_scores=[], because_rest=[])
    assert [["1", "a", "0.5"], ["2", "b", "0.4"], ["3", "c", "0.3"]] == printed(show_list(popular, {}))


def test_items_behind_the_explained_ones_have_an_empty_reason() -> None:
    """And one sentence says how to get theirs; a list that is explained whole, or not at all, needs none."""
    first = msgspec.structs.replace(LIST, because=[["x", "y"]], because_scores=[[0.4, 0.1]], because_rest=[0.0])
    popular = msgspec.structs.replace(LIST, because=[], because_scores=[], because_rest=[])

    assert [["1", "a", "0.5", "x (80%)"], ["2", "b", "0.4", ""], ["3", "c", "0.3", ""]] == printed(show_list(first, {}))
    assert "The list explains its first item. `playfold explain ann ITEM` explains any other." == more_reasons(first)
    two = msgspec.structs.replace(LIST, because=LIST.because[:2])
    assert "The list explains its first 2 items. `playfold explain ann ITEM` explains any other." == more_reasons(two)
    assert "" == more_reasons(LIST)
    assert "" == more_reasons(popular)


def test_a_reason_has_its_title() -> None:
    """Where the catalog knows one."""
    titled = {"a": "Ann's song", "x": "Xylophone"}

    assert [
        ["1", "a", "Ann's song", "0.5", "Xylophone (80%)"],
        ["2", "b", "", "0.4", "Xylophone (50%)"],
        ["3", "c", "", "0.3", ""],
    ] == printed(show_list(LIST, titled))
