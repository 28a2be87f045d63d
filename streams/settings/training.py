"""Settings of training: objective, retraining and generations."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field


class ObjectiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hyperparameters of the next generation."""

    rule: Annotated[
        Literal["ials", "hkv"], Meta(description="Objective: `ials` (Rendle et al. 2021) or `hkv` (Hu et al. 2008).")
    ] = "ials"
    factors: Annotated[int, Meta(ge=2, le=1024, description="Length of user and item vectors.")] = 64
    regularization: Annotated[float, Meta(gt=0, description="Lambda; times the row's plays under `ials`.")] = 0.05
    unobserved_weight: Annotated[float, Meta(gt=0, description="a0: weight of what was not played, under `ials`.")] = (
        0.1
    )
    alpha: Annotated[float, Meta(gt=0, description="Confidence is `1 + alpha * weight`, under `hkv`.")] = 1.0
    iterations: Annotated[int, Meta(ge=1, description="Alternating sweeps of a training.")] = 10
    window_plays: Annotated[
        int,
        Meta(
            ge=0,
            description="Every stretch of so many of a listener's plays is one more row of the training, which then "
            "takes twice as long; 0: none.",
        ),
    ] = 0
    half_life_plays: Annotated[
        float, Meta(gt=0, description="A listener's own plays after which a play counts half; `inf`: never.")
    ] = 5.0
    half_life_days: Annotated[
        float, Meta(gt=0, description="Days of event time after which a play counts half as well; `inf`: never.")
    ] = float("inf")
    growth: Annotated[
        Literal["rule", "log", "linear"],
        Meta(description="How confidence grows with repeats: `log`, `linear`, or as the rule's own paper has it."),
    ] = "rule"


class RetrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way a generation is trained and judged."""

    hyperparameters: Annotated[
        Literal["settings", "tuned"],
        Meta(description="What to train with: the settings above, or what `playfold tune` found best."),
    ] = "settings"
    tune_s: Annotated[
        float, Meta(ge=0, description="Seconds that a retrain may spend on finding better hyperparameters; 0: none.")
    ] = 0.0
    warm_iterations: Annotated[
        int,
        Meta(
            ge=0,
            description="Sweeps of a training that starts from the generation in service; 0: every training starts "
            "from chance, with `iterations` sweeps.",
        ),
    ] = 5
    active_plays_min: Annotated[
        int, Meta(ge=1, description="Plays that a listener has made to be trained on; the others are folded in.")
    ] = 1
    active_days: Annotated[
        float,
        Meta(
            gt=0,
            description="Days, before the latest play of all, in which a listener has played to be trained on; "
            "`inf`: whenever.",
        ),
    ] = float("inf")
    gate_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of the listeners, at least 1,000 of them, whose latest item is kept from the training "
            "to judge it; 0: no gate.",
        ),
    ] = 0.05
    threads: Annotated[
        int, Meta(ge=1, description="Threads of the training kernels; the worker's kernels use one.")
    ] = 2


class GenerationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The store of generations and the content of a generation beside its factors."""

    store: Annotated[
        str,
        Meta(description="Where generations are kept: a folder, or a URL as `s3://bucket/prefix`; empty: data folder."),
    ] = field(default="", name="generation_store")
    n_max: Annotated[
        int, Meta(ge=2, description="Generations kept in the store, and as many rejected ones; older ones are pruned.")
    ] = field(default=7, name="generations_max")
    index_trees: Annotated[int, Meta(ge=1, le=1000, description="Trees of a generation's Annoy index.")] = 50
    index_rebuild_s: Annotated[
        float, Meta(gt=0, description="Seconds between two revisions of the index; `inf`: only when items change.")
    ] = 21_600.0
    related_n: Annotated[int, Meta(ge=0, le=1000, description="Related items kept for every item; 0: none.")] = 20
