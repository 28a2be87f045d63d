"""The steps of a retrain that write, publish and announce the generation."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from jobs.announcement import announce, announced
from jobs.histories.snapshot import open_snapshot
from jobs.progress import JobProgress
from jobs.retraining.gate_steps import verdict_of
from jobs.retraining.related import publish_related, relate
from jobs.retraining.run import Run
from jobs.retraining.serving_generation import open_serving
from jobs.retraining.train import TrainedFactors
from jobs.retraining.training_steps import load_training_set
from model.listener_popularity import LISTENER_MAX
from state.errors import GenerationError
from state.generations.generation import Catalog, open_generation, write_generation
from state.generations.manifest import Manifest, read_manifest
from state.generations.open_store import generation_store
from state.generations.revision import write_revision
from state.generations.store import GenerationStore


def generation_folder(run: Run) -> Path:
    """Return the folder of the new generation, inside the folder of the step that writes it."""
    return run.path("generation") / run.generation_id


def write_files(run: Run, folder: Path) -> None:
    """Write the generation's folder as it will be published."""
    training_set, trained = load_training_set(run), TrainedFactors.load(run.path("train"))
    record, now_ms = trained.record, time.time_ns() // 1_000_000
    settings = run.settings
    weight_max = min(LISTENER_MAX, settings.signals.item_weight_max)
    popularity, as_of_s = training_set.popularity(settings.popularity.half_life_days, now_ms // 1000, weight_max)
    manifest = Manifest(
        generation_id=run.generation_id,
        created_at_ms=now_ms,
        parent=record.parent,
        started_from=record.started_from,
        trained_through=open_snapshot(run.path("snapshot")).record.read_through,
        objective=record.objective,
        tuned=record.tuned,
        n_users=len(training_set),
        n_users_trained=int(training_set.active.sum()),
        n_items=training_set.n_items,
        n_plays=int(training_set.plays.sum()),
        popularity_as_of_s=as_of_s,
        gate=verdict_of(run),
    )
    catalog = Catalog(training_set.item_ids, trained.item_factors, trained.gram_diagonal, popularity)
    write_generation(folder / run.generation_id, manifest, catalog)


def build_index(run: Run, _folder: Path) -> None:
    """Add revision 0 to the generation's folder: its index, without the items that are withdrawn now."""
    place = generation_folder(run)
    write_revision(open_generation(place), place, 0, withdrawn_now(run), run.settings.generations.index_trees)


def withdrawn_now(run: Run) -> Sequence[str]:
    """Return the ids of the items that are withdrawn from the generation in service at this moment.

    An operator's withdrawal during the run counts, also after a rollback. The generation that the run began with is
    opened again only if another one, or a later revision of it, was announced since.
    """
    announcement, serving = asyncio.run(announced(run.settings)), run.serving
    if announcement is None:
        return ()
    number = serving.generation.revision.number if serving.generation is not None else announcement.revision
    if (announcement.generation_id, max(announcement.revision, number)) != (serving.generation_id, number):
        serving = open_serving(announcement.generation_id, run.settings, run.on_progress)
    return serving.generation.revision.withdrawn if serving.generation is not None else ()


def relate_items(run: Run, _folder: Path) -> None:
    """Add the nearest items of every item to the generation's folder, unless the settings turn them off."""
    place, settings = generation_folder(run), run.settings
    if settings.generations.related_n:
        relate(
            open_generation(place), place, settings.generations.related_n, settings.retraining.threads, run.on_progress
        )


def publish_generation(run: Run, _folder: Path) -> None:
    """Publish the generation, then remove the oldest ones from the store."""
    settings, store = run.settings, generation_store(run.settings)
    publish_once(store, generation_folder(run))
    announcement = asyncio.run(announced(settings))
    serving_id = announcement.generation_id if announcement is not None else None
    for generation_id in store.prune(settings.generations.n_max, serving_id):
        run.on_progress(JobProgress(f"Generation {generation_id} is removed: newer ones are kept.", is_note=True))


def publish_once(store: GenerationStore, folder: Path) -> None:
    """Publish a generation, unless a crashed process of this run has published it already.

    Raises:
        GenerationError: It cannot be published, or another generation has its name.
    """
    try:
        store.publish(folder)
    except GenerationError:
        manifest = read_manifest(folder)
        if manifest not in store.manifests() or store.verify(manifest.generation_id) != manifest:
            raise


def announce_generation(run: Run, _folder: Path) -> None:
    """Publish the related items, then announce the generation to all workers."""
    settings, generation_id = run.settings, run.generation_id
    asyncio.run(publish_related(settings, generation_id, run.on_progress))
    asyncio.run(announce(settings, generation_id, 0, time.time_ns() // 1_000_000))
