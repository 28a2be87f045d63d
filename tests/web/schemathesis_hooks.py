"""Facts about the gateway that no schema can say, for Schemathesis, which loads this file by itself."""

from typing import Any
from urllib.parse import unquote

import schemathesis
from hypothesis import strategies as st

from streams.partitioning import partition_of
from streams.settings import Settings

PARTITIONS = Settings().topics.partitions

schemathesis.openapi.format(
    "printable",
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "M"), include_characters=" "), min_size=1)
    .map(lambda text: text[:128])
    .filter(str.isprintable),
)


@schemathesis.hook
def map_case(_: Any, case: Any) -> Any:
    """Make valid requests valid, and invalid ones invalid, where a schema cannot tell.

    An event with an odd optional field is taken, so that an invalid one gets an invalid required field too. A play
    to wait for stands in the partition of its listener: which one that is, a hash tells. Events that ask for a list are
    of one listener. And a whole number is written without a point: to a schema `2.0` is an integer, to a worker it is
    none.
    """
    if case.meta is None:
        return case
    if not case.meta.generation.mode.is_positive:
        if case.path == "/v1/plays":
            case.body = _with_wrong_ids(case.body)
        return case
    after = (case.query or {}).get("after")
    if isinstance(after, str):
        partition = partition_of(unquote(str(case.path_parameters["user_id"])), PARTITIONS)
        case.query["after"] = f"{partition}:{after.partition(':')[2]}"
    if isinstance(case.body, dict | list):
        case.body = _with_integers(case.body)
    if case.path == "/v1/plays" and "list" in (case.query or {}) and isinstance(case.body, list):
        case.body = [event | {"user_id": case.body[0]["user_id"]} for event in case.body]
    return case


def _with_wrong_ids(body: Any) -> Any:
    """Return a body whose events are none, unless it has no events to change."""
    if isinstance(body, dict) and "user_id" in body:
        return body | {"user_id": 7}
    return [_with_wrong_ids(event) for event in body] if isinstance(body, list) else body


def _with_integers(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _with_integers(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_with_integers(value) for value in part]
    return int(part) if isinstance(part, float) and part.is_integer() else part
