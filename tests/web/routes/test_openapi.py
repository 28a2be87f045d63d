"""The description of the gateway for clients."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it comes without types
import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from streams.settings import Secret
from tests.web.scene import Scene, ask, made_list, make_scene
from web.routes.health import HealthRoutes
from web.routes.items import ItemRoutes
from web.routes.listeners import ListenerRoutes
from web.routes.lists import ListRoutes
from web.routes.plays import PlayRoutes

OPERATIONS = {
    "post_plays",
    "rank_items",
    "find_items",
    "get_because",
    "get_health",
    "get_item",
    "get_readiness",
    "get_recommendations",
    "get_related",
    "export_user",
    "forget_user",
}


@pytest.fixture
async def document(scene: Scene) -> dict[str, Any]:
    """Give the OpenAPI document of the gateway."""
    response = await ask(scene.app, "GET", "/openapi.json")
    assert 200 == response.status
    assert "application/json" == response.headers["content-type"]
    described: dict[str, Any] = response.json
    return described


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation."""
    for methods in document["paths"].values():
        yield from methods.values()


def references(part: Any) -> Iterator[str]:
    """Yield the references in a part of the document."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of a value by a schema of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})


async def test_every_path_of_the_api_is_described(document: dict[str, Any]) -> None:
    """With a name for programs, a summary and words; those of the page are not."""
    described = {operation["operationId"]: operation for operation in operations(document)}

    assert OPERATIONS == described.keys()
    assert all(operation["summary"] and operation["description"] for operation in described.values())
    assert "3.1.0" == document["openapi"]
    assert not any("ms_played" in operation["description"] for operation in described.values())


async def test_no_route_is_left_out(scene: Scene, document: dict[str, Any]) -> None:
    """Every route with a schema is in it."""
    routers = [
        path(scene.parts).router() for path in (PlayRoutes, ListRoutes, ItemRoutes, ListenerRoutes, HealthRoutes)
    ]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    assert {route.path for route in routes if route.include_in_schema} == set(document["paths"])
    assert ["/metrics"] == [route.path for route in routes if not route.include_in_schema]


async def test_all_that_is_referred_to_is_there(document: dict[str, Any]) -> None:
    """And every schema is one."""
    schemas = document["components"]["schemas"]

    assert {reference.removeprefix("#/components/schemas/") for reference in references(document)} <= schemas.keys()
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


async def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    """Of requests and of answers."""
    n_examples = 0
    for operation in operations(document):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                examples = [example["value"] for example in media.get("examples", {}).values()]
                examples += [media["example"]] if "example" in media else []
                for example in examples:
                    validator(document, media["schema"]).validate(example)
                    n_examples += 1

    assert n_examples >= len(OPERATIONS)


async def test_every_problem_is_described_as_one(document: dict[str, Any]) -> None:
    """With the Retry-After header where there is one; errors of any request are on every path."""
    for operation in operations(document):
        answers = operation["responses"]
        assert {"200", "401", "403", "429", "431", "503"} <= answers.keys()
        assert "default" not in answers
        for status, answer in answers.items():
            if int(status) >= 400:
                (schema,) = answer["content"].values()
                assert ["application/problem+json"] == list(answer["content"])
                assert {"$ref": "#/components/schemas/ProblemDocument"} == schema["schema"]
            assert ("Retry-After" in answer.get("headers", {})) == (status in {"429", "503"})


async def test_answers_are_as_described(scene: Scene, document: dict[str, Any]) -> None:
    """Real ones, good and bad, held against the schemas of their statuses."""
    scene.put_list(made_list("ann", ["i1", "i2"]))
    scene.put_item("i1", title="One", tags=("x",))
    scene.put_related("i1", ["i2"])
    n_bad = 0
    async with scene.client() as client:
        for path, urls in {
            "/v1/users/{user_id}/recommendations": "/v1/users/ann/recommendations?after=9:9",
            "/v1/users/{user_id}/because/{item_id}": "/v1/users/ann/because/i1",
            "/v1/users/{user_id}/export": "/v1/users/ann/export",
            "/v1/items/{item_id}": "/v1/items/i1",
            "/v1/items/{item_id}/related": "/v1/items/i1/related?n=0",
            "/v1/items": "/v1/items?query=one",
            "/healthz": "/healthz",
            "/readyz": "/readyz",
        }.items():
            for url in (urls, urls.split("?")[0]):
                response = await client.get(url)
                n_bad += response.status_code >= 400
                (media,) = document["paths"][path]["get"]["responses"][str(response.status_code)]["content"].items()
                assert media[0] == response.headers["content-type"]
                validator(document, media[1]["schema"]).validate(response.json())
        events = [{"user_id": "a", "item_id": "b", "played_at_ms": 1_795_478_400_000}, {}]
        bodies: list[Any] = [events, {}, []]
        for body in bodies:
            response = await client.post("/v1/plays", json=body)
            n_bad += response.status_code >= 400
            (media,) = document["paths"]["/v1/plays"]["post"]["responses"][str(response.status_code)]["content"].items()
            validator(document, media[1]["schema"]).validate(response.json())

    assert 5 == n_bad


async def test_parameters_are_those_that_are_heeded(document: dict[str, Any]) -> None:
    """By name, with their bounds."""
    (read,) = [operation for operation in operations(document) if operation["operationId"] == "get_recommendations"]
    described = {parameter["name"]: parameter for parameter in read["parameters"]}

    assert {"user_id", "n", "kind", "exclude", "after", "wait_ms"} == described.keys()
    assert "path" == described["user_id"]["in"]
    assert described["user_id"]["required"] is True
    n = validator(document, described["n"]["schema"])
    assert [True, True, False, False] == [n.is_valid(value) for value in (1, 1000, 0, 1001)]
    after = validator(document, described["after"]["schema"])
    assert [True, False] == [after.is_valid(value) for value in ("3:17", "3")]


async def test_a_plays_schema_takes_what_the_gateway_takes(document: dict[str, Any]) -> None:
    """One event or an array of them."""
    content = document["paths"]["/v1/plays"]["post"]["requestBody"]["content"]["application/json"]
    schema = validator(document, content["schema"])
    play = {"user_id": "a", "item_id": "b", "played_at_ms": 1_795_478_400_000}

    assert schema.is_valid(play)
    assert schema.is_valid([play, {"type": "pause", "user_id": "a"}])
    assert not schema.is_valid([])
    assert not schema.is_valid([play] * 501)
    with pytest.raises(jsonschema.ValidationError):
        schema.validate({"user_id": "a"})


async def test_the_description_needs_the_token_where_there_is_one(tmp_path: Any) -> None:
    """And says how to bring it."""
    scene = await make_scene(tmp_path, gateway_token=Secret("correct-horse-battery"))
    refused = await ask(scene.app, "GET", "/openapi.json")
    given = await ask(scene.app, "GET", "/openapi.json", {"authorization": "Bearer correct-horse-battery"})

    assert 401 == refused.status
    assert 200 == given.status
    assert {"token": {"type": "http", "scheme": "bearer"}} == given.json["components"]["securitySchemes"]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", given.json["info"]["version"])
