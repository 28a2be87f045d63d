"""`playfold doctor` on real parts: broker, topics, worker, generation; healthy, and with each of them missing."""

import asyncio
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from kafka import KafkaAdminClient
from typer.testing import CliRunner

from cli.commands.doctor import app
from cli.commands.rejects import app as rejects_app
from cli.processes import WorkerProcess
from jobs.announcement import announce
from jobs.doctor.doctor import Doctor
from jobs.doctor.finding import Finding
from model.objective import Objective
from state.generations.generation import write_generation
from state.generations.naming import new_generation_id
from state.generations.open_store import generation_store
from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from streams.outbox import Item, Outbox
from streams.settings import Settings, environment_of, override
from streams.topics.topics import TopicNames
from tests.support.foreign import damage
from tests.support.generations import manifest_of, numbered
from tests.support.made_up import made_up_factors
from tests.support.plays import play_record
from tests.support.settings import settings_with
from tests.support.topics import await_folded, send, values, worker, write
from tests.support.wait import block_until

CHECKS = ["broker", "topics", "generation", "lag", "workers", "clock", "events", "disk", "gateway"]
UNSEEN = {"disk", "gateway"}
"""Checks that depend on the machine: its disk, and any process that listens at the gateway's port."""


def examined(settings: Settings) -> dict[str, Finding]:
    """Return the findings by their checks."""
    return {one.check: one for one in asyncio.run(Doctor(settings).examine())}


def verdicts(findings: dict[str, Finding]) -> dict[str, str]:
    """Return the verdicts of the checks that ask Kafka."""
    return {name: one.verdict for name, one in findings.items() if name not in UNSEEN}


def generation_for(settings: Settings) -> str:
    """Publish and announce a generation that was made just now."""
    now_ms = time.time_ns() // 1_000_000
    generation_id, objective = new_generation_id(now_ms), Objective(factors=8)
    manifest = msgspec.structs.replace(manifest_of(generation_id, objective, 60), created_at_ms=now_ms)
    item_factors = made_up_factors(60, 8, np.random.default_rng(0))
    folder = settings.application.data_path / "made-up" / generation_id
    write_generation(folder, manifest, numbered(item_factors, objective))
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, generation_id, 0, now_ms))
    return generation_id


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Give settings under which a worker often tells of itself, and no gateway runs."""
    return override(settings, factors=8, pulse_s=0.2, gateway_port=free_port())


@pytest.fixture
def running(small: Settings, names: TopicNames) -> Iterator[WorkerProcess]:
    """Give a worker that serves a generation and has told of itself."""
    assert names
    generation_for(small)
    with worker(small) as process:
        send(small, [play_record(f"u{number}", f"i{number}") for number in range(20)])
        block_until(lambda: well(small), 30)
        yield process


def well(settings: Settings) -> bool:
    """Tell whether the worker is heard and has swept."""
    return examined(settings)["workers"].verdict == "ok"


def in_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands read these settings."""
    for name, value in environment_of(settings).items():
        if name.startswith("PLAYFOLD_"):
            monkeypatch.setenv(name, value)


def test_when_all_is_well_nothing_is_wrong(running: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check reports its observation; as lines of JSON too, with exit status 0."""
    settings = running.settings
    in_environment(settings, monkeypatch)

    ended = CliRunner().invoke(app, ["--json"])
    findings = {line["check"]: line for line in map(json.loads, ended.stdout.splitlines())}

    assert CHECKS == list(findings)
    assert {"ok"} == {line["verdict"] for name, line in findings.items() if name not in UNSEEN}, ended.stdout
    assert "note" == findings["gateway"]["verdict"]
    assert int(findings["disk"]["verdict"] == "problem") == ended.exit_code
    assert findings["broker"]["says"].startswith(f"Kafka 4.3 answers at {settings.kafka.brokers}: cluster ")
    assert "The lag is 0 plays (by partition: 0: 0, 1: 0, 2: 0, 3: 0)." == findings["lag"]["says"]
    assert "1 worker reported just now: a owns partitions 0, 1, 2, 3." == findings["workers"]["says"]
    assert "revision 0 is announced and can be opened: 60 items, " in findings["generation"]["says"]


def test_what_is_wrong_is_read_by_people(small: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a table with the remedies, and with exit status 1."""
    assert names
    in_environment(small, monkeypatch)
    monkeypatch.setenv("COLUMNS", "160")

    ended = CliRunner().invoke(app)

    assert 1 == ended.exit_code
    assert "No generation is announced, so no listener gets a list." in ended.stdout
    assert "→ Run `playfold retrain`." in ended.stdout
    assert re.search(r"^[23] problems, [01] warnings?\.$", ended.stdout, re.MULTILINE)  # the disk may be one of them


def test_no_broker_is_one_problem(tmp_path: Path) -> None:
    """Checks that need the broker are skipped."""
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(tmp_path), gateway_port=free_port())

    findings = examined(settings)

    assert "problem" == findings["broker"].verdict
    assert {"note"} == {findings[name].verdict for name in CHECKS[1:] if name not in UNSEEN}


def test_a_missing_topic_is_a_problem(running: WorkerProcess) -> None:
    """It is named, with the command that makes it; the checks that do not need it go on."""
    settings = running.settings
    topic = f"{settings.topics.prefix}related-items"
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)
    admin.delete_topics([topic])
    admin.close()

    block_until(lambda: examined(settings)["topics"].verdict == "problem", 20)
    findings = examined(settings)

    assert f"Topic {topic} is missing: run `playfold topics create`." == findings["topics"].says
    assert {"ok"} == {verdict for name, verdict in verdicts(findings).items() if name != "topics"}


def test_no_topics_are_a_problem_of_every_check_that_reads_them(small: Settings) -> None:
    """Nothing hangs, and the broker is well."""
    findings = verdicts(examined(small))

    assert {"broker": "ok"} | dict.fromkeys(CHECKS[1:7], "problem") == findings


def test_no_generation_and_no_worker_are_problems(small: Settings, names: TopicNames) -> None:
    """Both are reported with their remedies."""
    assert names
    findings = examined(small)

    assert {"broker": "ok", "topics": "ok", "lag": "ok", "clock": "note"}.items() <= verdicts(findings).items()
    assert "problem" == findings["generation"].verdict
    assert "Run `playfold retrain`." == findings["generation"].do
    assert "problem" == findings["workers"].verdict
    assert "No worker reported in the last hour." == findings["workers"].says


def test_a_generation_that_is_gone_from_the_store_is_a_problem(small: Settings, names: TopicNames) -> None:
    """A worker that starts now would have nothing to serve."""
    assert names
    generation_id = generation_for(small)
    shutil.rmtree(small.application.generations_path / generation_id)

    finding = examined(small)["generation"]

    assert "problem" == finding.verdict
    assert finding.says.startswith(f"Generation {generation_id} is not in {small.application.generations_path};")
    assert "rollback" in finding.do


def test_a_damaged_generation_is_a_problem(small: Settings, names: TopicNames) -> None:
    """The file is named."""
    assert names
    generation_id = generation_for(small)
    (small.application.generations_path / generation_id / "item_factors.npy").write_bytes(b"damaged")

    finding = examined(small)["generation"]

    assert "problem" == finding.verdict
    assert "item_factors.npy" in finding.says


def test_a_worker_that_was_killed_is_missed(running: WorkerProcess) -> None:
    """Once it has been silent for ten seconds; its plays wait."""
    settings = running.settings
    running.kill()
    send(settings, [play_record("u1", "i9")])

    block_until(lambda: examined(settings)["workers"].verdict == "problem", 30)
    findings = examined(settings)

    assert findings["workers"].says.startswith("No worker reports any more. The last report was that of a, 1")
    assert findings["lag"].says.startswith("The lag is 1 play (")


def spoil(settings: Settings, broker: Broker, topic: str, *, is_batch: bool) -> int:
    """Write a record to a topic that nobody can read, and return its offset."""

    async def written() -> int:
        async with Outbox(settings.kafka) as outbox:
            return (await (await outbox.send(topic, 0, [(b"serving", b"spoilt")])).written()).first

    offset = asyncio.run(written())
    if is_batch:
        damage(broker.folder, topic, 0, b"spoilt")
    return offset


@pytest.mark.parametrize("is_batch", [True, False], ids=["checksum", "json"])
def test_one_damaged_record_costs_that_record(
    running: WorkerProcess, names: TopicNames, broker: Broker, *, is_batch: bool
) -> None:
    """Every check of the topics that the doctor reads goes on, and names the record once."""
    settings = running.settings
    offsets = {
        topic: spoil(settings, broker, topic, is_batch=is_batch)
        for topic in (names.generations, names.pulse, names.plays_rejected)
    }

    findings = examined(settings)

    assert {"ok"} == {findings[name].verdict for name in ("topics", "lag", "clock")}
    for check, topic in (("generation", names.generations), ("workers", names.pulse), ("events", names.plays_rejected)):
        assert "warning" == findings[check].verdict, findings[check]
        named = f"1 record cannot be read and is left out: {topic}, partition 0, offset {offsets[topic]} ("
        assert findings[check].says.startswith(named)


def quoted(number: int) -> Item:
    """Return a play under its key as Kafka Connect's JsonConverter writes it."""
    key, value = play_record(f"quoted{number}", f"i{number}")
    return b'"' + key + b'"', value


def test_records_that_are_all_rejected_are_learnt_once_the_cause_is_mended(
    small: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor names the cause and the setting, and a retry sends the records under the right keys, once."""
    assert names
    in_environment(small, monkeypatch)
    with worker(small):
        write(small, names.plays, [quoted(number) for number in range(40)])
        await_folded(small)
        finding = examined(small)["events"]
        retries = [CliRunner().invoke(rejects_app, ["retry", "--mend-keys"]).stdout for _ in range(2)]
        await_folded(small)
        learnt = {key for key, _ in values(small, names.users_changelog)}

    assert "problem" == finding.verdict
    assert finding.says.startswith(
        "Of the last 40 events none could be read, most often: the key is JSON text in quotes, as Kafka Connect's "
        "JsonConverter writes it (40)."
    )
    assert "key.converter=org.apache.kafka.connect.storage.StringConverter" in finding.do
    assert ["40 records sent again, all acknowledged.", "0 records sent again, all acknowledged."] == [
        said.splitlines()[0] for said in retries
    ]
    assert {b"quoted%d" % number for number in range(40)} <= learnt
