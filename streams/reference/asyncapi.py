"""Write the topics as AsyncAPI 3.0, from structs and declared topics: `python -m streams.reference.asyncapi`."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from streams.messages.records import CONTRACT_VERSION
from streams.reference.channels import BINARY, CHANNELS, Channel, Operation
from streams.reference.examples import EXAMPLES, Example
from streams.reference.schemas import RECORDS
from streams.settings import Settings
from streams.topics.topics import Topic, declare_topics

FILE = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
HEAD = """\
# Generated from streams/messages, streams/topics/topics.py and streams/reference/channels.py:
# change it there and run `python -m streams.reference.asyncapi`.
"""
BINDING = {"bindingVersion": "0.5.0"}
DESCRIPTION = """\
Recommendations that change with the play you just made: plays go in, lists come out.

Names, partitions and limits are those of the default settings.
`PLAYFOLD_TOPIC_PREFIX` is put before every name but that of the users changelog, and `PLAYFOLD_PARTITIONS` changes
the number of partitions of all topics but `generations` and `pulse`.
Values are JSON in UTF-8, except on the users changelog. Records have no headers but two: an event with `playfold-list`
asks for the list of its listener, and the list answers with `playfold-outcome`.
Record timestamps are arrival times (`LogAppendTime`); the value has the event time.
A tombstone is a record with a key and without a value, which is not the JSON text `null`.
"""
NULL = {"type": "null", "description": "No value at all: a tombstone."}
OF_USERS = {"name": "Record", "title": "A listener's record, or an item's name", "payload": BINARY}


def render_document() -> str:
    """Return the text of docs/asyncapi.yaml."""
    return HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)


def document() -> dict[str, Any]:
    """Return the topics as an AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "playfold",
            "version": CONTRACT_VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": Settings().kafka.brokers,
                "protocol": "kafka",
                "description": "The Kafka that `playfold up` starts. `PLAYFOLD_BROKERS` names another one.",
            }
        },
        "channels": {topic.name: _channel(topic, CHANNELS[topic.name]) for topic in declare_topics(Settings())},
        "operations": {
            operation.name: _operation(name, operation)
            for name, channel in CHANNELS.items()
            for operation in channel.operations
        },
        "components": {"schemas": _schemas()},
    }


def _channel(topic: Topic, channel: Channel) -> dict[str, Any]:
    """Return a topic with its messages and configuration."""
    return {
        "address": topic.name,
        "title": channel.title,
        "summary": channel.summary,
        "description": channel.description,
        "tags": [{"name": channel.audience}],
        "messages": _messages(topic.name, channel),
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {name: _config(name, value) for name, value in sorted(topic.configs.items())},
                **BINDING,
            }
        },
    }


def _config(name: str, value: str) -> Any:
    """Return a topic's setting in the form of the binding: a list of policies, a number or a text."""
    if name == "cleanup.policy":
        return value.split(",")
    if value.isdecimal():
        return int(value)
    return float(value) if value.replace(".", "", 1).isdecimal() else value


def _messages(topic: str, channel: Channel) -> dict[str, Any]:
    """Return the messages of a topic by name."""
    messages = [_message(record, topic) for record in RECORDS.get(topic, ())]
    messages = messages or [OF_USERS | {"summary": channel.summary, "contentType": "application/octet-stream"}]
    if channel.tombstone:
        messages.append({"name": "Tombstone", "title": "Tombstone", "summary": channel.tombstone, "payload": NULL})
    keyed = {"bindings": {"kafka": {"key": channel.key, **BINDING}}}
    return {message["name"]: message | keyed for message in messages}


def _message(record: type[msgspec.Struct], topic: str) -> dict[str, Any]:
    """Return one kind of record with its examples."""
    examples = [_example(example) for example in EXAMPLES[topic] if type(example.record) is record]
    return {
        "name": record.__name__,
        "title": record.__name__,
        "summary": (record.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{record.__name__}"},
        "examples": examples,
    }


def _example(example: Example) -> dict[str, Any]:
    return {"name": example.name, "summary": example.summary, "payload": example.payload}


def _operation(topic: str, operation: Operation) -> dict[str, Any]:
    """Return an operation of playfold on a topic."""
    group = {"groupId": {"type": "string", "enum": [operation.group]}, **BINDING}
    return {
        "action": operation.action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "title": operation.title,
        "summary": operation.summary,
        **({"bindings": {"kafka": group}} if operation.group else {}),
    }


def _schemas() -> dict[str, Any]:
    """Return the schemas of all records and of their parts."""
    records = dict.fromkeys(record for of_topic in RECORDS.values() for record in of_topic)
    _, schemas = msgspec.json.schema_components(records, ref_template="#/components/schemas/{name}")
    separated: dict[str, Any] = _apart(schemas)
    return separated


def _apart(schema: Any) -> Any:
    """Return a schema without keywords beside a `$ref`, which AsyncAPI's dialect, draft 07, would ignore."""
    if isinstance(schema, dict):
        parts = {name: _apart(part) for name, part in schema.items()}
        if len(parts) > 1 and isinstance(parts.get("$ref"), str):
            target = parts.pop("$ref")
            return {**parts, "allOf": [{"$ref": target}]}
        return parts
    return [_apart(part) for part in schema] if isinstance(schema, list | tuple) else schema


class _Dumper(yaml.SafeDumper):
    """Writes YAML with literal blocks for long texts, and without aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write repeated parts in full."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Indent lists as well."""
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write a text of several lines as a literal block."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write_document(file: Path) -> None:
    """Write docs/asyncapi.yaml."""
    file.write_text(render_document())


if __name__ == "__main__":
    write_document(Path(sys.argv[1]) if sys.argv[1:] else FILE)
