"""The output of `playfold topics repartition`."""

from cli.commands.topics import describe_repartitioned
from jobs.topics.repartition import Repartitioned
from tests.support.settings import settings_with

DONE = Repartitioned(
    partitions=8, topic_prefix="p8-", group="playfold-p8", records={"a": 1_200, "b": 1}, hashes={}, strays=0, plays=3
)


def test_the_settings_of_both_ways_are_printed() -> None:
    """They are all that has to be changed."""
    assert describe_repartitioned(DONE, settings_with()).splitlines() == [
        "Copied and verified 1,201 records; 3 waiting plays of the old topic are on the new one.",
        "From now on: PLAYFOLD_PARTITIONS=8 PLAYFOLD_TOPIC_PREFIX=p8- PLAYFOLD_GROUP=playfold-p8",
        "The way back: PLAYFOLD_PARTITIONS=4 PLAYFOLD_TOPIC_PREFIX= PLAYFOLD_GROUP=playfold",
    ]
