"""docs/asyncapi.yaml tells the topics as they are, in AsyncAPI 3.0."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it comes without types
import msgspec
import pytest
import yaml

from streams.messages.events import read_event
from streams.messages.records import Recommendations
from streams.reference.asyncapi import FILE, document, render_document, write_document
from streams.reference.channels import CHANNELS, USERS_CHANGELOG
from streams.reference.examples import EXAMPLES
from streams.reference.schemas import RECORDS
from streams.settings import Settings
from streams.topics.topics import declare_topics

OFFICIAL = Path(__file__).parents[1] / "fixtures" / "asyncapi-3.0.0.json.gz"
OFFICIAL_SHA256 = "abe96881dbfaad495ccbb6bd8d3fb43ca18a13b9d7564849ccb66f39d5e5b20f"
TYPES = frozenset(Settings().signals.weights)

Message = tuple[str, dict[str, Any]]


def messages(spec: dict[str, Any]) -> Iterator[Message]:
    """Yield every kind of record with its topic."""
    for topic, channel in spec["channels"].items():
        for message in channel["messages"].values():
            yield topic, message


def official() -> dict[str, Any]:
    """Return AsyncAPI's own schema."""
    text = gzip.decompress(OFFICIAL.read_bytes())
    assert OFFICIAL_SHA256 == hashlib.sha256(text).hexdigest()
    schema: dict[str, Any] = json.loads(text)
    return schema


def faults(spec: dict[str, Any]) -> list[str]:
    """Return where a document is no AsyncAPI 3.0.0."""
    return [error.json_path for error in jsonschema.Draft7Validator(official()).iter_errors(spec)]


def references(part: Any) -> Iterator[str]:
    """Yield the references of a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            assert ["$ref"] == list(part)  # whatever stands beside it is ignored
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_the_committed_document_is_that_of_the_code() -> None:
    """After a change of a record, a topic or a description, run `python -m streams.reference.asyncapi`."""
    assert render_document() == FILE.read_text()


def test_the_text_says_what_the_document_does(tmp_path: Path) -> None:
    """A parser of YAML gets the same document back; it is written where the command says."""
    write_document(tmp_path / "asyncapi.yaml")

    assert document() == yaml.safe_load((tmp_path / "asyncapi.yaml").read_text())


def test_the_document_is_asyncapi() -> None:
    """By the official schema of 3.0.0, which looks into the Kafka bindings, too."""
    assert [] == faults(document())


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "plays", "adress"), "plays"),
        (("channels", "plays", "bindings", "kafka", "partitions"), 0),
        (("channels", "plays", "messages", "Play", "payload"), 7),
        (("operations", "receivePlays", "action"), "subscribe"),
        (("components", "schemas", "Play", "maxProperties"), "many"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_the_official_schema_finds_what_is_wrong(place: tuple[str, ...], wrong: object) -> None:
    """So a document in which it finds nothing has been looked at, down to here."""
    spec = document()
    part = spec
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = wrong

    assert faults(spec)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    """Within the document, so that it can be handed on as one file."""
    spec = document()
    targets = set(references(spec))

    for target in targets:
        part = spec
        assert target.startswith("#/")
        for name in target[2:].split("/"):
            part = part[name]
    schemas = {f"#/components/schemas/{name}" for name in spec["components"]["schemas"]}
    assert schemas == {target for target in targets if target.startswith("#/components/schemas/")}


def test_every_topic_is_a_channel_as_it_is_declared() -> None:
    """Partitions, policies and limits are those with which `playfold topics create` makes it."""
    topics = {topic.name: topic for topic in declare_topics(Settings())}
    bindings = {name: channel["bindings"]["kafka"] for name, channel in document()["channels"].items()}

    assert list(topics) == list(bindings)
    assert set(topics) == set(CHANNELS)
    for name, topic in topics.items():
        configuration = bindings[name]["topicConfiguration"]
        written = {
            key: ",".join(value) if isinstance(value, list) else str(value) for key, value in configuration.items()
        }
        assert topic.partitions == bindings[name]["partitions"]
        assert topic.configs == written


def test_every_record_is_a_message_of_its_topic() -> None:
    """And nothing else is but tombstones, and the changelog's binary."""
    described: dict[str, list[str]] = {}
    for topic, message in messages(document()):
        described.setdefault(topic, []).append(message["name"])

    assert {topic: [record.__name__ for record in records] for topic, records in RECORDS.items()} == {
        topic: [name for name in names if name != "Tombstone"]
        for topic, names in described.items()
        if topic != USERS_CHANGELOG
    }
    compacted = {topic.name for topic in declare_topics(Settings()) if topic.cleanup_policy == "compact"}
    assert compacted - {"generations"} == {topic for topic, names in described.items() if "Tombstone" in names}


def test_every_channel_is_sent_to_or_received_from() -> None:
    """Playfold sends to each or receives from it, and describes the operation."""
    spec = document()

    used = {operation["channel"]["$ref"].removeprefix("#/channels/") for operation in spec["operations"].values()}
    assert set(spec["channels"]) == used


def test_every_message_has_examples_that_fit_its_schema() -> None:
    """By the very schema that the document carries; every example is told."""
    spec = document()
    n_examples = 0
    for topic, message in messages(spec):
        if "$ref" not in message["payload"]:
            assert "examples" not in message  # a tombstone, or the changelog's binary
            continue
        schema = {**message["payload"], "components": spec["components"]}
        assert message["examples"], f"{message['name']} of {topic} has no example"
        for example in message["examples"]:
            jsonschema.validate(example["payload"], schema, jsonschema.Draft7Validator)
            n_examples += 1

    assert sum(len(examples) for examples in EXAMPLES.values()) == n_examples


def test_an_example_that_does_not_fit_is_found() -> None:
    """The check before this one looks through the reference, into the schema."""
    spec = document()
    schema = {"$ref": "#/components/schemas/Play", "components": spec["components"]}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"user_id": "anna", "item_id": 7, "played_at_ms": 1}, schema, jsonschema.Draft7Validator)


@pytest.mark.parametrize("example", EXAMPLES["plays"], ids=lambda example: example.name)
def test_a_worker_reads_every_example_of_an_event(example: Any) -> None:
    """As the intended type; a schema alone would accept a user request as a play."""
    value = json.dumps(example.payload).encode()

    assert example.record == read_event(b"anna", value, Settings().topics.play_bytes_max, TYPES)


@pytest.mark.parametrize("topic", sorted(set(EXAMPLES) - {"plays"}))
def test_every_other_example_survives_the_wire(topic: str) -> None:
    """Bytes in base64 and tuples included."""
    for example in EXAMPLES[topic]:
        assert example.record == msgspec.json.decode(json.dumps(example.payload), type=type(example.record))


def test_the_reasons_of_the_examples_sum_to_the_scores() -> None:
    """The examples keep the promise of the documents."""
    records = [example.record for examples in EXAMPLES.values() for example in examples]
    explained = [record for record in records if isinstance(record, Recommendations) and record.because]

    assert 2 == len(explained)
    for record in explained:
        shares = zip(record.because_scores, record.because_rest, strict=True)
        assert record.scores[: len(record.because)] == [sum(reasons) + rest for reasons, rest in shares]


def test_no_keyword_is_younger_than_draft_07() -> None:
    """AsyncAPI's dialect is a superset of draft 07, in which a younger keyword is silently ignored."""
    young = {"$defs", "prefixItems", "unevaluatedProperties", "dependentRequired", "minContains", "$dynamicRef"}

    assert not young & set(keywords(document()["components"]["schemas"]))


def keywords(part: Any) -> Iterator[str]:
    """Yield all names in a schema."""
    if isinstance(part, dict):
        yield from part
        for inner in part.values():
            yield from keywords(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from keywords(inner)


def test_every_field_is_described() -> None:
    """In records and in their parts; the type of a user request describes itself."""
    fields = {
        f"{name}.{field}": property_schema
        for name, schema in document()["components"]["schemas"].items()
        for field, property_schema in schema["properties"].items()
    }

    assert set() == {
        field
        for field, property_schema in fields.items()
        if "description" not in property_schema and "enum" not in property_schema
    }
