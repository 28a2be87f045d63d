"""The night: the steps from the listeners' histories to an announced generation, each a folder of its run.

snapshot        the changelog as Parquet (`jobs/histories/snapshot.py`)
interactions    what is trained on, and what is kept to judge by (`jobs/histories/training_set.py`)
tune            the hyperparameters that were found best (`jobs/tuning/search.py`); only if PLAYFOLD_TUNE_S allows it
train           item factors (`jobs/retraining/train.py`)
quality         how well they, and those in service, find what listeners played next (`jobs/retraining/gate.py`)
gate            the verdict
generation      the generation's folder, as it will be published
index, related  marks: the parts lie in the generation's folder
publish         a mark: it is in the store
announce        a mark: it is announced
"""

import asyncio
import time
from pathlib import Path

import msgspec
import numpy as np

from jobs.announcement import announce, announced
from jobs.histories.snapshot import open_snapshot, write_snapshot
from jobs.histories.training_set import TrainingSet, interactions_of
from jobs.objective import objective_of
from jobs.progress import JobProgress
from jobs.retraining.gate import Side, asked_of, judge, score
from jobs.retraining.gate_ranks import Answers
from jobs.retraining.luigi_steps import MarkTask, StepTask, run_to
from jobs.retraining.related import publish_related, relate
from jobs.retraining.run import Run
from jobs.retraining.serving_generation import open_in_service
from jobs.retraining.train import Trained, train_next
from jobs.tuning.results import tuned_objective
from jobs.tuning.search import tune_on_histories
from model.objective import Objective
from model.training import Progress
from state.errors import GenerationError
from state.generations.generation import Catalog, open_generation, write_generation
from state.generations.manifest import Gate, Manifest, read_manifest
from state.generations.open_store import generation_store
from state.generations.revision import write_revision
from state.generations.store import GenerationStore

SEED = 0
GATE, OBJECTIVE = "gate.json", "objective.msgpack"


def make_generation(night: Run) -> Manifest:
    """Run all steps that are left: those to the verdict, and those that follow from it.

    A rejected generation is published all the same, without index and related items, so that it can be looked at;
    nobody is told to serve it.
    """
    run_to(GateStep(night))
    run_to(Publish(night) if rejected(night) else Announce(night))
    return read_manifest(generation_of(night))


def generation_of(night: Run) -> Path:
    """Return the folder of the generation, which lies in a step's folder under its own name."""
    return night.path("generation") / night.generation_id


def verdict_of(night: Run) -> Gate | None:
    """Return the gate's verdict, None if nobody was to judge."""
    return msgspec.json.decode((night.path("gate") / GATE).read_bytes(), type=Gate | None)


def rejected(night: Run) -> bool:
    """Tell whether the verdict keeps the generation from being announced."""
    verdict = verdict_of(night)
    return verdict is not None and not verdict.accepted and not verdict.forced


def publish_once(store: GenerationStore, folder: Path) -> None:
    """Publish a generation that may have been published already, by a run that died right behind it.

    Raises:
        GenerationError: It cannot be published, or another one has its name.
    """
    try:
        store.publish(folder)
    except GenerationError:
        manifest = read_manifest(folder)
        if manifest not in store.manifests() or store.verify(manifest.generation_id) != manifest:
            raise


class Snapshot(StepTask):
    """The users changelog, as it is now."""

    step, told = "snapshot", "reading the histories"

    def write(self, folder: Path) -> None:
        """Read the changelog to its end."""
        asyncio.run(write_snapshot(self.night.settings, folder, self.night.on_progress))


class Interactions(StepTask):
    """Who played what, and what is held out."""

    step, told = "interactions", "sorting the plays"

    def requires(self) -> Snapshot:
        """Come after the snapshot."""
        return Snapshot(self.night)

    def write(self, folder: Path) -> None:
        """Turn histories into arrays."""
        interactions_of(open_snapshot(self.night.path("snapshot")), self.night.settings).save(folder)


class Tune(StepTask):
    """Better hyperparameters, found on what will be trained on; those of this night alone."""

    step, told = "tune", "tuning"

    def requires(self) -> Interactions:
        """Come after the interactions."""
        return Interactions(self.night)

    def write(self, folder: Path) -> None:
        """Look for them as long as the settings allow."""
        settings = self.night.settings
        found = TrainingSet.load(self.night.path("interactions"))
        best = tune_on_histories(found, settings, settings.tune_s, on_progress=self.night.on_progress).best
        # JSON has no infinity, which a half-life may be.
        (folder / OBJECTIVE).write_bytes(msgspec.msgpack.encode(best.objective))


class Train(StepTask):
    """Item factors."""

    step, told = "train", "training"

    def requires(self) -> StepTask:
        """Come after the interactions, and after the tuning if there is any."""
        return Tune(self.night) if self.night.settings.tune_s else Interactions(self.night)

    def write(self, folder: Path) -> None:
        """Train from the generation in service if it fits, else from chance."""
        settings, on_progress = self.night.settings, self.night.on_progress
        found = TrainingSet.load(self.night.path("interactions"))
        tuned, serving = self._tuned_objective(), open_in_service(settings, on_progress)
        trained = train_next(found, serving, tuned or objective_of(settings), settings, self._show)
        record = msgspec.structs.replace(trained.record, tuned=tuned is not None)
        trained._replace(record=record).save(folder)

    def _show(self, at: Progress) -> None:
        self.night.on_progress(JobProgress(self.told, 2 * at.iteration - (at.side == "users"), 2 * at.iterations))

    def _tuned_objective(self) -> Objective | None:
        """Return what this night's tuning found, or an earlier one's if the settings ask for that."""
        if self.night.settings.tune_s:
            return msgspec.msgpack.decode((self.night.path("tune") / OBJECTIVE).read_bytes(), type=Objective)
        return tuned_objective(self.night.settings)


class Quality(StepTask):
    """How well the factors find what listeners played next, and how well those in service do."""

    step, told = "quality", "looking for what was held out"

    def requires(self) -> Train:
        """Come after the training."""
        return Train(self.night)

    def write(self, folder: Path) -> None:
        """Ask both of them for the same items of the same listeners, who were held out of both trainings."""
        found = TrainingSet.load(self.night.path("interactions"))
        asked = asked_of(found)
        serving = open_in_service(self.night.settings, self.night.on_progress)
        candidate = score(Side.of_training(found, Trained.load(self.night.path("train"))), asked)
        theirs = score(Side.of_generation(serving.generation), asked) if serving.generation is not None else None
        Answers(candidate, theirs, serving.generation_id).save(folder)


class GateStep(StepTask):
    """Whether the factors are good enough to be announced."""

    step, told = "gate", "judging"

    def requires(self) -> Quality:
        """Come after what is judged."""
        return Quality(self.night)

    def write(self, folder: Path) -> None:
        """Judge, if the settings want a gate at all."""
        answers, rng = Answers.load(self.night.path("quality")), np.random.default_rng(SEED)
        verdict = judge(*answers, rng, forced=self.night.forced) if self.night.settings.gate_share else None
        (folder / GATE).write_bytes(msgspec.json.encode(verdict))


class Write(StepTask):
    """The generation's folder."""

    step, told = "generation", "writing the generation"

    def requires(self) -> GateStep:
        """Come after the verdict, which the manifest tells."""
        return GateStep(self.night)

    def write(self, folder: Path) -> None:
        """Write it under its own name, as it will be published."""
        found = TrainingSet.load(self.night.path("interactions"))
        trained = Trained.load(self.night.path("train"))
        record, now_ms = trained.record, time.time_ns() // 1_000_000
        popularity, as_of_s = found.popularity(self.night.settings.popular_half_life_days, now_ms // 1000)
        manifest = Manifest(
            generation_id=self.night.generation_id,
            created_at_ms=now_ms,
            parent=record.parent,
            started_from=record.started_from,
            trained_through=open_snapshot(self.night.path("snapshot")).record.read_through,
            objective=record.objective,
            tuned=record.tuned,
            n_users=len(found),
            n_users_trained=int(found.active.sum()),
            n_items=found.n_items,
            n_plays=int(found.plays.sum()),
            popularity_as_of_s=as_of_s,
            gate=verdict_of(self.night),
        )
        catalog = Catalog(found.item_ids, trained.item_factors, trained.gram_diagonal, popularity)
        write_generation(folder / self.night.generation_id, manifest, catalog)


class Index(MarkTask):
    """The index of its items, a part of the generation's folder."""

    step, told = "index", "building the index"

    def requires(self) -> Write:
        """Come after the generation's folder."""
        return Write(self.night)

    def do(self) -> None:
        """Build revision 0, in which the items are withdrawn that were withdrawn from the generation in service."""
        settings, place = self.night.settings, generation_of(self.night)
        serving = open_in_service(settings, self.night.on_progress).generation
        withdrawn = serving.revision.withdrawn if serving is not None else ()
        write_revision(open_generation(place), place, 0, withdrawn, settings.index_trees)


class Related(MarkTask):
    """The items nearest to every item, a part of the generation's folder."""

    step, told = "related", "relating the items"

    def requires(self) -> Index:
        """Come after the index, the other part."""
        return Index(self.night)

    def do(self) -> None:
        """Find them, unless the settings want none."""
        settings, place = self.night.settings, generation_of(self.night)
        if settings.related_n:
            relate(open_generation(place), place, settings.related_n, settings.threads, self.night.on_progress)


class Publish(MarkTask):
    """The generation in the store."""

    step, told = "publish", "publishing"

    def requires(self) -> StepTask:
        """Come after every part that an accepted generation has; a rejected one has none."""
        return Write(self.night) if rejected(self.night) else Related(self.night)

    def do(self) -> None:
        """Publish it, then remove the oldest ones."""
        settings, store = self.night.settings, generation_store(self.night.settings)
        publish_once(store, generation_of(self.night))
        serving = asyncio.run(announced(settings))
        for pruned in store.prune(settings.generations_max, serving.generation_id if serving is not None else None):
            self.night.on_progress(JobProgress(f"Generation {pruned} is removed: newer ones are kept.", is_note=True))


class Announce(MarkTask):
    """The announcement."""

    step, told = "announce", "announcing"

    def requires(self) -> Publish:
        """Come after the publication."""
        return Publish(self.night)

    def do(self) -> None:
        """Send the related items, then tell every worker."""
        settings, generation_id = self.night.settings, self.night.generation_id
        asyncio.run(publish_related(settings, generation_id, self.night.on_progress))
        asyncio.run(announce(settings, generation_id, 0, time.time_ns() // 1_000_000))
