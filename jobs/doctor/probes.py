"""The probes of `playfold doctor`: each asks one part of the system and changes nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec
from kafka import TopicPartition

from jobs.announcement import announced
from jobs.doctor.answers import (
    AnnouncedGeneration,
    DiskUsage,
    GatewayResponse,
    LagReadings,
    RejectReadings,
    StateReadings,
    WorkerReport,
)
from jobs.doctor.damaged_records import DamagedRecords
from jobs.doctor.finding import Issue
from state.errors import GenerationError, StoreUnavailableError
from state.generations.generation_files import verify_served
from state.generations.manifest import Manifest
from state.generations.open_store import generation_store
from state.generations.related_items import PART
from state.generations.store import GenerationStore
from state.storage.disk_space import disk_space_of, on_one_disk
from streams.connection.rights import MissingRightError
from streams.messages.records import RejectedPlay
from streams.messages.retried import HEADER, place_of
from streams.readers.decode_record import UnreadableRecord, decode_record
from streams.readers.lag import lag_of
from streams.readers.latest_pulse import checked_pulse
from streams.readers.log_reader import LogReadError, partitions_of, read_span, read_topic, reader, spans_of
from streams.readers.one_record import arrival_of
from streams.readers.open_transactions import OpenTransaction, find_open_transactions
from streams.readers.state_topics import latest_state_topics
from streams.readers.topic_identities import read_identities
from streams.settings import Settings
from streams.settings.processes import GatewaySettings
from streams.topics.admin import TopicsError
from streams.topics.cluster import find_producer
from streams.topics.topics import topic_names

LAG_INTERVAL_S = 2.0
"""Seconds between the two readings of the lag."""
RESPONSE_S = 3.0
"""Longest wait for the gateway."""
LATEST_EVENTS = 3000
"""Events whose rejects are counted."""
RESPONSE_BYTES_MAX = 65_536
_REJECT = msgspec.json.Decoder(RejectedPlay)
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  nothing is bound: a listener on any address is asked here


async def probe_lag(settings: Settings, damaged: DamagedRecords) -> LagReadings:
    """Read the lag twice.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, topic_names(settings).plays)
        starts = {tp.partition: span.start for tp, span in (await spans_of(consumer, tps)).items()}
    async with lag_of(settings) as lag:
        first = await lag.spans()
        await asyncio.sleep(LAG_INTERVAL_S)
        offsets = await lag.offsets()
    second, plays = {partition: one.uncommitted for partition, one in offsets.items()}, topic_names(settings).plays
    waits = any(span.end > span.start for span in second.values())
    transactions = await find_open_transactions(plays, settings, skip=damaged.skip) if waits else []
    left_ms: dict[int, int | None] = {}
    with suppress(MissingRightError):  # the doctor goes without the right to read plays
        for partition, one in offsets.items():
            if one.n_lost:
                left_ms[partition] = await arrival_of(settings, plays, partition, one.start, damaged.skip)
    return LagReadings(first, second, starts, LAG_INTERVAL_S, transactions, offsets, left_ms)


def name_producers(transactions: Sequence[OpenTransaction], settings: Settings) -> list[OpenTransaction]:
    """Return open transactions with the ids of their producers; without, if the right to read the topic is missing."""
    named = []
    for transaction in transactions:
        producer_id = None
        with suppress(TopicsError):
            tp = TopicPartition(transaction.topic, transaction.partition)
            producer_id = find_producer(tp, transaction.offset, settings.kafka)
        named.append(transaction._replace(producer_id=producer_id))
    return named


async def probe_state(settings: Settings, damaged: DamagedRecords) -> StateReadings:
    """Return which topics the workers' state belongs to, and which are on the cluster.

    Raises:
        LogReadError: Kafka does not answer, or the topic of generations is missing.
    """
    names = topic_names(settings)
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        present = await read_identities(consumer, [names.plays, names.users_changelog], settings.kafka)
    return StateReadings(await latest_state_topics(settings, damaged.skip), present)


async def probe_rejects(settings: Settings, damaged: DamagedRecords) -> RejectReadings:
    """Read which of the latest events were rejected.

    Raises:
        LogReadError: Kafka does not answer, or a topic is missing.
    """
    names = topic_names(settings)
    async with lag_of(settings) as lag:
        committed = {number: span.start for number, span in (await lag.spans()).items()}
    each = -(-LATEST_EVENTS // len(committed))
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        plays = await spans_of(consumer, await partitions_of(consumer, names.plays))
        firsts = {tp.partition: max(span.start, committed.get(tp.partition, 0) - each) for tp, span in plays.items()}
        spans = await spans_of(consumer, await partitions_of(consumer, names.plays_rejected))
        starts = {tp: max(span.start, span.end - each) for tp, span in spans.items()}
        ends = {tp: span.end for tp, span in spans.items()}
        rejected: dict[tuple[int, int], RejectedPlay] = {}
        async for number, records in read_span(consumer, ends, starts, settings.kafka.timeout_s, damaged.skip):
            for record in records:
                try:
                    reject = decode_record(_REJECT, record.value, "A reject")
                except UnreadableRecord as error:  # another program may write to the topic
                    damaged.add(names.plays_rejected, number, record.offset, error.reason)
                    continue
                if firsts.get(reject.partition, 0) <= reject.offset < committed.get(reject.partition, 0):
                    rejected[reject.partition, reject.offset] = reject
    # A reject at or beyond the committed offset is of an earlier topic of plays with the same name.
    n_events = sum(max(0, committed.get(number, 0) - first) for number, first in firsts.items())
    places = await _sent_again(firsts, committed, settings) if rejected else set()
    waiting = [reject for reject in rejected.values() if place_of(reject) not in places]
    return RejectReadings(n_events, waiting, len(rejected) - len(waiting))


async def _sent_again(firsts: Mapping[int, int], committed: Mapping[int, int], settings: Settings) -> set[bytes]:
    """Return the places of the rejects that a retry has sent again, by the headers of the latest events.

    Without the right to read plays, none is returned. A batch that does not decode is a reject itself, and skipped.

    Raises:
        LogReadError: Kafka does not answer.
    """
    places = set[bytes]()
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, topic_names(settings).plays)
        starts = {tp: firsts.get(tp.partition, 0) for tp in tps}
        ends = {tp: committed.get(tp.partition, 0) for tp in tps}
        with suppress(MissingRightError):  # the doctor goes without the right to read plays
            async for _, records in read_span(consumer, ends, starts, settings.kafka.timeout_s, lambda _: None):
                places |= {place for record in records for name, place in record.headers if name == HEADER and place}
    return places


async def probe_workers(settings: Settings, damaged: DamagedRecords) -> list[WorkerReport]:
    """Return the last pulse of every worker that reported within the hour.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    reports: dict[str, WorkerReport] = {}
    topic = topic_names(settings).pulse
    async for number, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s, skip=damaged.skip):
        for record in records:
            try:
                pulse = checked_pulse(record.key, record.value)
            except UnreadableRecord as error:
                damaged.add(topic, number, record.offset, error.reason)
                continue
            earlier = reports.get(pulse.instance)
            earliest = earlier.earliest or earlier.pulse if earlier else None
            if earliest and earliest.started_at_ms != pulse.started_at_ms:
                earliest = None
            reports[pulse.instance] = WorkerReport(pulse, record.timestamp, earliest)
    return [reports[name] for name in sorted(reports)]


def probe_disks(settings: Settings) -> DiskUsage:
    """Return the space on the disks that playfold uses on this machine, and its share of it.

    Raises:
        OSError: A disk does not answer.
    """
    store, application = generation_store(settings).path, settings.application
    spaces = {"the data folder": disk_space_of(application.data_path)}
    if not on_one_disk(store, application.data_path):
        spaces["generations"] = disk_space_of(store)
    folders = {
        "states of workers": application.workers_path,
        "the gateway's view": application.gateway_path,
        "generations": store,
    }
    return DiskUsage(spaces, {use: size_of(folder) for use, folder in folders.items()})


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; a file that is deleted meanwhile is not counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def probe_generation(settings: Settings, damaged: DamagedRecords) -> AnnouncedGeneration | Issue:
    """Verify the files of the announced generation; of one in a bucket, only the manifest is read.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    topic = topic_names(settings).generations
    announcement = asyncio.run(
        announced(settings, damaged.skip, lambda offset, reason: damaged.add(topic, 0, offset, reason))
    )
    if announcement is None:
        return _nothing_announced(generation_store(settings))
    store, name = generation_store(settings), announcement.generation_id
    roll_back = "Run `playfold generations rollback` to announce the previous one."
    try:
        manifests = {manifest.generation_id: manifest for manifest in store.manifests()}
        if store.is_local:
            manifests[name] = verify_served(store.folder(name), announcement.revision)
    except StoreUnavailableError as error:
        return Issue("problem", str(error), "Repair the store, or correct PLAYFOLD_GENERATION_STORE.")
    except GenerationError as error:
        return Issue("problem", f"{error} This generation is announced.", roll_back)
    if name not in manifests:
        return Issue("problem", f"Generation {name} is announced, but it is not in the store.", roll_back)
    newer = _newest_rejected(list(manifests.values()), name)
    return AnnouncedGeneration(
        name, announcement.revision, manifests[name].created_at_ms, manifests[name].n_items, newer
    )


async def probe_related(settings: Settings, generation: AnnouncedGeneration | Issue) -> list[Issue]:
    """Return a warning if the announced generation has related items, and the present topic never had any."""
    store, topic = generation_store(settings), topic_names(settings).related_items
    if isinstance(generation, Issue) or not store.is_local:
        return []
    if not (store.folder(generation.generation_id) / PART).is_dir():
        return []
    with suppress(LogReadError):  # the check of the topics reports it
        async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
            spans = await spans_of(consumer, await partitions_of(consumer, topic))
        if not any(span.end for span in spans.values()):
            says = f"Topic {topic} has had no record since it was made, so no item has related ones."
            return [Issue("warning", says, "Run `playfold generations announce`, which publishes them.")]
    return []


def _nothing_announced(store: GenerationStore) -> Issue:
    """Return the issue, with a generation of the store that can be announced, if there is one."""
    names: list[str] = []
    with suppress(StoreUnavailableError):  # a retrain names the reason
        names = store.accepted()
    do = f"Run `playfold generations announce`: the store has {names[-1]}." if names else "Run `playfold retrain`."
    return Issue("problem", "No generation is announced, so no listener gets a list.", do)


def _newest_rejected(manifests: list[Manifest], serving: str) -> str:
    """Return a sentence with the reason why the newest generation was rejected; empty if it was not."""
    newest = max(manifests, key=lambda manifest: manifest.generation_id)
    if newest.generation_id <= serving or not newest.rejected or newest.gate is None:
        return ""
    return f"The newer generation {newest.generation_id} was rejected: {newest.gate.reason}"


def probe_gateway(gateway: GatewaySettings) -> GatewayResponse | Issue:
    """Ask the gateway whether it is ready."""
    host, port = LOOPBACK.get(gateway.host, gateway.host), gateway.port
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/readyz"
    if not port:
        return Issue("note", "PLAYFOLD_GATEWAY_PORT is 0, so the port of the gateway is unknown.")
    connection = HTTPConnection(host, port, timeout=RESPONSE_S)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return GatewayResponse(url, response.status, response.read(RESPONSE_BYTES_MAX))
    except ConnectionRefusedError:
        return Issue("note", f"No gateway listens at {url}; `playfold gateway` starts one.")
    except (OSError, HTTPException) as error:
        says = f"The gateway at {url} does not answer ({error or type(error).__name__})."
        return Issue("problem", says, "Read its log, and restart it.")
    finally:
        connection.close()
