"""The least rights in docs/operations.md are those that the tests run with."""

import pytest

from streams.reference.rights_table import BEGIN, END, FILE, USES, render_page, render_rights
from streams.topics.process_rights import PROCESSES


def test_the_page_is_up_to_date() -> None:
    """`make docs` writes it."""
    text = FILE.read_text()

    assert render_page(text) == text


def test_every_process_says_what_it_is_for() -> None:
    """Every process of the table has a description."""
    assert PROCESSES.keys() == USES.keys()


def test_the_rights_are_a_row_and_commands() -> None:
    """A command grants one operation on all its topics."""
    text = render_rights()

    assert "| producer | a program that sends plays | WRITE `plays` |" in text
    assert "\n$ACLS --allow-principal User:producer --operation Write --topic plays\n" in text
    assert "\n$ACLS --allow-principal User:worker --operation Read --group playfold\n" in text
    assert "$ACLS --allow-principal User:doctor --operation DescribeConfigs --topic plays --topic " in text


def test_a_page_without_marks_is_an_error() -> None:
    """Otherwise the table would be lost without notice."""
    with pytest.raises(ValueError, match=f"^The page lacks the marks {BEGIN} and {END}.$"):
        render_page("# Operations")
