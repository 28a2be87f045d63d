"""The steps of a retrain, in their order."""

from jobs.retraining.gate_steps import is_accepted, judge_candidate, rank_held_out
from jobs.retraining.luigi_steps import Step, run_steps
from jobs.retraining.publishing_steps import (
    announce_generation,
    build_index,
    generation_folder,
    publish_generation,
    relate_items,
    write_files,
)
from jobs.retraining.run import SERVING, Run
from jobs.retraining.training_steps import (
    is_tuned,
    make_training_set,
    read_histories,
    record_serving,
    train_factors,
    tune_objective,
)
from state.generations.manifest import Manifest, read_manifest

STEPS = (
    Step(SERVING, "looking up the generation in service", record_serving),
    Step("snapshot", "reading the histories", read_histories),
    Step("interactions", "sorting the plays", make_training_set),
    Step("tune", "tuning", tune_objective, when=is_tuned),
    Step("train", "training", train_factors),
    Step("quality", "ranking the held-out items", rank_held_out),
    Step("gate", "judging", judge_candidate),
    Step("generation", "writing the generation", write_files),
    Step("index", "building the index", build_index, when=is_accepted),
    Step("related", "relating the items", relate_items, when=is_accepted),
    Step("publish", "publishing", publish_generation),
    Step("announce", "announcing", announce_generation, when=is_accepted),
)
"""All steps of a run; a rejected generation is published to be looked at, but it has no parts and is not announced."""
N_TO_VERDICT = 1 + [step.name for step in STEPS].index("gate")


def make_generation(run: Run) -> Manifest:
    """Run all steps that are not done, and return the manifest of the new generation."""
    for steps in (STEPS[:N_TO_VERDICT], STEPS):  # the verdict decides about the steps after it
        run_steps(run, [step for step in steps if step.when(run)])
    return read_manifest(generation_folder(run))
