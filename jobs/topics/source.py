"""The state that a repartition copies, and the plays that it does not contain."""

from collections.abc import Mapping
from typing import NamedTuple

from jobs.progress import ProgressCallback
from jobs.topics.errors import MoveError
from jobs.topics.plays_copy import OldPlays, Waiting
from jobs.topics.rebase import Cluster, check_finished, describe_topics
from jobs.topics.scan import PartitionScan, scan_changelog
from streams.messages.generations import CopiedPlays
from streams.readers.lag import lag_of
from streams.readers.log_reader import Span
from streams.readers.state_topics import latest_state_topics
from streams.settings import Settings, override
from streams.topics.topics import topic_names


class Source(NamedTuple):
    """The state that is copied."""

    settings: Settings
    """With the number of partitions of the old changelog."""
    scans: Mapping[int, PartitionScan]
    cluster: Cluster
    committed: Mapping[int, int]
    """By partition of plays, the offset from which workers would go on."""
    is_other: bool
    """Whether the topic of plays is another one than that of the state; no play of it is applied then."""
    epoch: int
    """The present epoch, also that of lists if the changelog has none."""

    @property
    def topic_id(self) -> str:
        """Return the id of the topic of plays."""
        return self.cluster.plays.topic_id

    @property
    def ends(self) -> CopiedPlays:
        """Return the plays that the copied state and the new topic contain after a run."""
        return CopiedPlays(
            plays_id=self.topic_id, ends={partition: span.end for partition, span in self.cluster.spans.items()}
        )

    def waiting(self, late: Mapping[int, Mapping[bytes, int]]) -> OldPlays:
        """Return the plays that no worker has applied.

        Args:
            late: By partition, listeners whose record contains uncommitted plays, with the highest offset.
        """
        waiting = {
            partition: Waiting(
                Span(max(self.committed[partition], span.start), span.end),
                {} if self.is_other else late.get(partition, {}),
            )
            for partition, span in self.cluster.spans.items()
        }
        return OldPlays(self.topic_id, waiting, {})

    def later_than(self, copied: CopiedPlays) -> OldPlays:
        """Return the plays that came after the last complete run; all plays of a topic that it has not seen.

        Raises:
            MoveError: The topic ends before a play that was copied.
        """
        ends = copied.ends if copied.plays_id == self.topic_id else {}
        for partition, span in self.cluster.spans.items():
            if ends.get(partition, 0) > span.end:
                message = (
                    f"Topic {topic_names(self.settings).plays} ends at offset {span.end:,} in partition {partition}, "
                    f"but its plays before offset {ends[partition]:,} were copied already: it lost records. Restore "
                    "it, or let producers write to the new topic alone."
                )
                raise MoveError(message)
        waiting = {
            partition: Waiting(Span(max(ends.get(partition, span.start), span.start), span.end), {})
            for partition, span in self.cluster.spans.items()
        }
        return OldPlays(self.topic_id, waiting, ends)


async def describe_source(settings: Settings, on_progress: ProgressCallback) -> Source:
    """Describe the old topics, and check that the state belongs to them.

    Raises:
        MoveError: The state is an unfinished copy itself; or the topic of plays lost records, or is another one with
            as many partitions as that of the state.
    """
    scans = await scan_changelog(settings, on_progress)
    check_finished(scans, settings)
    cluster, known = await describe_topics(settings), await latest_state_topics(settings)
    plays, source = topic_names(settings).plays, override(settings, partitions=len(scans))
    is_other = any(scan.recorded.topic_id not in ("", cluster.plays.topic_id) for scan in scans.values())
    for partition, scan in scans.items():
        lost = not is_other and partition in cluster.spans and scan.applied_offset >= cluster.spans[partition].end
        if lost or (is_other and cluster.plays.partitions == len(scans)):
            message = (
                f"Topic {plays} is another one than that of the state (partition {partition}), or it lost records: "
                "run `playfold state rebase` first."
            )
            raise MoveError(message)
    if is_other:  # no worker has applied any of its plays
        committed = {partition: span.start for partition, span in cluster.spans.items()}
    else:
        async with lag_of(settings) as lag:
            committed = {partition: span.start for partition, span in (await lag.spans()).items()}
    epoch = max([known.epoch if known else 0, *(scan.epoch for scan in scans.values())])
    return Source(source, scans, cluster, committed, is_other, epoch)
