"""The ids that the topics have now, each as all brokers give it."""

from collections.abc import Mapping

from agents.plays.cluster_topics import ClusterTopics


class PresentIds:
    """The present id of every topic.

    Attributes:
        by_name: The ids, by the names of the topics.
    """

    def __init__(self, cluster: ClusterTopics) -> None:
        """Know none; `cluster` asks the brokers."""
        self.by_name: dict[str, str] = {}
        self._cluster, self._former = cluster, set[str]()

    async def take(self, ids: Mapping[str, str]) -> None:
        """Store the ids of topics; those that changed, once every broker gives them.

        A broker that is behind may still give an earlier id. Lists that are published again must not get there.
        """
        before = self.by_name
        changed = {name: topic_id for name, topic_id in ids.items() if before.get(name) != topic_id}
        later = {name: topic_id for name, topic_id in changed.items() if topic_id not in self._former}
        for name, topic_id in (await self._cluster.agreed(later) if later else {}).items():
            if name in before:
                self._former.add(before[name])
            before[name] = topic_id
