"""JSON Schema of every topic's value, generated from the structs: `python -m streams.schemas` writes docs/schemas."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from streams import topics
from streams.records import Announcement, Play, Recommendations, RejectedPlay, RelatedItems

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
RECORDS: dict[str, type[msgspec.Struct]] = {
    topics.PLAYS: Play,
    topics.PLAYS_REJECTED: RejectedPlay,
    topics.RECOMMENDATIONS: Recommendations,
    topics.GENERATIONS: Announcement,
    topics.RELATED_ITEMS: RelatedItems,
}


def topic_schema(record: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a topic's value."""
    _, definitions = msgspec.json.schema_components([record])
    schema = definitions.pop(record.__name__)
    # A single struct is read without its tag too.
    schema["required"] = [name for name in schema["required"] if name != record.__struct_config__.tag_field]
    rest = {"$defs": definitions} if definitions else {}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, **rest}


def render_schemas() -> dict[str, str]:
    """Return the text of every schema file by its name."""
    return {
        f"{topic}.json": json.dumps(topic_schema(record), indent=2, ensure_ascii=False) + "\n"
        for topic, record in RECORDS.items()
    }


def write_schemas(folder: Path) -> None:
    """Write every schema file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render_schemas().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
