"""No secret is in a file, a line of output or a topic, after the commands that read or write them.

All commands and processes connect with TLS and a login.
"""

import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from kafka import KafkaConsumer, TopicPartition

from jobs.retraining import run as runs
from streams.connection.admin_clients import plain_options
from streams.settings import Password, Secret, Settings, environment_of, override
from streams.topics.admin import delete_topics
from tests.acceptance.started import started_gateway, started_worker
from tests.support.gateway import client_of, post
from tests.support.plays import play
from tests.support.secure_broker import SUPER, SUPER_PASSWORD, SecureBroker, token_of
from tests.support.wait import block_until

TOKEN = "correct-horse-battery-staple-71"  # noqa: S105  a made-up one
SCRAM = "SCRAM-SHA-256"
LISTENER = "listener-of-the-night-train"
N_LISTENERS, N_ITEMS, N_PLAYS = 40, 20, 600
PROJECT = Path(__file__).parents[2]
OTHER_PORT = 8091
RESUMED = ("retrain", "--json")
"""The retrain after one that was killed."""
SERVED = ("topics", "create"), ("catalog", "load", "{items}"), ("replay", "{plays}")
"""Commands that fill the topics."""
TRAINED = (
    ("tune", "--budget-s", "5"),
    ("retrain",),
    ("retrain", "--fresh", "--force"),
    ("generations", "reindex"),
    ("generations", "list"),
    ("evaluate", "{plays}", "--out", "{out}"),
)
"""Commands that read or write generations."""
ASKED = (
    ("doctor",),
    ("doctor", "--json"),
    ("export", LISTENER),
    ("recommend", LISTENER),
    ("trace", LISTENER),
    ("hide", LISTENER, "item-3"),
    ("pause", LISTENER),
    ("resume", LISTENER),
    ("forget", "listener-1"),
)
"""Commands about the running system."""


@pytest.fixture
def small(secure: SecureBroker, tmp_path: Path) -> Iterator[Settings]:
    """Give settings with a token and a password, under which a generation is made in no time."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = override(
        secure.settings_of("SECURE", SCRAM, group=name, topic_prefix=f"{name}.", data_dir=str(tmp_path)),
        log_level="DEBUG",
        factors=8,
        iterations=2,
        warm_iterations=1,
        index_trees=2,
        index_rebuild_s=1,
        related_n=3,
        pulse_s=0.2,
        gateway_port=0,
        gateway_token=Secret(TOKEN),
    )
    yield made
    delete_topics(made)


class Commands:
    """Runs commands and keeps all that they write to stdout and stderr.

    Attributes:
        settings: The settings of the commands.
        output: The output of each command.
        errors: The stderr of each command that ended with another status than 0.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Write the files that commands read into `folder`."""
        self.settings = settings
        self._paths = {"items": folder / "items.jsonl", "plays": folder / "plays.csv", "out": folder / "out"}
        items = [msgspec.json.encode({"item_id": f"item-{item}", "title": f"Song {item}"}) for item in range(N_ITEMS)]
        self._paths["items"].write_bytes(b"\n".join(items))
        self._paths["plays"].write_text("user_id,item_id,played_at\n" + "".join(drawn_plays()))
        self.output: dict[str, bytes] = {}
        self.errors: dict[str, str] = {}

    def run(self, *commands: Sequence[str]) -> None:
        """Run commands one after the other."""
        for command in commands:
            self._run_one(command)

    def _run_one(self, command: Sequence[str]) -> None:
        arguments = [argument.format(**self._paths) for argument in command]
        ended = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=environment_of(self.settings),
            capture_output=True,
            check=False,
        )
        self.output[f"output of {' '.join(command)}"] = ended.stdout + ended.stderr
        if ended.returncode:
            self.errors[" ".join(command)] = ended.stderr.decode()

    def run_until(self, text: bytes, command: Sequence[str]) -> None:
        """Run a command until a line of its output contains a text, then stop it as an operator does."""
        arguments = [sys.executable, "-m", "cli.main", *command]
        with subprocess.Popen(
            arguments, env=environment_of(self.settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if text in line:
                    break
            process.terminate()
            output = b"".join(lines) + process.stdout.read()
        self.output[f"output of {' '.join(command)}"] = output
        if process.returncode or text not in lines[-1]:
            self.errors[" ".join(command)] = output.decode()

    def run_retrain_that_dies(self) -> None:
        """Kill a retrain in a step, and at the end of the step another one that resumes it."""
        ended = subprocess.run(
            [sys.executable, "-m", "tests.kafka.dying_night", "train"],
            cwd=PROJECT,
            env=environment_of(self.settings) | {"PYTHONPATH": str(PROJECT)},
            capture_output=True,
            check=True,
        )
        self.output["output of a retrain that dies"] = ended.stdout + ended.stderr


def drawn_plays() -> Iterator[str]:
    """Yield lines of a file of plays; `LISTENER` plays as the others do."""
    rng = np.random.default_rng(3)
    for number in range(N_PLAYS):
        user = f"listener-{number % N_LISTENERS}" if number % N_LISTENERS else LISTENER
        yield f"{user},item-{rng.integers(N_ITEMS)},{1_700_000_000 + 60 * number}\n"


def use_gateway(settings: Settings) -> bytes:
    """Run a gateway, send requests with the token and without, and return its answers."""
    with started_gateway(settings) as process, client_of(process) as stranger:
        answers = [stranger.get("/metrics"), stranger.post("/session", data={"token": TOKEN})]
        answers.append(stranger.post("/session", data={"token": "another"}))
        with client_of(process, authorization=f"Bearer {TOKEN}") as client:
            post(client, play(LISTENER, "item-1"))
            paths = "/metrics", f"/v1/users/{LISTENER}/recommendations", "/healthz", "/openapi.json", "/"
            answers.extend(client.get(path) for path in paths)
            answers.append(client.post("/v1/plays", content=b"{"))
    return b"".join(answer.content + str(answer.headers.raw).encode() for answer in answers)


def files_with(text: bytes, folder: Path) -> list[str]:
    """Return the files below a folder that contain a text."""
    return [f"file {path.relative_to(folder)}" for path in files_of(folder) if text in path.read_bytes()]


def files_of(folder: Path) -> list[Path]:
    """Return all files below a folder, sockets and links left out."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def topics_with(text: bytes, settings: Settings) -> list[str]:
    """Return the topics of a test, its changelog among them, with a record that contains a text."""
    consumer = KafkaConsumer(**plain_options(settings.kafka), enable_auto_commit=False)
    try:
        names = [name for name in consumer.topics() if settings.application.group in name]
        return [f"topic {name}" for name in sorted(names) if any(text in record for record in records(consumer, name))]
    finally:
        consumer.close()


def records(consumer: KafkaConsumer, topic: str) -> Iterator[bytes]:
    """Yield key, value and headers of every record of a topic."""
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for batch in consumer.poll(200).values():
            for record in batch:
                yield b"\n".join((record.key or b"", record.value or b"", repr(record.headers).encode()))


@pytest.mark.timeout(300)  # twenty commands run one after the other
def test_no_file_no_output_and_no_topic_has_a_secret(small: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A listener's id is searched for in the same way, and is found."""
    commands = Commands(small, tmp_path_factory.mktemp("files"))

    commands.run(*SERVED)
    with started_worker(small) as process:
        commands.run(*TRAINED)
        block_until(lambda: process.first_event("generation_swapped") is not None)
        commands.run_retrain_that_dies()
        commands.settings = override(small, gateway_port=OTHER_PORT)
        commands.run(RESUMED)
        commands.settings = small
        commands.output["answers of the gateway"] = use_gateway(small)
        commands.run(*ASKED)
    commands.run_until(b"reindex_ended", ("nightly", "--json"))
    commands.run_until(b'"event":"up"', ("up", "--json"))

    folder = small.application.data_path
    assert {} == commands.errors
    for secret in (TOKEN.encode(), SUPER_PASSWORD.encode()):
        assert [] == [place for place, output in commands.output.items() if secret in output]
        assert [] == files_with(secret, folder)
        assert [] == topics_with(secret, small)
    assert b"Resuming the run of generation" in commands.output[f"output of {' '.join(RESUMED)}"]
    listener = LISTENER.encode()
    assert {f"output of export {LISTENER}"} <= {place for place, said in commands.output.items() if listener in said}
    assert [place for place in files_with(listener, folder) if place.startswith("file workers/")]
    assert {f"topic {small.topics.prefix}plays"} <= set(topics_with(listener, small))
    assert [path for path in files_of(small.application.nights_path) if path.name == runs.RECORD]


@pytest.mark.parametrize("valid", [True, False])
def test_no_output_has_a_token_of_kafka(
    small: Settings,
    secure: SecureBroker,
    tmp_path_factory: pytest.TempPathFactory,
    valid: bool,  # noqa: FBT001
) -> None:
    """Commands print neither a valid one nor one that Kafka rejects."""
    folder = tmp_path_factory.mktemp("files")
    token, file = token_of(SUPER, 600 if valid else -600), folder / "token"
    file.write_text(token)
    login = {"kafka_username": "", "kafka_password": Password("")}
    values = secure.security_of("SECURE", "OAUTHBEARER") | login | {"kafka_token_file": str(file)}
    with_token = override(small, **values)
    commands = Commands(with_token, folder)

    commands.run(("topics", "create"), ("replay", "{plays}"), ("doctor",), ("worker",) if not valid else ("pulse",))

    assert valid == ("topics create" not in commands.errors)
    assert [] == [place for place, output in commands.output.items() if token.encode() in output]
    assert [] == files_with(token.encode(), with_token.application.data_path)


def test_a_token_that_does_not_fit_is_not_printed(small: Settings, tmp_path: Path) -> None:
    """A command ends with the name of the variable."""
    short = "too-short-token"
    commands = Commands(override(small, gateway_token=Secret(short)), tmp_path)

    commands.run(("doctor",))

    assert "PLAYFOLD_GATEWAY_TOKEN is Secret('***'), which does not fit" in commands.errors["doctor"]
    (output,) = commands.output.values()
    assert short.encode() not in output
