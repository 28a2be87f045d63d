"""Plays a second of one worker, beside tuned stock Faust, Quix Streams, and stock Faust with implicit.

`state_output`: 200,000 plays of 20,000 users; a play is decoded, appended to a bounded history in durable state with a
changelog, and a list of 300 bytes goes out. playfold's count goes through its own slices, groups and commit order;
a list goes out per touched user and group: that is the purpose of groups. Stock Faust is timed on the first 50,000
of the plays, since it would take minutes for all.

`full_path`: f=64, 10,000 items, histories of about 30 items, the top 50 published as JSON; the worker as it is, against
a Faust agent that calls implicit's `recalculate_user` and `recommend` per event and sends the list.

Every engine finds its plays in Kafka when it starts; time runs from the first play it handles to the last one done.
"""

import msgspec
import numpy as np
from kafka import KafkaAdminClient

from streams.outbox import Item
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.benchmarks.report import Row, report
from tests.benchmarks.system import run_other, run_ours, system, under
from tests.support.made_up import made_up_factors, made_up_plays, publish, send_plays

PLAYS, USERS, ITEMS, FACTORS, HISTORY = 200_000, 20_000, 10_000, 64, 30
FULL_PLAYS, STOCK_FULL_PLAYS = 100_000, 5_000


def plays_per_s(result: dict[str, float]) -> float:
    """Return the speed that an engine told."""
    return result["plays"] / result["seconds"]


def state_output(settings: Settings) -> list[Row]:
    """Measure history and output without a model."""
    plays = made_up_plays(PLAYS, USERS, ITEMS, np.random.default_rng(1))
    speeds = {}
    for name in ("ours", "stock", "quix"):
        renamed = under(settings, f"output-{name}")
        send_plays(renamed, plays)
        if name == "ours":
            speeds[name] = plays_per_s(run_ours(renamed, "count", PLAYS))
        elif name == "stock":
            create_stock_topics(renamed)
            speeds[name] = plays_per_s(run_other("stock_faust", renamed, PLAYS // 4, WORK="count"))
        else:
            speeds[name] = plays_per_s(run_other("quix", renamed, PLAYS))
    ours, stock, quix = speeds["ours"], speeds["stock"], speeds["quix"]
    return [
        Row("state_output", ours, "plays/s", stock, ours / stock),
        Row("state_output_quixstreams", ours, "plays/s", quix, ours / quix),
    ]


def full_path(settings: Settings) -> Row:
    """Measure the worker as it is, users with histories, lists published."""
    rng = np.random.default_rng(2)
    renamed, factors = under(settings, "full-ours"), made_up_factors(ITEMS, FACTORS, rng)
    histories = made_up_histories(USERS, rng)
    send_plays(renamed, plays_of(histories))
    run_ours(renamed, "full", USERS * HISTORY)  # without a generation yet
    publish(renamed, factors)
    run_ours(renamed, "full", 0)  # until all are swept
    plays = made_up_plays(FULL_PLAYS, USERS, ITEMS, rng, first=USERS * HISTORY)
    send_plays(renamed, plays)
    ours = plays_per_s(run_ours(renamed, "full", FULL_PLAYS))
    other = under(settings, "full-stock")
    create_stock_topics(other)
    send_plays(other, plays[:STOCK_FULL_PLAYS])
    files = _stock_files(settings, factors, histories)
    stock = plays_per_s(run_other("stock_faust", other, STOCK_FULL_PLAYS, WORK="full", **files))
    return Row("full_path", ours, "plays/s", stock, ours / stock)


def made_up_histories(n_users: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """Return the earlier plays of every user, as item numbers."""
    return {f"u{user}": rng.choice(ITEMS, HISTORY, replace=False).tolist() for user in range(n_users)}


def plays_of(histories: dict[str, list[int]]) -> list[Item]:
    """Return histories as plays of long ago."""
    long_ago_ms = 1_600_000_000_000
    return [
        (user.encode(), msgspec.json.encode({"user_id": user, "item_id": f"i{item}", "played_at_ms": long_ago_ms}))
        for user, items in histories.items()
        for item in items
    ]


def _stock_files(
    settings: Settings, factors: np.ndarray[tuple[int, int], np.dtype[np.float32]], histories: dict[str, list[int]]
) -> dict[str, str]:
    """Write the start of the stock engine: the same factors and histories, without the time to stream them in."""
    folder = settings.application.data_path
    np.save(folder / "item_factors.npy", factors)
    counts = {user: {str(item): 1 for item in items} for user, items in histories.items()}
    (folder / "histories.json").write_bytes(msgspec.json.encode(counts))
    return {"ITEM_FACTORS": str(folder / "item_factors.npy"), "HISTORIES": str(folder / "histories.json")}


def create_stock_topics(settings: Settings) -> None:
    """Create the topics that stock Faust does not create by itself."""
    options = {"num_partitions": settings.topics.partitions, "replication_factor": 1}
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)
    existing = set(admin.list_topics())
    wanted = {f"{settings.application.group}-lists", topic_names(settings).users_changelog} - existing
    admin.create_topics(dict.fromkeys(wanted, options))
    admin.close()


def rows() -> list[Row]:
    """Measure all on one broker."""
    with system() as settings:
        return [*state_output(settings), full_path(settings)]


if __name__ == "__main__":
    report(rows())
