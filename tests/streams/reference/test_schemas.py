"""The JSON Schemas are those of the records on the wire."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped] # it comes without types
import msgspec
import pytest
from hypothesis import given

from streams.messages.events import Forget, Play
from streams.reference.schemas import FOLDER, render_schemas, topic_schema, write_schemas
from tests.streams.messages.test_events import GOOD, plays


@given(plays)
def test_what_is_read_fits_the_schema(play: Play) -> None:
    """The published schema accepts everything that the reader accepts: a validation raises otherwise."""
    jsonschema.validate(json.loads(msgspec.json.encode(play)), topic_schema(Play))


def test_the_least_play_fits_the_schema() -> None:
    """The type may be left out there too."""
    jsonschema.validate(GOOD, topic_schema(Play))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(GOOD | {"played_at_ms": 1}, topic_schema(Play))


def test_a_wish_fits_the_schema_of_plays() -> None:
    """It is told apart from a play by its type."""
    schema = topic_schema(Play, Forget)

    jsonschema.validate(json.loads(msgspec.json.encode(Forget(user_id="u1"))), schema)
    jsonschema.validate(GOOD, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"user_id": "u1"}, schema)


def test_the_committed_schemas_are_those_of_the_structs() -> None:
    """After a change of a record, run `python -m streams.reference.schemas`."""
    committed = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert render_schemas() == committed


def test_every_field_of_every_record_is_described() -> None:
    """A consumer reads the schema, not the code."""
    for text in render_schemas().values():
        schema = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(schema)
        for record in schema["$defs"].values() if "anyOf" in schema else [schema]:
            assert record["description"]
            fields = record["properties"].items()
            assert [name for name, field in fields if "description" not in field] in ([], ["type"])


def test_schemas_are_written_where_asked(tmp_path: Path) -> None:
    """The folder is made if it is missing."""
    write_schemas(tmp_path / "deep" / "schemas")

    assert sorted(render_schemas()) == sorted(path.name for path in (tmp_path / "deep" / "schemas").iterdir())
