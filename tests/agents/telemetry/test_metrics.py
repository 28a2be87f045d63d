"""What Prometheus is told, over real HTTP, of real parts of a worker."""

import http.client
import logging
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.observers.latency_histogram import DOUBLINGS, LatencyHistogram
from agents.observers.live_quality import LiveQuality
from agents.observers.ordered import Observers
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.popularity import PopularityObserver
from agents.observers.quality_window import ENTRY
from agents.telemetry.metrics import HOST, MetricsError, MetricsServer, WorkerMetrics
from agents.telemetry.pulse import Pulses
from model.arrays import Floats
from model.ragged import RaggedRows
from state.catalog.item_catalog import ItemCatalog
from state.generations.folder_store import FolderStore
from state.generations.generation import Generation
from state.generations.revision import write_revision
from state.generations.serving import Serving
from state.lists.exclusion_counts import REASONS
from state.lists.popularity import LivePopularity, TrainedPopularity
from state.lists.ranker import Ranker
from state.storage.disk_space import DiskMetrics
from state.users.learn import OUTCOMES
from state.users.store import UserStore, add_user_table
from streams.consumer.faust_app import create_app
from streams.consumer.slices import StableEnd
from streams.kafka.broker import free_port
from streams.messages.generations import Announcement
from streams.messages.odd_hints import HINTS
from streams.settings import Settings
from tests.support.generations import FIRST_ID, make_generation
from tests.support.settings import settings_with


def get(port: int, path: str = "/metrics") -> str:
    """Fetch what is served."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert 200 == answer.status
        return answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[str, float]:
    """Return the samples of playfold by name and labels."""
    return {
        " ".join([sample.name, *(f"{name}={value}" for name, value in sample.labels.items())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Scene:
    """The parts of a worker that owns two partitions, and the server of their metrics."""

    def __init__(self, folder: Path, probe_share: float = 1.0) -> None:
        """Prepare; nothing is in service yet."""
        self.generations = FolderStore(folder / "generations")
        settings = settings_with(data_dir=str(folder), rank="annoy", probe_share=probe_share)
        self.store: UserStore = add_user_table(create_app(settings), settings)
        self.serving = Serving(self.generations)
        popularity = PopularityObserver(LivePopularity(settings.popularity))
        self.ranker, self.observers = Ranker(settings.ranking), Observers(OutcomeCounts(), None, popularity)
        self.port = free_port()
        self.metrics = WorkerMetrics(self.ranker, self.serving, self.store, self.observers)
        self.server = MetricsServer(self.metrics, self.port)

    def samples(self) -> dict[str, float]:
        """Return what is served now."""
        return samples(get(self.port))

    async def serve(self, n_items: int = 200) -> Generation:
        """Take a generation with an index and two withdrawn items into service."""
        made = make_generation(self.generations.path, FIRST_ID, n_items)
        write_revision(made, self.generations.path / FIRST_ID, 4, ["i1", "i2", "unknown"], 2)
        self.serving.on_record(
            None, msgspec.json.encode(Announcement(generation_id=FIRST_ID, revision=4, announced_at_ms=0))
        )
        await self.serving.swap()
        assert self.serving.current is not None
        return self.serving.current

    def rank(self, generation: Generation, n_users: int) -> None:
        """Rank for users who know nothing."""
        queries: Floats = np.random.default_rng(0).standard_normal((n_users, 8)).astype(np.float32)
        known = RaggedRows(np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32))
        self.ranker.top_n(generation, queries, known, 10)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give the scene, served."""
    prepared = Scene(tmp_path)
    prepared.server.start()
    yield prepared
    await prepared.server.stop()
    await prepared.store.on_stop()


async def test_a_worker_that_has_just_started_counts_from_zero(scene: Scene) -> None:
    """Every counter is there before the first event; what is not known yet is not told as zero."""
    assert {
        **{f"playfold_events_total outcome={outcome}": 0 for outcome in OUTCOMES},
        **{f"playfold_odd_hints_total field={name}": 0 for name in HINTS},
        "playfold_records_total": 0,
        "playfold_records_rejected_total": 0,
        "playfold_records_misplaced_total": 0,
        "playfold_records_ahead_total": 0,
        "playfold_lists_total ranking=exact": 0,
        "playfold_lists_total ranking=annoy": 0,
        "playfold_index_probes_total": 0,
        "playfold_index_fallbacks_total": 0,
        "playfold_items_left_out_total reason=known": 0,
        "playfold_items_left_out_total reason=withdrawn": 0,
        "playfold_items_left_out_total reason=unavailable": 0,
        "playfold_items_left_out_total reason=hidden": 0,
        "playfold_items_left_out_total reason=cooldown": 0,
        "playfold_catalog_items": 0,
        "playfold_catalog_unreadable_total": 0,
        "playfold_partitions": 0,
        "playfold_partitions_republishing": 0,
    } == scene.samples()


@pytest.mark.processes
async def test_what_is_served_is_told(scene: Scene) -> None:
    """The generation and its revision, the items, those in no list, and how far the sweep has come."""
    generation = await scene.serve()
    for number in (0, 3):
        scene.store.partition(number).begin_sweep(generation.key)
    assert scene.store.partition(3).end_sweep(generation.key)

    samples = scene.samples()

    assert 1 == samples[f"playfold_generation generation={FIRST_ID} revision=4"]
    assert 200 == samples["playfold_items"]
    assert 2 == samples["playfold_items_withdrawn"]
    assert 2 == samples["playfold_partitions"]
    assert 1 == samples["playfold_partitions_swept"]


async def test_what_became_of_events_is_told(scene: Scene) -> None:
    """By the way they went."""
    scene.observers.outcome_counts.count(
        np.array([OUTCOMES.index("capped"), OUTCOMES.index("learnt"), OUTCOMES.index("capped")], np.uint8)
    )

    samples = scene.samples()

    assert 2 == samples["playfold_events_total outcome=capped"]
    assert 1 == samples["playfold_events_total outcome=learnt"]


@pytest.mark.processes
async def test_how_lists_were_ranked_is_told(scene: Scene) -> None:
    """By the way of ranking, and with the recall once it is known."""
    generation = await scene.serve()
    scene.rank(generation, 3)
    bare = generation.with_revision(replace(generation.revision, index=None))

    samples = scene.samples()
    assert 0.9 <= samples["playfold_index_recall_ratio"] <= 1
    scene.rank(bare, 5)

    assert 0 == samples["playfold_lists_total ranking=exact"]
    assert 3 == samples["playfold_lists_total ranking=annoy"]
    assert 3 == samples["playfold_index_probes_total"]
    assert 5 == scene.samples()["playfold_lists_total ranking=exact"]


async def test_what_was_left_out_is_told_by_reason(scene: Scene) -> None:
    """And what is held of the catalog, and what of it could not be read."""
    scene.ranker.catalog.on_record(b"i3", b'{"item_id": "i3", "kind": "song"}')
    scene.ranker.catalog.on_record(b"i4", b"no item")
    scene.ranker.left_out.add({"known": 5, "unavailable": 7})

    samples = scene.samples()

    counts = {reason: samples[f"playfold_items_left_out_total reason={reason}"] for reason in REASONS}
    assert {"known": 5, "withdrawn": 0, "unavailable": 7, "hidden": 0, "cooldown": 0} == counts
    assert 1 == samples["playfold_catalog_items"]
    assert 1 == samples["playfold_catalog_unreadable_total"]


async def test_a_revision_that_found_too_little_is_counted(scene: Scene) -> None:
    """An alarm can be set on it."""
    scene.ranker.n_fallbacks = 2

    assert 2 == scene.samples()["playfold_index_fallbacks_total"]


def scored(scene: Scene) -> LiveQuality:
    """Return what three scored plays leave; its metrics are served."""
    quality = LiveQuality(Settings(), TrainedPopularity(), ItemCatalog())
    entries = np.zeros(3, ENTRY)
    entries["own"], entries["popular"] = [1, 20, 0], [0, 4, 0]
    entries["history"], entries["fresh"] = [0, 0, 2], [False, False, True]
    quality.window.add(entries)
    quality.counts = {"older": np.zeros((2, 3, 2, 4))}
    quality.counts["older"][0, 0, 0] = [2, 1, 2, 1.05]
    scene.metrics._quality = quality  # noqa: SLF001
    return quality


async def test_how_good_lists_are_is_told(scene: Scene) -> None:
    """As counters by every kind of plays, and by the last plays with an interval."""
    scored(scene)

    samples = scene.samples()

    kinds = "fresh=no generation=older history=new list=own"
    counted = {name: n for name, n in samples.items() if kinds in name}
    assert {
        f"playfold_scored_plays_total {kinds}": 2,
        f"playfold_hits_total at=10 {kinds}": 1,
        f"playfold_hits_total at=50 {kinds}": 2,
        f"playfold_reciprocal_rank_total {kinds}": 1.05,
    } == counted
    low, high = (samples[f"playfold_hit_ratio at=50 bound={bound} list=own"] for bound in ("low", "high"))
    assert 2 / 3 == samples["playfold_hit_ratio at=50 bound=value list=own"]
    assert 0.2 < low < 2 / 3 < high < 1
    assert 1 / 3 == samples["playfold_hit_ratio at=10 bound=value list=popular"]
    assert 0.25 / 3 == pytest.approx(samples["playfold_reciprocal_rank_ratio bound=value list=popular"])
    assert 12 == sum(name.startswith("playfold_scored_plays_total") for name in samples)


async def test_nothing_is_told_of_lists_before_the_first_play(scene: Scene) -> None:
    """A rate of nothing is no rate."""
    scored(scene).counts = {}
    scene.metrics._quality = LiveQuality(Settings(), TrainedPopularity(), ItemCatalog())  # noqa: SLF001

    assert not [name for name in scene.samples() if "hit" in name or "scored" in name]


async def test_failed_pulses_are_counted(scene: Scene) -> None:
    """Whoever watches pulses wants to know that some are missing."""
    scene.metrics._pulses = cast(Pulses, SimpleNamespace(n_failed=3))  # noqa: SLF001

    assert 3 == scene.samples()["playfold_pulses_failed_total"]


def served_delays(scene: Scene) -> LatencyHistogram:
    """Return delays that the metrics of a scene tell of."""
    delays = LatencyHistogram()
    scene.metrics._latencies = delays  # noqa: SLF001
    return delays


async def test_how_long_plays_took_is_a_histogram(scene: Scene) -> None:
    """In seconds, up to every doubling of a millisecond; a pulse takes nothing from it."""
    delays = served_delays(scene)
    delays.add([3.0, 900.0, 100_000.0])
    delays.take(0.5)

    samples = scene.samples()

    name = "playfold_play_to_list_seconds"
    counts = {bound: samples[f"{name}_bucket le={bound}"] for bound in ("0.002", "0.004", "0.512", "1.024", "65.536")}
    assert {"0.002": 0, "0.004": 1, "0.512": 1, "1.024": 2, "65.536": 2} == counts
    assert 3 == samples[f"{name}_bucket le=+Inf"]
    assert 3 == samples[f"{name}_count"]
    assert 100.903 == pytest.approx(samples[f"{name}_sum"])
    assert DOUBLINGS + 1 == sum(key.startswith(f"{name}_bucket") for key in samples)


async def test_the_disk_of_the_data_folder_is_told(scene: Scene) -> None:
    """An alert goes by the share that is free."""
    scene.metrics._disk = DiskMetrics(scene.generations.path)  # noqa: SLF001

    samples = scene.samples()

    assert 0 < samples["playfold_disk_free_bytes"] <= samples["playfold_disk_size_bytes"]


@pytest.mark.processes
async def test_every_metric_says_what_it_is(scene: Scene) -> None:
    """In a sentence, and with its kind."""
    scene.rank(await scene.serve(), 1)
    scored(scene)
    scene.metrics._pulses = cast(Pulses, SimpleNamespace(n_failed=0))  # noqa: SLF001
    scene.metrics._disk = DiskMetrics(scene.generations.path)  # noqa: SLF001
    served_delays(scene)

    families = list(text_string_to_metric_families(get(scene.port)))

    assert 29 == len(families)
    assert {"counter", "gauge", "histogram"} == {family.type for family in families}
    assert all(family.documentation.endswith(".") for family in families)


async def test_where_metrics_are_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As the address to give to Prometheus."""
    caplog.set_level(logging.INFO)
    scene = Scene(tmp_path)

    scene.server.start()
    await scene.server.stop()

    [event] = [vars(record) for record in caplog.records if record.getMessage() == "metrics_served"]
    assert f"http://127.0.0.1:{scene.port}/metrics" == event["url"]


async def test_a_taken_port_is_a_sentence(scene: Scene) -> None:
    """It names the setting; whoever has the port goes on serving."""
    second = MetricsServer(WorkerMetrics(scene.ranker, scene.serving, scene.store, scene.observers), scene.port)

    with pytest.raises(MetricsError) as caught:
        second.start()
    await second.stop()

    expected = f"Metrics cannot be served on port {scene.port} (Address already in use): set PLAYFOLD_METRICS_PORT."
    assert expected == str(caught.value)
    assert 0 == scene.samples()["playfold_partitions"]


async def test_an_address_that_is_not_ours_is_a_sentence(scene: Scene) -> None:
    """It names the other setting; 192.0.2.1 is nobody's."""
    second = MetricsServer(scene.metrics, free_port(), "192.0.2.1")

    with pytest.raises(MetricsError) as caught:
        second.start()

    expected = (
        "Metrics cannot be served at 192.0.2.1 (Cannot assign requested address): "
        "set PLAYFOLD_METRICS_HOST to an address of this machine."
    )
    assert expected == str(caught.value)


async def test_another_host_can_be_served(tmp_path: Path) -> None:
    """In a container, Prometheus asks from beside it; the whole of 127.0.0.0/8 is this machine."""
    scene = Scene(tmp_path)
    server = MetricsServer(scene.metrics, scene.port, "127.0.0.2")
    server.start()
    try:
        with socket.create_connection(("127.0.0.2", scene.port), timeout=5):
            pass
        with pytest.raises(ConnectionRefusedError):
            get(scene.port)
    finally:
        await server.stop()
        await scene.store.on_stop()


async def test_port_zero_serves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No port is taken, no thread is started, and stopping it is nothing."""
    caplog.set_level(logging.INFO)
    scene, before = Scene(tmp_path), threads()
    server = MetricsServer(WorkerMetrics(scene.ranker, scene.serving, scene.store, scene.observers), 0)

    server.start()

    assert before == threads()
    assert "metrics_served" not in caplog.text
    await server.stop()


def threads() -> list[threading.Thread]:
    """Return the threads of this process, those left out in which the event loop waits for others."""
    return [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio")]


@pytest.mark.processes
async def test_a_stopped_server_frees_its_port(tmp_path: Path) -> None:
    """Nobody is answered any more, its thread has ended, and the next worker can serve there."""
    scene, before = Scene(tmp_path), threads()
    scene.server.start()
    await scene.server.stop()

    assert before == threads()
    with pytest.raises(ConnectionRefusedError):
        get(scene.port)
    with socket.create_server((HOST, scene.port)):
        pass
    scene.server.start()
    assert 0 == scene.samples()["playfold_partitions"]
    await scene.server.stop()
    await scene.server.stop()


async def test_the_consumer_of_plays_is_told(scene: Scene) -> None:
    """Its records that do not decode, and its last stable offsets with the records behind them."""
    source = SimpleNamespace(n_unreadable=3, stable_ends=lambda: {1: StableEnd(17, 40)})
    metrics = WorkerMetrics(scene.ranker, scene.serving, scene.store, scene.observers, source=source)

    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }

    assert 3 == values["playfold_events_total", "unreadable"]
    assert 17 == values["playfold_last_stable_offset", "1"]
    assert 40 == values["playfold_uncommitted_plays", "1"]
