"""Write the JSON Schemas of every topic's value, and of the export: `python -m streams.reference.schemas`."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from streams.messages.events import Forget, Hide, Pause, Play, Resume, Shown, Unhide
from streams.messages.export_document import UserExport
from streams.messages.generations import Announcement
from streams.messages.pulse import Pulse
from streams.messages.records import CatalogItem, PopularItems, Recommendations, RejectedPlay, RelatedItems
from streams.topics import topics

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
RECORDS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    topics.PLAYS: (Play, Hide, Unhide, Shown, Pause, Resume, Forget),
    topics.PLAYS_REJECTED: (RejectedPlay,),
    topics.RECOMMENDATIONS: (Recommendations,),
    topics.PRIVATE_RECOMMENDATIONS: (Recommendations,),
    topics.GENERATIONS: (Announcement,),
    topics.RELATED_ITEMS: (RelatedItems,),
    topics.POPULAR_ITEMS: (PopularItems,),
    topics.CATALOG: (CatalogItem,),
    topics.PULSE: (Pulse,),
}
SCHEMAS: dict[str, tuple[type[msgspec.Struct], ...]] = {**RECORDS, "export": (UserExport,)}
"""The export is on no topic: `playfold export` prints it."""
DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def topic_schema(*records: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a topic's value, which is one of some records; a record without a type is the first."""
    _, definitions = msgspec.json.schema_components(records, ref_template="#/$defs/{name}")
    first = definitions[records[0].__name__]
    if len(records) > 1:
        return {
            **DIALECT,
            "anyOf": [{"$ref": f"#/$defs/{record.__name__}"} for record in records],
            "$defs": definitions,
        }
    del definitions[records[0].__name__]
    return {**DIALECT, **first, **({"$defs": definitions} if definitions else {})}


def render_schemas() -> dict[str, str]:
    """Return the text of every schema file by its name."""
    return {
        f"{topic}.json": json.dumps(topic_schema(*records), indent=2, ensure_ascii=False) + "\n"
        for topic, records in SCHEMAS.items()
    }


def write_schemas(folder: Path) -> None:
    """Write every schema file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render_schemas().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
