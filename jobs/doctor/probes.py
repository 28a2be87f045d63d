"""What `playfold doctor` looks at: each look asks one part of the system and changes nothing."""

import asyncio
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

import msgspec

from jobs.announcement import announced
from jobs.doctor.finding import Complaint, Finding, found
from jobs.doctor.rules import Serving, Told
from state.errors import GenerationError, StoreUnavailableError
from state.generations.manifest import Manifest
from state.generations.open_store import generation_store
from state.storage.disk_space import DiskSpace, disk_space_of
from streams.readers.lag import lag_of
from streams.readers.latest_pulse import read_pulse
from streams.readers.log_reader import Span, partitions_of, read_topic, reader, spans_of
from streams.settings import Settings
from streams.settings.processes import GatewaySettings
from streams.topics.topics import topic_names

GROWS_S = 2.0
"""Seconds between two looks at the lag."""
ANSWER_S = 3.0
"""Longest wait for the gateway."""
ANSWER_BYTES_MAX = 65_536
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  nothing is bound: where to ask who listens anywhere


class Lags(NamedTuple):
    """How far workers were behind, twice."""

    first: Mapping[int, Span]
    second: Mapping[int, Span]
    starts: Mapping[int, int]
    """By partition, the first offset that Kafka still has."""


async def look_at_lag(settings: Settings) -> Lags:
    """Ask for the lag twice.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    async with reader(settings.kafka.brokers, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, topic_names(settings).plays)
        starts = {tp.partition: span.start for tp, span in (await spans_of(consumer, tps)).items()}
    async with lag_of(settings) as lag:
        first = await lag.spans()
        await asyncio.sleep(GROWS_S)
        return Lags(first, await lag.spans(), starts)


async def look_at_pulses(settings: Settings) -> list[Told]:
    """Return the last pulse of every worker that was heard within the hour.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    told: dict[str, Told] = {}
    async for _, records in read_topic(settings.kafka.brokers, topic_names(settings).pulse, settings.kafka.timeout_s):
        for record in records:
            pulse = read_pulse(record.key, record.value)
            if pulse is not None:
                told[pulse.instance] = Told(pulse, record.timestamp)
    return [told[name] for name in sorted(told)]


def look_at_disks(settings: Settings) -> tuple[dict[str, DiskSpace], dict[str, int]]:
    """Return the room on the disks of what playfold keeps on this machine, and what it uses of it.

    Raises:
        OSError: A disk does not answer.
    """
    store = generation_store(settings).path
    rooms = {"the data folder": disk_space_of(settings.application.data_path)}
    if disk_space_of(store) != rooms["the data folder"]:
        rooms["generations"] = disk_space_of(store)
    kept = {
        "states of workers": settings.application.workers_path,
        "the gateway's view": settings.application.gateway_path,
    }
    return rooms, {what: size_of(folder) for what, folder in (kept | {"generations": store}).items()}


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; a file that goes away meanwhile is not counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def look_at_generation(settings: Settings) -> Serving | Finding:
    """Open the generation that is announced; from a bucket only what it says of itself is read.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    announcement = asyncio.run(announced(settings))
    if announcement is None:
        return _complaint("No generation is announced, so nobody gets a list.", "Run `playfold retrain`.")
    store, name = generation_store(settings), announcement.generation_id
    try:
        manifests = {manifest.generation_id: manifest for manifest in store.manifests()}
        if store.is_local:
            manifests[name] = store.open(name, announcement.revision).manifest
    except StoreUnavailableError as error:
        return _complaint(str(error), "Mend the store, or correct PLAYFOLD_GENERATION_STORE.")
    except GenerationError as error:
        return _complaint(f"{error} It is announced.", "`playfold generations rollback` announces the one before.")
    if name not in manifests:
        says = f"Generation {name} is announced, and is not in the store."
        return _complaint(says, "`playfold generations rollback` announces the one before.")
    newer = _newest_rejected(list(manifests.values()), name)
    return Serving(name, announcement.revision, manifests[name].created_at_ms, manifests[name].n_items, newer)


def _complaint(says: str, do: str) -> Finding:
    return found("generation", "", [Complaint("problem", says, do)])


def _newest_rejected(manifests: list[Manifest], serving: str) -> str:
    """Return why the newest generation is not in service, in a sentence; empty if it is not a rejected one."""
    newest = max(manifests, key=lambda manifest: manifest.generation_id)
    if newest.generation_id <= serving or not newest.rejected or newest.gate is None:
        return ""
    return f"A newer one, {newest.generation_id}, was rejected: {newest.gate.reason}"


def look_at_gateway(gateway: GatewaySettings) -> Finding:
    """Ask the gateway whether it is ready."""
    host = ANYWHERE.get(gateway.host, gateway.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{gateway.port}/readyz"
    if not gateway.port:
        return found(
            "gateway", "", [Complaint("note", "PLAYFOLD_GATEWAY_PORT is 0, so nobody knows where it listens.")]
        )
    connection = HTTPConnection(host, gateway.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return judge_answer(url, answer.status, answer.read(ANSWER_BYTES_MAX))
    except ConnectionRefusedError:
        return found("gateway", "", [Complaint("note", f"No gateway answers at {url}; `playfold gateway` runs one.")])
    except (OSError, HTTPException) as error:
        says = f"The gateway at {url} does not answer ({error or type(error).__name__})."
        return found("gateway", "", [Complaint("problem", says, "Look at its log, and restart it.")])
    finally:
        connection.close()


def judge_answer(url: str, status: int, body: bytes) -> Finding:
    """Judge what stood at the gateway's address."""
    try:
        told = msgspec.json.decode(body, type=dict[str, object])
    except (ValueError, RecursionError):
        told = {}
    if status == 200 and told.get("status") == "ready":  # noqa: PLR2004  HTTP's own number
        return found("gateway", f"The gateway at {url} is ready.")
    if status == 503 and "detail" in told:  # noqa: PLR2004
        says = f"The gateway at {url} is not ready: {told['detail']}"
        return found(
            "gateway",
            "",
            [Complaint("problem", says, "Wait while it reads its topics; if it stays so, look at Kafka.")],
        )
    says = f"What answers at {url} is not playfold's gateway, or not of this version: status {status}."
    return found(
        "gateway", "", [Complaint("warning", says, "Correct PLAYFOLD_GATEWAY_HOST and PLAYFOLD_GATEWAY_PORT.")]
    )
