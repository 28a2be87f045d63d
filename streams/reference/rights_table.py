"""Write the least rights of each process into docs/operations.md: `python -m streams.reference.rights_table`."""

import re
from collections.abc import Iterator
from pathlib import Path

from streams.connection.rights import Right
from streams.settings import Settings
from streams.topics.process_rights import PROCESSES

FILE = Path(__file__).parents[2] / "docs" / "operations.md"
BEGIN, END = "<!-- BEGIN rights: python -m streams.reference.rights_table -->", "<!-- END rights -->"
USES = {
    "producer": "a program that sends plays",
    "reader": "a program that reads lists without a consumer group; `playfold recommend`",
    "replay": "`playfold replay` of a file with playfold's columns",
    "import": "`playfold replay` of an export or a data set",
    "rejects": "`playfold rejects`",
    "worker": "`playfold worker`",
    "gateway": "`playfold gateway`",
    "requests": "`playfold hide`, `unhide`, `pause`, `resume`, `forget`, `export`, `trace`",
    "retrain": "`playfold retrain`, `nightly`, `generations`",
    "rebase": "`playfold state rebase`",
    "catalog": "`playfold catalog`",
    "doctor": "`playfold doctor`",
    "topics": "`playfold topics`",
}
"""The users of each process's rights."""


def render_rights() -> str:
    """Return the table and the commands."""
    settings = Settings()
    rights = {process: rights_of(settings) for process, rights_of in PROCESSES.items()}
    rows = [f"| {process} | {USES[process]} | {_cell(rights[process])} |" for process in PROCESSES]
    commands = "\n".join(line for process in PROCESSES for line in _commands(process, rights[process]))
    table = "\n".join(["| user | for | rights |", "|---|---|---|", *rows])
    return f"{table}\n\n```sh\n{commands}\n```\n"


def _grouped(rights: list[Right]) -> dict[tuple[str, str], list[str]]:
    """Return the names of resources by operation and kind."""
    groups: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        groups.setdefault((right.operation, right.resource), []).append(right.name)
    return groups


def _cell(rights: list[Right]) -> str:
    """Return the rights of a process, in words."""
    n_topics = len(PROCESSES["topics"](Settings())) // 3
    parts = []
    for (operation, resource), names in _grouped(rights).items():
        listed = "all topics" if len(names) == n_topics else ", ".join(f"`{name}`" for name in names)
        kind = "group " if resource == "group" else ""
        parts.append(f"{operation} {kind}{listed}")
    return "; ".join(parts)


def _commands(process: str, rights: list[Right]) -> Iterator[str]:
    """Yield the commands that grant a process its rights."""
    for (operation, resource), names in _grouped(rights).items():
        first = Right(operation, "topic", names[0]).command.partition(" --topic")[0]
        resources = " ".join(f"--{resource} {name}" for name in names)
        yield f"$ACLS --allow-principal User:{process} {first} {resources}"


def render_page(text: str) -> str:
    """Return a page with the present table between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    pattern = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)
    if not pattern.search(text):
        message = f"The page lacks the marks {BEGIN} and {END}."
        raise ValueError(message)
    return pattern.sub(lambda _: f"\n{render_rights()}\n", text)


if __name__ == "__main__":
    FILE.write_text(render_page(FILE.read_text()))
