"""Generations as an operator lists them, and a rollback to an older one."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from cli.commands.generations import RollbackError, app
from jobs.announcement import announce, announced
from state.errors import GenerationError
from state.generations.folder_store import FolderStore
from state.generations.manifest import Estimate, Gate, Quality
from state.generations.open_store import generation_store
from state.generations.revision import write_revision
from state.generations.store import GenerationStore
from streams.kafka.ports import free_port
from streams.readers.log_reader import read_topic
from streams.settings import Settings, flat_values
from streams.topics.topics import TopicNames, topic_names
from tests.support.settings import settings_with
from tests.support.stores import judged, write_night

FIRST, SECOND, THIRD, FOURTH = (f"2026-03-0{day}" for day in (1, 2, 3, 4))


@pytest.fixture
def store(tmp_path: Path) -> GenerationStore:
    """Give a store with three generations, of which the third was rejected."""
    folder_store = FolderStore(tmp_path / "generations")
    for generation_id, gate in ((FIRST, judged(accepted=True)), (SECOND, None), (THIRD, judged(accepted=False))):
        folder_store.publish(write_night(tmp_path, generation_id, gate))
    return folder_store


@pytest.fixture
def offline(store: GenerationStore, monkeypatch: pytest.MonkeyPatch) -> GenerationStore:
    """Give the store where no Kafka answers."""
    set_environment(
        monkeypatch,
        settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(store.path.parent), kafka_timeout_s=0.5),
    )
    return store


@pytest.fixture
def online(
    store: GenerationStore,
    settings: Settings,
    names: TopicNames,  # noqa: ARG001  the topics are made by asking for them
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Give settings of that store, and Kafka."""
    set_environment(monkeypatch, settings)
    assert store.path == settings.application.generations_path
    return settings


def set_environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Let the commands read these settings."""
    for field in ("brokers", "data_dir", "group", "topic_prefix", "kafka_timeout_s"):
        monkeypatch.setenv(f"PLAYFOLD_{field.upper()}", str(flat_values(settings)[field]))


def serve(settings: Settings, generation_id: str) -> None:
    """Announce a generation."""
    asyncio.run(announce(settings, generation_id, 0, 1))


def serving(settings: Settings) -> str | None:
    """Return the generation that is announced."""
    announcement = asyncio.run(announced(settings))
    return announcement.generation_id if announcement else None


def run(*arguments: str, status: int = 0) -> Result:
    """Run a command and see that it ends as expected."""
    ended = CliRunner().invoke(app, arguments)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    assert status == ended.exit_code, ended.output
    return ended


def said(*arguments: str) -> str:
    """Return the sentence with which a command ends."""
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, GenerationError | RollbackError | OSError), error
    return str(error)


def spoil(folder: Path, name: str = "popularity.npy") -> None:
    """Put another file in the place of one."""
    (folder / name).unlink()
    (folder / name).write_bytes(b"else")


def listed() -> dict[str, tuple[str, str | None]]:
    """Return status and reason of every generation that is listed."""
    lines = map(msgspec.json.decode, run("list", "--json").stdout.splitlines())
    return {line["generation_id"]: (line["status"], line["reason"]) for line in lines}


def test_a_listing_says_what_each_one_is(online: Settings, store: GenerationStore) -> None:
    """Serving, kept, rejected and why, damaged and where."""
    serve(online, SECOND)
    (store.folder(FIRST) / "popularity.npy").unlink()

    expected = {
        FIRST: ("damaged", f"Generation {FIRST} is incomplete: popularity.npy is missing."),
        SECOND: ("serving", None),
        THIRD: ("rejected", "Because."),
    }
    assert expected == listed()
    assert "" == run("list").stderr


def test_a_generation_in_service_may_be_missing(online: Settings) -> None:
    """The listing says so, once."""
    serve(online, FOURTH)

    assert f"Generation {FOURTH} is in service, and is not in the store.\n" == run("list").stderr


@pytest.mark.processes
def test_a_listing_does_without_kafka(offline: GenerationStore) -> None:
    """One line on stderr names the unknown part."""
    ended = run("list", "--json")

    assert 1 == len(ended.stderr.splitlines())
    assert ended.stderr.startswith("The generation in service is unknown: No Kafka broker answered at 127.0.0.1:")
    assert len(offline.manifests()) == len(ended.stdout.splitlines())
    assert {"kept", "rejected"} == {status for status, _ in listed().values()}


@pytest.mark.processes
def test_a_table_shows_how_good_they_are(offline: GenerationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gate measured it."""
    monkeypatch.setenv("COLUMNS", "160")
    estimate = Estimate(0.25, 0.2, 0.3)
    quality = Quality(n_events=10, hit_at_20=estimate, mrr_at_20=estimate)
    gate = Gate(against=None, candidate=quality, serving=None, difference=None, accepted=True, reason="It is better.")
    folder = write_night(offline.path.parent, FOURTH, gate)
    offline.publish(folder)

    (row,) = [row for row in run("list").stdout.splitlines() if row.lstrip().startswith(FOURTH)]

    assert [FOURTH, "kept", "ials", "8", "0", "40", "0", "0.250", "(0.200", "to", "0.300)"] == row.split()


@pytest.mark.processes
def test_a_narrow_terminal_shows_whole_names(offline: GenerationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other commands ask for them; nothing else is cut off either."""
    monkeypatch.setenv("COLUMNS", "80")
    name = "2026-03-04T03-00-00.000Z"
    offline.publish(write_night(offline.path.parent, name))

    output = run("list").stdout

    assert re.search(rf"{name}\s+kept", output)
    titles = ("generation", "status", "rule", "listeners", "plays", "hit@20")
    assert all(title in output for title in titles)


def test_show_prints_the_manifest_of_a_whole_one(offline: GenerationStore) -> None:
    """A damaged one is a sentence."""
    assert FIRST == msgspec.json.decode(run("show", FIRST).stdout)["generation_id"]

    spoil(offline.folder(FIRST))
    assert f"Generation {FIRST} is damaged: popularity.npy does not match its checksum." == said("show", FIRST)


def test_verify_reads_all_of_them(offline: GenerationStore) -> None:
    """Whole ones are told, and damaged ones too, with status 1; one of them can be asked for."""
    whole = "".join(f"Generation {name} is whole.\n" for name in (FIRST, SECOND, THIRD))
    assert whole == run("verify").stdout

    spoil(offline.folder(SECOND) / "related", "rows.npy")
    (offline.folder(FIRST) / "item_keys.npy").unlink()
    ended = run("verify", status=1)

    assert f"Generation {THIRD} is whole.\n" == ended.stdout
    assert [
        f"Generation {FIRST} is incomplete: item_keys.npy is missing.",
        f"Part related of generation {SECOND} is damaged: rows.npy does not match its checksum.",
    ] == ended.stderr.splitlines()
    assert f"Generation {THIRD} is whole.\n" == run("verify", THIRD).stdout
    assert "Generation no-such is not in " in run("verify", "no-such", status=1).stderr


def test_a_rollback_announces_the_one_before(online: Settings) -> None:
    """A rejected one in between is passed over; a name leads back again."""
    serve(online, FOURTH)

    outputs = [run("rollback", *named).stdout for named in ([], [], [SECOND])]

    assert [
        f"Generation {SECOND} is announced in the place of {FOURTH}.\n",
        f"Generation {FIRST} is announced in the place of {SECOND}.\n",
        f"Generation {SECOND} is announced in the place of {FIRST}.\n",
    ] == outputs
    assert SECOND == serving(online)


def test_a_rollback_brings_back_revision_and_related_items(online: Settings, store: GenerationStore) -> None:
    """The generation's newest revision is announced, and its related items stand on their topic."""
    folder = store.folder(FIRST)
    part = write_revision(store.open(FIRST), folder, 3, ["i1"], 2, into=store.path.parent)
    store.publish_revision(part, FIRST, 3)
    serve(online, SECOND)

    run("rollback")

    announcement = asyncio.run(announced(online))
    assert announcement is not None
    assert FIRST == announcement.generation_id
    assert 3 == announcement.revision
    related = asyncio.run(records_of(online, topic_names(online).related_items))
    assert 38 == len(related)  # the withdrawn item has none, and is none


async def records_of(settings: Settings, topic: str) -> dict[bytes, bytes]:
    """Return the records of a topic."""
    latest: dict[bytes, bytes] = {}
    async for _, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s):
        latest.update((record.key, record.value) for record in records)
    return latest


def test_the_generation_in_service_is_announced_again(online: Settings) -> None:
    """Its related items are on their topic, too: both topics may have been made again."""
    serve(online, FIRST)

    assert f"Generation {FIRST} is announced, and its related items are published.\n" == run("announce").stdout

    assert FIRST == serving(online)
    assert 40 == len(asyncio.run(records_of(online, topic_names(online).related_items)))


def test_without_an_announcement_the_newest_generation_is_announced(
    online: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was rejected is not; another one can be named."""
    with monkeypatch.context() as patched:
        patched.setenv("PLAYFOLD_GENERATION_STORE", str(tmp_path / "empty"))
        assert "The store has no generation that may serve: run `playfold retrain`." == said("announce")
    run("announce")
    newest = serving(online)
    run("announce", FIRST)

    assert SECOND == newest
    assert FIRST == serving(online)
    assert f"Generation {THIRD} was rejected: Because. Name another one." == said("announce", THIRD)


def test_a_rollback_refuses_what_may_not_serve(online: Settings, store: GenerationStore) -> None:
    """Rejected, damaged, missing, in service already, or nothing there: a sentence each, and nothing is announced."""
    nobody = "No generation is in service, so there is none before it: name a generation."
    assert nobody == said("rollback")
    serve(online, FIRST)
    assert f"There is no generation before {FIRST}; `playfold generations list` lists all." == said("rollback")
    assert f"Generation {FIRST} is in service already." == said("rollback", FIRST)
    assert f"Generation {THIRD} was rejected: Because. Name another one." == said("rollback", THIRD)
    assert "Generation no-such is not in " in said("rollback", "no-such")
    spoil(store.folder(SECOND))
    damaged = f"Generation {SECOND} is damaged: popularity.npy does not match its checksum."
    assert damaged == said("rollback", SECOND)
    assert FIRST == serving(online)


@pytest.mark.processes
def test_without_kafka_nothing_is_rolled_back_or_removed(offline: GenerationStore) -> None:
    """The generation in service has to be known first."""
    for command in ("rollback", "announce", "prune"):
        assert said(command).startswith("No Kafka broker answered at ")

    assert 3 == len(offline.manifests())


def test_prune_keeps_what_serves(online: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """And as many as the settings tell, rejected ones counted apart."""
    store = generation_store(online)
    for name in (FOURTH, "2026-03-05"):
        store.publish(write_night(store.path.parent, name))
    serve(online, FIRST)
    monkeypatch.setenv("PLAYFOLD_GENERATIONS_MAX", "2")

    assert f"Generation {SECOND} is removed.\n" == run("prune").stdout
    assert "Nothing to remove: 2 generations are kept, and as many rejected ones.\n" == run("prune").stdout
    assert [FIRST, THIRD, FOURTH, "2026-03-05"] == [manifest.generation_id for manifest in store.manifests()]
