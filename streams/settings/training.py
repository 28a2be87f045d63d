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
    unobserved_weight: Annotated[
        float, Meta(gt=0, description="a0: weight of items that were not played, under `ials`.")
    ] = 0.1
    alpha: Annotated[float, Meta(gt=0, description="Confidence is `1 + alpha * weight`, under `hkv`.")] = 1.0
    iterations: Annotated[int, Meta(ge=1, description="Alternating sweeps of a training.")] = 10
    window_plays: Annotated[
        int,
        Meta(
            ge=0,
            description="Every window of this many plays of a listener is an additional row of the training, which "
            "then takes twice as long; 0: none.",
        ),
    ] = 0
    half_life_plays: Annotated[
        float, Meta(gt=0, description="Number of a listener's plays after which a play counts half; `inf`: never.")
    ] = 5.0
    half_life_days: Annotated[
        float, Meta(gt=0, description="Days of event time after which a play also counts half; `inf`: never.")
    ] = float("inf")
    growth: Annotated[
        Literal["rule", "log", "linear"],
        Meta(description="Growth of confidence with repeats: `log`, `linear`, or `rule`: as in the paper of the rule."),
    ] = "rule"


class RetrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way a generation is trained and judged."""

    hyperparameters: Annotated[
        Literal["settings", "tuned"],
        Meta(description="Source of the hyperparameters: the settings above, or the best ones of `playfold tune`."),
    ] = "settings"
    tune_s: Annotated[
        float,
        Meta(ge=0, description="Seconds that a retrain spends on the search for better hyperparameters; 0: none."),
    ] = 0.0
    warm_iterations: Annotated[
        int,
        Meta(
            ge=0,
            description="Sweeps of a training that starts from the generation in service; 0: every training starts "
            "from random factors, with `iterations` sweeps.",
        ),
    ] = 5
    active_plays_min: Annotated[
        int,
        Meta(ge=1, description="Least plays of a listener in the training; listeners with fewer are only folded in."),
    ] = 1
    active_days: Annotated[
        float,
        Meta(
            gt=0,
            description="A listener in the training has played within this many days before the latest play of all "
            "listeners; `inf`: no limit.",
        ),
    ] = float("inf")
    gate_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of the listeners, at least 1,000 of them, whose latest item is held out of the training "
            "for the gate, except those with a full history; 0: no gate.",
        ),
    ] = 0.05
    threads: Annotated[
        int, Meta(ge=1, description="Threads of the training kernels; the worker's kernels use one.")
    ] = 2


class GenerationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The store of generations and the content of a generation beside its factors."""

    store: Annotated[
        str,
        Meta(
            description="Store of generations: a folder, or a URL such as `s3://bucket/prefix`; empty: the data folder."
        ),
    ] = field(default="", name="generation_store")
    n_max: Annotated[
        int, Meta(ge=2, description="Most generations in the store, and as many rejected ones; older ones are pruned.")
    ] = field(default=7, name="generations_max")
    index_trees: Annotated[int, Meta(ge=1, le=1000, description="Trees of a generation's Annoy index.")] = 50
    index_rebuild_s: Annotated[
        float, Meta(gt=0, description="Seconds between two revisions of the index; `inf`: only when items change.")
    ] = 21_600.0
    related_n: Annotated[int, Meta(ge=0, le=1000, description="Related items of every item; 0: none.")] = 20
