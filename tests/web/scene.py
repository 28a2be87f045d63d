"""A gateway without Kafka: the test puts in the records of topics, and sent records stay in memory."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from httpx import ASGITransport, AsyncClient
from starlette.types import ASGIApp, Message

from state.gateway_view.keys import ITEM, LIST, RELATED
from state.gateway_view.view import View
from state.lists.explain_score import Explanation, ExplanationError
from streams.messages.export_document import UserExport
from streams.messages.records import CatalogItem, PopularItems, Recommendations, RelatedItems
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with
from web.app import create_app
from web.parts import GatewayParts, TopicOperations, make_parts
from web.play_intake import PlayIntake
from web.server.access import Access

HOST = "http://localhost"
NOW_MS = 1_795_478_400_000
NEVER_MS = 4_000_000_000_000
CLIENT = ("127.0.0.1", 50_000)


class Answer(NamedTuple):
    """The response to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body, decoded."""
        return msgspec.json.decode(self.body)


@dataclasses.dataclass
class Scene:
    """The parts of a ready gateway, and ways to put in records of topics."""

    settings: Settings
    parts: GatewayParts
    access: Access
    outbox: MemoryOutbox

    @cached_property
    def app(self) -> ASGIApp:
        """Return the whole app."""
        return create_app(self.parts, self.access)

    def client(self, **headers: str) -> AsyncClient:
        """Return a client of the app that sends some headers with everything."""
        transport = ASGITransport(self.app, client=CLIENT)
        return AsyncClient(transport=transport, base_url=HOST, headers=headers)

    def take(self, kind: bytes, key: str, value: bytes | None) -> None:
        """Have the gateway take a record of one of its topics."""
        changed = self.parts.view.store(kind, "topic", 0, [(key.encode(), value)], 1)
        if kind == ITEM:
            self.parts.catalog.on_record(key.encode(), value)
            self.parts.search.take([(key.encode(), value)])
        self.parts.waiters.wake(user_id for user_id, _ in changed)

    def put_list(self, recommendations: Recommendations) -> None:
        """Have a list come."""
        self.take(LIST, recommendations.user_id, msgspec.json.encode(recommendations))

    def put_item(self, item_id: str, **fields: Any) -> None:
        """Have the catalog tell of an item."""
        self.take(ITEM, item_id, msgspec.json.encode(CatalogItem(item_id=item_id, **fields)))

    def put_related(self, item_id: str, items: Sequence[str]) -> None:
        """Have items be related to an item."""
        cosines = [1 - rank / 10 for rank, _ in enumerate(items, 1)]
        related = RelatedItems(item_id=item_id, generation="g", items=list(items), cosines=cosines)
        self.take(RELATED, item_id, msgspec.json.encode(related))

    def put_popular(self, items: Sequence[str], kind: str = "all", made_at_ms: int = NOW_MS) -> None:
        """Have a popular list come."""
        plays = [float(len(items) - rank) for rank, _ in enumerate(items)]
        popular = PopularItems(
            kind=kind,
            generation="g",
            revision=0,
            as_of_ms=NOW_MS,
            made_at_ms=made_at_ms,
            items=list(items),
            plays=plays,
        )
        self.parts.popular.on_record(kind.encode(), msgspec.json.encode(popular))


def made_list(user_id: str = "ann", items: Sequence[str] = ("i1", "i2", "i3"), **fields: Any) -> Recommendations:
    """Return a list with reasons."""
    fields_of_list = {
        "user_id": user_id,
        "kind": "personal",
        "generation": "g",
        "revision": 0,
        "partition": partition_of(user_id, 4),
        "offset": 5,
        "plays": 3,
        "made_at_ms": NOW_MS,
        "expires_at_ms": NEVER_MS,
        "items": list(items),
        "scores": [1.0 / rank for rank, _ in enumerate(items, 1)],
        "because": [[f"of-{item_id}"] for item_id in items],
        "because_scores": [[0.5 / rank] for rank, _ in enumerate(items, 1)],
        "because_rest": [0.5 / rank for rank, _ in enumerate(items, 1)],
    }
    return msgspec.convert(fields_of_list | fields, Recommendations)


def nothing_known(user_id: str, _item_id: str, _settings: Settings) -> Explanation:
    """Explain nobody's scores."""
    message = f"Nothing is known of {user_id!r}."
    raise ExplanationError(message)


async def nothing_held(user_id: str, _settings: Settings, now_ms: int) -> UserExport:
    """Find nothing of anybody."""
    return UserExport(
        user_id=user_id,
        made_at_ms=now_ms,
        anything=False,
        record=None,
        recommendations=None,
        private_recommendations=[],
        plays=[],
        plays_rejected=[],
    )


async def nobody_forgotten(user_id: str, _settings: Settings) -> Any:
    """Have no worker that forgets."""
    message = f"No worker carried out the wish of {user_id!r}."
    raise TimeoutError(message)


OPERATIONS = TopicOperations(nothing_known, nothing_held, nobody_forgotten)


async def make_scene(folder: Path, operations: TopicOperations = OPERATIONS, **settings: Any) -> Scene:
    """Return a scene whose gateway has read its topics, which were empty, and reaches Kafka."""
    ours = settings_with(data_dir=str(folder), **settings)
    outbox = MemoryOutbox(ours.kafka)
    made = make_parts(ours, operations, View(folder / "view"))
    parts = dataclasses.replace(made, intake=PlayIntake(ours, lambda _: outbox))
    await parts.intake.start()
    parts.follower.caught_up.set()
    return Scene(ours, parts, Access(ours.gateway), outbox)


async def ask(
    app: ASGIApp, method: str, raw_path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send a request with its path as it is, not normalized by a client, and return the response."""
    path, _, query = raw_path.partition("?")
    given = {"host": "localhost", **({"content-length": str(len(body))} if body else {}), **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": CLIENT,
        "server": ("localhost", 80),
        "state": {},
    }
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer_headers = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], answer_headers, b"".join(message.get("body", b"") for message in sent[1:]))


def sent(scene: Scene) -> list[Item]:
    """Return the records written to `plays`, partition by partition."""
    plays = topic_names(scene.settings).plays
    return [item for (topic, _), log in sorted(scene.outbox.logs.items()) for item in log if topic == plays]
