"""The metrics of real parts of a worker, read over HTTP."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.observers.latency_histogram import DOUBLINGS, LatencyHistogram
from agents.observers.live_quality import LiveQuality
from agents.observers.quality_window import ENTRY
from agents.telemetry.metrics import WorkerMetrics
from agents.telemetry.pulse import Pulses
from state.catalog.item_catalog import ItemCatalog
from state.lists.exclusion_counts import REASONS
from state.lists.popularity import TrainedPopularity
from state.storage.disk_metrics import DiskMetrics
from state.users.admission import OUTCOMES
from streams.consumer.slices import StableEnd
from streams.messages.odd_hints import HINTS
from streams.settings import Settings
from tests.agents.telemetry.metrics_scene import Scene, get
from tests.support.generations import FIRST_ID


async def test_a_worker_that_has_just_started_counts_from_zero(scene: Scene) -> None:
    """Every counter is there before the first event; a figure that is not known yet is left out."""
    counts, latencies = dict[str, float](), dict[str, float]()
    for name, value in scene.samples().items():
        (latencies if name.startswith("playfold_play_to_list_seconds") else counts)[name] = value
    assert {0} == set(latencies.values())
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
    } == counts


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
    """Also the size of the catalog, and its records that could not be read."""
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
    """Return the live quality after three scored plays; its metrics are served."""
    quality = LiveQuality(Settings(), TrainedPopularity(), ItemCatalog())
    entries = np.zeros(3, ENTRY)
    entries["own"], entries["popular"] = [1, 20, 0], [0, 4, 0]
    entries["history"], entries["fresh"] = [0, 0, 2], [False, False, True]
    quality.window.add(entries)
    quality.counts = {"older": np.zeros((2, 3, 2, 4))}
    quality.counts["older"][0, 0, 0] = [2, 1, 2, 1.05]
    scene.report(live_quality=quality)
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
    scene.report(live_quality=LiveQuality(Settings(), TrainedPopularity(), ItemCatalog()))

    assert not [name for name in scene.samples() if "hit" in name or "scored" in name]


async def test_failed_pulses_are_counted(scene: Scene) -> None:
    """An operator sees that some pulses are missing."""
    scene.metrics._pulses = cast(Pulses, SimpleNamespace(n_failed=3))  # noqa: SLF001

    assert 3 == scene.samples()["playfold_pulses_failed_total"]


def served_delays(scene: Scene) -> LatencyHistogram:
    """Return delays that the metrics of a scene tell of."""
    delays = LatencyHistogram()
    scene.report(latencies=delays)
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


async def test_the_consumer_of_plays_is_told(scene: Scene) -> None:
    """Its records that do not decode, and its last stable offsets with the records behind them."""
    source = SimpleNamespace(n_unreadable=3, stable_ends=lambda: {1: StableEnd(17, 40)})
    metrics = WorkerMetrics(scene.parts, scene.ranker, source=source)

    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }

    assert 3 == values["playfold_events_total", "unreadable"]
    assert 17 == values["playfold_last_stable_offset", "1"]
    assert 40 == values["playfold_uncommitted_plays", "1"]
