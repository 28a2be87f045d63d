"""The parts of a worker whose metrics are served."""

import http.client
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from agents.observers.ordered import Observers
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.popularity import PopularityObserver
from agents.telemetry.metrics import WorkerMetrics
from agents.telemetry.metrics_server import HOST, MetricsServer
from agents.telemetry.reported_parts import ReportedParts
from model.arrays import Floats
from model.ragged import RaggedRows
from state.generations.folder_store import FolderStore
from state.generations.generation import Generation
from state.generations.revision import write_revision
from state.generations.serving import Serving
from state.lists.popularity import LivePopularity
from state.lists.ranker import Ranker
from state.users.store import UserStore, add_user_table
from streams.consumer.faust_app import create_app
from streams.kafka.ports import free_port
from streams.messages.generations import Announcement
from tests.support.generations import FIRST_ID, make_generation
from tests.support.settings import settings_with


def get(port: int, path: str = "/metrics") -> str:
    """Fetch a page of the server."""
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
        self.parts = ReportedParts(self.serving, self.store, self.observers)
        self.metrics = WorkerMetrics(self.parts, self.ranker)
        self.server = MetricsServer(self.metrics, self.port)

    def report(self, **parts: Any) -> None:
        """Serve the metrics of other parts: `live_quality` of the observers, or `latencies`."""
        if "live_quality" in parts:
            parts["observers"] = replace(self.parts.observers, live_quality=parts.pop("live_quality"))
        self.parts = replace(self.parts, **parts)
        self.metrics._parts = self.parts  # noqa: SLF001

    def samples(self) -> dict[str, float]:
        """Return the samples that are served now."""
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
        """Rank for users without known items."""
        queries: Floats = np.random.default_rng(0).standard_normal((n_users, 8)).astype(np.float32)
        known = RaggedRows(np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32))
        self.ranker.top_n(generation, queries, known, 10)
