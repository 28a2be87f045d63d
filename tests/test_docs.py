"""The documents name things that exist: links, paths, modules, settings, commands and targets of make."""

import importlib.util
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from cli.main import COMMANDS
from streams.reference.settings_table import render_table

PROJECT = Path(__file__).parent.parent
FOLDERS = ("agents", "cli", "docs", "examples", "jobs", "model", "ops", "state", "streams", "tests", "web")
README_LINES_MAX = 180


def markdown_files() -> list[Path]:
    """Return the pages: those of the project's own folders, and not those that tools write."""
    inner = [page for folder in FOLDERS for page in (PROJECT / folder).rglob("*.md")]
    return sorted([*PROJECT.glob("*.md"), *inner])


PAGES = markdown_files()
# The changelog names what existed when it was written.
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
every_present_page = pytest.mark.parametrize("page", PRESENT, ids=lambda page: str(page.relative_to(PROJECT)))


@cache
def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, by the rules of GitHub."""
    slugs: set[str] = set()
    counts: Counter[str] = Counter()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        slugs.add(f"{slug}-{counts[slug]}" if counts[slug] else slug)
        counts[slug] += 1
    return slugs


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", prose(page))
    return [target for target in targets if not _leads_somewhere(page, target)]


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return file.exists() and (not anchor or anchor in anchors(file))


@every_page
def test_links_resolve(page: Path) -> None:
    """A relative link names an existing file, and its anchor a heading of that file."""
    assert [] == broken_links(page)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A missing file and a missing anchor are both broken; a link inside a code block is none."""
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[a](page.md#one) [b](#two) [c](missing.md)\n\n```md\n[d](no.md)\n```\n")

    assert ["#two", "missing.md"] == broken_links(page)


def missing_paths(text: str) -> list[str]:
    """Return the paths that a text names and that do not exist; a path with `<name>` or `*` is a pattern."""
    named = re.findall(rf"(?<![\w/.<>-])((?:{'|'.join(FOLDERS)})/[\w./<>*-]*)", text)
    paths = [path.rstrip(".") for path in named if not re.search("[<>*]", path)]
    return [path for path in paths if not (PROJECT / path).exists()]


@every_present_page
def test_paths_exist(page: Path) -> None:
    """A reader opens the file that a page names."""
    assert [] == missing_paths(page.read_text())


def test_a_missing_path_is_found() -> None:
    """A file that moved is named by its old path no longer."""
    assert ["state/nowhere.py"] == missing_paths("`state/nowhere.py` and `state/keys.py`")


@every_present_page
def test_modules_exist(page: Path) -> None:
    """`python -m` runs every module that a page names."""
    modules = set(re.findall(r"python -m ([a-z_.0-9]+[a-z_0-9])", page.read_text()))

    assert set() == {module for module in modules if importlib.util.find_spec(module) is None}


@every_present_page
def test_settings_exist(page: Path) -> None:
    """A variable that is no setting is an error at the start."""
    names = re.compile(r"PLAYFOLD_[A-Z][A-Z0-9_]*[A-Z0-9]")

    assert set() == set(names.findall(page.read_text())) - set(names.findall(render_table()))


@every_present_page
def test_targets_of_make_exist(page: Path) -> None:
    """A reader runs every target of make that a page names."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:`|\n)(?:\w+=[^\s`]+ )*make ([a-z-]+(?: [a-z-]+)*)", page.read_text())

    assert set() == {target for line in named for target in line.split()} - targets


@every_present_page
def test_commands_exist(page: Path) -> None:
    """A reader runs every command that a page names."""
    named = set(re.findall(r"(?:`|\.venv/bin/|\$ )playfold ([a-z]+)", page.read_text()))

    assert set() == named - set(COMMANDS)


def test_the_table_of_commands_is_complete() -> None:
    """docs/commands.md has a row for every command."""
    rows = set(re.findall(r"^\| `([a-z]+)", (PROJECT / "docs" / "commands.md").read_text(), re.MULTILINE))

    assert set(COMMANDS) == rows


def test_every_page_is_linked() -> None:
    """A reader reaches every page of docs/ from the README, directly or over one other page."""
    direct = {(PROJECT / path).resolve() for path in re.findall(r"\]\((docs/[\w-]+\.md)", prose(PROJECT / "README.md"))}
    indirect = {
        (page.parent / path).resolve() for page in direct for path in re.findall(r"\]\(([\w-]+\.md)", prose(page))
    }

    assert set((PROJECT / "docs").glob("*.md")) == direct | indirect


def test_the_readme_is_short() -> None:
    """Details have pages of their own."""
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES_MAX


def figures(page: str) -> list[str]:
    """Return the numbers of the second and third column of a page's tables of figures."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]*\d[^|]*) \| ([^|]*) \|", (PROJECT / page).read_text(), re.MULTILINE)
    return [number for row in rows for number in re.findall(r"\d[\d,]*(?:\.\d+)?", " ".join(row))]


@pytest.mark.parametrize("page", ["README.md", "docs/measured.md"])
def test_figures_are_those_of_the_benchmarks(page: str) -> None:
    """`make bench` writes docs/benchmarks.md; the pages that quote it follow."""
    measured = set(re.findall(r"\d[\d,]*(?:\.\d+)?", (PROJECT / "docs" / "benchmarks.md").read_text()))
    scales = {"1,000", "100,000"}

    assert [] == [number for number in figures(page) if number not in measured | scales]


def test_every_wing_is_described() -> None:
    """docs/architecture.md names every folder of code, so a newcomer finds the right one."""
    text = (PROJECT / "docs" / "architecture.md").read_text()
    wings = [path.parent.relative_to(PROJECT) for path in PROJECT.glob("*/*/__init__.py")]

    assert [] == [str(wing) for wing in wings if wing.parts[0] != "tests" and f"`{wing}/`" not in text]
