"""The description of the gateway for clients: schemas from the structs that travel, one example at least of each."""

from collections.abc import Collection
from typing import Any

import msgspec
from fastapi import FastAPI

from streams.messages.events import Forget, Hide, Pause, Play, Resume, Shown, Unhide
from streams.messages.export_document import UserExport
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
    UserExport,
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
    304: "The client has the same content already.",
    400: "The body is not valid JSON.",
    401: "The token is missing or wrong.",
    403: "A page of another site sent the request, or its Host is not allowed.",
    404: "Nothing is found under this path.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not application/json, or its coding is not gzip or deflate.",
    422: "The request does not fit.",
    429: "The client sent too many requests; Retry-After tells when to retry.",
    431: "The head of the request is too large.",
    500: "The gateway failed.",
    503: "Kafka, a worker or the gateway is not ready; Retry-After tells when to retry.",
    504: "No worker processed it in time; the request stays queued.",
}
ALWAYS = (401, 403, 408, 413, 429, 431, 503)
"""Statuses that any request may get."""


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def responses(schema: str, example: Any, what: str, *problems: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route: its own answer, and problem documents."""
    # As text, until `describe` reads it: the framework would leave out every null of it.
    content = {"schema": ref(schema), "example": msgspec.json.encode(example).decode()}
    by_status: dict[int | str, dict[str, Any]] = {200: {"description": what, "content": {"application/json": content}}}
    for status in sorted({*problems, *ALWAYS}):
        by_status[status] = {"description": WORDS[status]}
        if status != 304:  # noqa: PLR2004  it has no body
            by_status[status]["content"] = {MEDIA_TYPE: {"schema": ref("ProblemDocument")}}
        if status in {429, 503}:
            by_status[status]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return by_status


def body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a path that describes the body of its requests."""
    named = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": named}}}}


def parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """Return the query parameters of a route from the struct that decodes them."""
    schema = msgspec.json.schema(query)["$defs"][query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": property_schema.get("description", ""),
            "schema": {part: value for part, value in property_schema.items() if part != "description"},
        }
        for name, property_schema in schema["properties"].items()
    ]


def _mark_ids(properties: dict[str, Any]) -> None:
    """Mark ids of events as printable, which JSON Schema has no keyword for."""
    for name, property_schema in properties.items():
        if name.endswith("_id"):
            for part in property_schema.get("anyOf", [property_schema]):
                if part.get("type") == "string":
                    part["format"] = PRINTABLE
        elif name.endswith("_ids"):
            property_schema["items"]["format"] = PRINTABLE


def describe(app: FastAPI, types: Collection[str], *, needs_token: bool) -> None:
    """Add the schemas of the structs, the signal types and the token to an app's OpenAPI document."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _, components = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas |= components
            schemas["Play"]["properties"]["type"]["enum"] = sorted(types)
            for event in EVENTS:
                _mark_ids(schemas[event.__name__]["properties"])
            for path in document["paths"].values():
                for operation in path.values():
                    content = operation["responses"]["200"]["content"]["application/json"]
                    content["example"] = msgspec.json.decode(content["example"])
            document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"token": []}] if needs_token else [{}, {"token": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
