"""Topics with ids and ends for tests without Kafka."""


class MemoryTopics:
    """The topics as a worker sees them.

    Attributes:
        present_ids: The ids as of the last check.
        asked: The ids that Kafka gives next; the present ones if there are none.
        ends: The end of every partition, by topic.
    """

    def __init__(self, **ids: str) -> None:
        """Begin with these topics, without records."""
        self.present_ids, self.asked, self.ends = ids, list[str](), dict[str, int]()

    async def identify(self, name: str) -> str:
        """Return the id of a topic."""
        return self.asked.pop(0) if self.asked else self.present_ids[name]

    async def end_of(self, name: str, partition: int) -> int:
        """Return the end of a partition."""
        assert partition == 0
        return self.ends.get(name, 0)
