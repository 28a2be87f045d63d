"""A changelog that a worker cannot read back ends it with a sentence, and with nothing else."""

from state.users.record import UserRecord
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.support.commands import error_of
from tests.support.topics import write


def test_a_record_of_another_program_ends_a_worker_with_its_sentence(settings: Settings, names: TopicNames) -> None:
    """It names the place and the way out; no error of the shutdown stands in the log."""
    record = UserRecord(applied_offset=1, plays=1).encode()
    write(settings, names.users_changelog, [(b"ann", record), (b"ann", b"short"), (b"ann", record)])

    last_line = error_of("worker", settings)

    partition = partition_of("ann", settings.topics.partitions)
    assert (
        f"Partition {partition} cannot take in its changelog: the record at offset 1 has 5 bytes, fewer than a "
        "listener's: another program wrote to the topic. Delete the topic and make it again, and run `playfold state "
        "rebase --from-disk` on the machine with the state"
    ) in last_line
    log = (settings.application.data_path / "worker-failed.log").read_text()
    assert "Error while stopping" not in log
