"""Posts that ask for a list, and the lists that a worker answers with."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from streams.messages.list_requests import outcome_of, token_of
from streams.partitioning import partition_of
from streams.topics.topics import topic_names
from tests.support.wait import wait_idle
from tests.web.scene import Answer, Scene, ask, made_list

PARTITION = partition_of("ann", 4)


async def post(scene: Scene, events: Any, query: str = "list=2") -> Answer:
    """Post events."""
    headers = {"content-type": "application/json"}
    return await ask(scene.app, "POST", f"/v1/plays?{query}", headers, msgspec.json.encode(events))


def tokens_of(scene: Scene, partition: int = PARTITION) -> list[bytes | None]:
    """Return the token of every event on a partition."""
    return [token_of(marks) for marks in scene.outbox.headers.get((topic_names(scene.settings).plays, partition), [])]


def answer(scene: Scene, *outcomes: str, offset: int, items: Sequence[str] = ("i1", "i2", "i3")) -> None:
    """Have a list come that answers the latest events."""
    scene.put_list(made_list(items=items, offset=offset))
    tokens = tokens_of(scene)[-len(outcomes) :]
    scene.parts.answers.take(
        [[outcome_of(token, outcome) for token, outcome in zip(tokens, outcomes, strict=True) if token]]
    )
    scene.parts.waiters.wake(["ann"])


async def begun(scene: Scene, events: Any, query: str = "list=2") -> "asyncio.Task[Answer]":
    """Begin a post whose events are acknowledged, and whose answer waits."""
    posting = asyncio.create_task(post(scene, events, query))
    await wait_idle()
    assert not posting.done()
    return posting
