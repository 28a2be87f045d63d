"""Plays that no worker processes, because the committed offsets of the group were moved ahead of them."""

from streams.messages.events import Forget, Play, UnreadablePlay, read_event
from streams.readers.log_reader import Span, log_skipped, partitions_of, read_span, reader
from streams.settings import Settings
from streams.signal_weight import SignalWeights
from streams.topics.topics import topic_names

RECORDS_MAX = 20_000
"""Most records that are looked at; of more plays, the first ones are counted."""


async def find_skipped(settings: Settings, partition: int, gap: Span) -> list[int]:
    """Return the offsets of plays between the last one that a state contains and the committed offset.

    Every play moves the applied offset of its listener, except a private one and one of which nothing was heard. So
    no worker has processed the others. Rejects and requests may stand behind the last play. Plays before a request to
    be forgotten do not count: the record of their listener may be gone.

    Raises:
        LogReadError: Kafka does not answer.
    """
    weights, plays = SignalWeights(settings.signals), dict[int, bytes | None]()
    async with reader(settings.kafka, settings.kafka.timeout_s, committed_only=True) as consumer:
        tps = [tp for tp in await partitions_of(consumer, topic_names(settings).plays) if tp.partition == partition]
        starts = dict.fromkeys(tps, gap.start)
        ends = dict.fromkeys(tps, min(gap.end, gap.start + RECORDS_MAX))
        async for _, records in read_span(consumer, ends, starts, settings.kafka.timeout_s, log_skipped):
            for record in records:
                try:
                    event = read_event(record.key, record.value, settings.topics.play_bytes_max, weights.types)
                except UnreadablePlay:
                    continue
                if isinstance(event, Forget):
                    plays = {offset: user for offset, user in plays.items() if user != record.key}
                elif isinstance(event, Play) and _moves_the_state(event, weights):
                    plays[record.offset] = record.key
    return list(plays)


def _moves_the_state(play: Play, weights: SignalWeights) -> bool:
    worth = weights.worth(play.type, play.ms_played, play.duration_ms)
    return not play.private and not worth.is_nothing
