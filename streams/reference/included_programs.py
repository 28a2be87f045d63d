"""Write the programs of `examples/` into the pages that include them: `python -m streams.reference.included_programs`.

Markdown cannot include a file. A page therefore holds a block of two comments with the text of a file between them:

    <!-- BEGIN examples/python/first_play.py -->
    <!-- END -->
"""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = PROJECT / "docs"
_LANGUAGES = {".py": "python", ".sh": "sh", ".mjs": "js"}
_BLOCK = re.compile(r"^<!-- BEGIN (examples/\S+) -->\n.*?^<!-- END -->$", re.MULTILINE | re.DOTALL)


def included_files(page: Path) -> list[str]:
    """Return the paths of the files that a page includes, relative to the project."""
    return _BLOCK.findall(page.read_text())


def render_page(page: Path) -> str:
    """Return the text of a page, with the present text of each file in its block.

    Raises:
        FileNotFoundError: The page includes a file that does not exist. Correct the path in its BEGIN comment.
    """
    return _BLOCK.sub(lambda block: _render_block(block[1]), page.read_text())


def _render_block(path: str) -> str:
    file = PROJECT / path
    return f"<!-- BEGIN {path} -->\n```{_LANGUAGES[file.suffix]}\n{file.read_text()}```\n<!-- END -->"


def write_pages(folder: Path) -> None:
    """Write the programs into every page of a folder."""
    for page in sorted(folder.glob("*.md")):
        page.write_text(render_page(page))


if __name__ == "__main__":
    write_pages(PAGES)
