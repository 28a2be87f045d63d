"""The description of the gateway for clients: schemas from the structs that travel, one example at least of each."""

from collections.abc import Collection
from typing import Any

import msgspec
from fastapi import FastAPI

from streams.messages.events import Forget, Hide, Pause, Play, Resume, Shown, Unhide
from streams.messages.export_document import Holdings
from streams.messages.receipt import Receipt
from streams.messages.records import CatalogItem, RelatedItems
from web import schemas as answers
from web.server.ids import PRINTABLE
from web.server.problems import MEDIA_TYPE, ProblemDocument

EVENTS = (Play, Hide, Unhide, Shown, Pause, Resume, Forget)
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    *EVENTS,
    CatalogItem,
    RelatedItems,
    Holdings,
    Receipt,
    ProblemDocument,
    answers.Placed,
    answers.Refused,
    answers.PlaysAnswer,
    answers.ListAnswer,
    answers.ItemsRequest,
    answers.ItemsAnswer,
    answers.FoundItems,
    answers.FoundListeners,
    answers.BecauseAnswer,
    answers.Health,
)
WORDS = {
    304: "It is what the client has already.",
    400: "The body is no JSON.",
    401: "The token is missing or wrong.",
    403: "Another site's page sent it, or it is for another host.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The request does not fit.",
    429: "Too many requests of this client; Retry-After tells when to come back.",
    431: "The head of the request is too large.",
    500: "The gateway failed.",
    503: "Not now: Kafka, a worker or the gateway is not there yet; Retry-After tells when to come back.",
    504: "No worker did it in time; what was sent stands.",
}
ALWAYS = (401, 403, 408, 413, 429, 431, 503)
"""What any request may be answered with."""


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def responses(schema: str, example: Any, what: str, *problems: int) -> dict[int | str, dict[str, Any]]:
    """Return what a path may answer: its own answer, and problem documents."""
    # As text, until `describe` reads it: the framework would leave out every null of it.
    told = {"schema": ref(schema), "example": msgspec.json.encode(example).decode()}
    found: dict[int | str, dict[str, Any]] = {200: {"description": what, "content": {"application/json": told}}}
    for status in sorted({*problems, *ALWAYS}):
        found[status] = {"description": WORDS[status]}
        if status != 304:  # noqa: PLR2004  it has no body
            found[status]["content"] = {MEDIA_TYPE: {"schema": ref("ProblemDocument")}}
        if status in {429, 503}:
            found[status]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a path that describes the body of its requests."""
    told = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": told}}}}


def parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """Return what the query of a path may say, by the struct that it is read into."""
    schema = msgspec.json.schema(query)["$defs"][query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": told.get("description", ""),
            "schema": {part: value for part, value in told.items() if part != "description"},
        }
        for name, told in schema["properties"].items()
    ]


def _mark_ids(properties: dict[str, Any]) -> None:
    """Say of ids of events that they have to be printable, which no other word of a schema can say."""
    for name, told in properties.items():
        if name.endswith("_id"):
            for part in told.get("anyOf", [told]):
                if part.get("type") == "string":
                    part["format"] = PRINTABLE
        elif name.endswith("_ids"):
            told["items"]["format"] = PRINTABLE


def describe(app: FastAPI, types: Collection[str], *, needs_token: bool) -> None:
    """Have an app tell the schemas of the structs with its own, the types that a signal may have, and the token."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _, found = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas |= found
            schemas["Play"]["properties"]["type"]["enum"] = sorted(types)
            for event in EVENTS:
                _mark_ids(schemas[event.__name__]["properties"])
            for path in document["paths"].values():
                for operation in path.values():
                    told = operation["responses"]["200"]["content"]["application/json"]
                    told["example"] = msgspec.json.decode(told["example"])
            document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"token": []}] if needs_token else [{}, {"token": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
