"""Pages contain the present text of the programs that they include."""

from pathlib import Path

import pytest

from streams.reference.included_programs import PAGES, PROJECT, included_files, render_page, write_pages

EXAMPLES = PROJECT / "examples"
PROGRAMS = sorted(path for path in EXAMPLES.rglob("*.*") if path.suffix in {".py", ".sh", ".mjs"})


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_a_page_is_up_to_date(page: Path) -> None:
    """`make docs` writes a changed program into its page."""
    assert render_page(page) == page.read_text()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_page_includes_every_program(program: Path) -> None:
    """A program that no page includes is found by no reader."""
    included = [path for page in PAGES.glob("*.md") for path in included_files(page)]

    assert 1 == included.count(str(program.relative_to(PROJECT)))


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_a_program_is_text_of_a_page_only_if_it_is_included(page: Path) -> None:
    """A program that stands in Markdown alone is run by no test."""
    text = page.read_text()
    fences = sum(text.count(f"\n```{language}\n") for language in ("python", "js"))

    assert fences == sum(path.endswith((".py", ".mjs")) for path in included_files(page))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_head_of_a_program_says_how_to_run_it(program: Path) -> None:
    """A reader finds the command in the first five lines."""
    head = "\n".join(program.read_text().splitlines()[:5])

    assert f"{program.relative_to(PROJECT)}" in head


def test_an_old_block_is_replaced(tmp_path: Path) -> None:
    """The text around the block stays."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- BEGIN examples/shell/read_lists.sh -->\nold\n<!-- END -->\nafter\n")

    write_pages(tmp_path)

    program = (EXAMPLES / "shell" / "read_lists.sh").read_text()
    block = f"<!-- BEGIN examples/shell/read_lists.sh -->\n```sh\n{program}```\n<!-- END -->"
    assert f"before\n{block}\nafter\n" == page.read_text()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A page cannot include a program that does not exist."""
    page = tmp_path / "page.md"
    page.write_text("<!-- BEGIN examples/shell/missing.sh -->\n<!-- END -->\n")

    with pytest.raises(FileNotFoundError, match=r"missing\.sh"):
        render_page(page)
