"""Words that say too little: the count of vague names may only fall, and no docstring or document has a bare word.

A smaller count lowers its limit here, so that the names do not come back.
"""

import ast
import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # nothing of playfold runs, and tracing would double the time

PROJECT = Path(__file__).parent.parent
CODE = ("agents", "cli", "jobs", "model", "state", "streams", "web")
VAGUE_NAMES = {"found", "told", "which", "own", "some", "there", "kept", "asked", "so"}
"""Names of values that do not name the thing."""
BARE_WORDS = re.compile(r"\b(who|what|whoever|whatever|whom)\b", re.IGNORECASE)
"""Words in the place of a subject or an object: name the subject."""
RIDDLES = re.compile(r"\b(whoever|whatever|whom|nobody's)\b", re.IGNORECASE)


@cache
def trees(folders: tuple[str, ...]) -> list[ast.Module]:
    """Return the syntax trees of all files in some folders."""
    return parsed(file for folder in folders for file in (PROJECT / folder).rglob("*.py"))


def parsed(files: Iterable[Path]) -> list[ast.Module]:
    """Return the syntax trees of files: without garbage collection, which takes longer, since there is no garbage."""
    gc.disable()
    try:
        return [ast.parse(file.read_text()) for file in files]
    finally:
        gc.enable()


def vague_names(tree: ast.Module) -> list[str]:
    """Return every use of a vague name."""
    named = (node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.arg))
    names = (node.id if isinstance(node, ast.Name) else node.arg for node in named)
    return [name for name in names if name in VAGUE_NAMES]


def bare_docstrings(tree: ast.Module) -> list[str]:
    """Return every docstring with a bare word."""
    return [text for text in _docstrings(tree) if BARE_WORDS.search(text)]


def _docstrings(tree: ast.Module) -> Iterator[str]:
    """Yield all docstrings, those of fields and constants too, and the descriptions of fields in public schemas."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg == "description"):
            with suppress(ValueError):
                text = ast.literal_eval(node.value)
                yield text if isinstance(text, str) else ""


@pytest.mark.parametrize(("folders", "limit"), [(CODE, 20), (("tests",), 9)], ids=["code", "tests"])
def test_values_have_telling_names(folders: tuple[str, ...], limit: int) -> None:
    """A value is named after the thing: `recommendations`, not `found`."""
    assert sum(len(vague_names(tree)) for tree in trees(folders)) <= limit


@pytest.mark.parametrize("folders", [CODE, ("tests",)], ids=["code", "tests"])
def test_docstrings_name_their_subject(folders: tuple[str, ...]) -> None:
    """The worker, the caller, the record: a docstring says it."""
    assert [] == [text for tree in trees(folders) for text in bare_docstrings(tree)]


@pytest.mark.parametrize("page", sorted((PROJECT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_documents_name_their_subject(page: Path) -> None:
    """Generated pages too: their text comes from the descriptions in the code."""
    assert [] == RIDDLES.findall(page.read_text())


def test_words_in_descriptions_of_fields_are_found() -> None:
    """They are printed in the public schemas, as docstrings of fields are."""
    tree = ast.parse('class A:\n    a: int\n    """What it is."""\n    b = Meta(description="What it " "was.")\n')

    assert ["What it is.", "What it was."] == sorted(bare_docstrings(tree))


def test_words_are_found() -> None:
    """Both counts see a function that is written so."""
    tree = ast.parse('def told(found):\n    """Return what there is."""\n    own = found\n    return own\n')

    assert ["found", "found", "own", "own"] == sorted(vague_names(tree))
    assert ["Return what there is."] == bare_docstrings(tree)
