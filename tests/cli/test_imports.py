"""The modules that a command loads: its help needs none that is heavy, and a quick command needs few to run."""

import asyncio
import subprocess
import sys

import msgspec
import pytest

import cli.main
from streams.messages.records import Recommendations
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.settings import Settings, environment_of
from streams.topics.topics import TopicNames

KERNELS = {"numba", "llvmlite", "scipy", "annoy"}
SERVERS = {"faust", "fastapi", "uvicorn", "jinja2", "prometheus_client", "uvloop", "rocksdict"}
JOBS = {"luigi", "optuna", "matplotlib", "fsspec"}
FILES = {"catalog", "evaluate", "replay", "tune"}
"""Commands whose options are described by the readers of files, which need numpy and pyarrow."""
ARRAYS = {"numpy", "pyarrow"}
LIST = Recommendations(
    user_id="ann",
    kind="personal",
    generation="g1",
    revision=0,
    partition=0,
    offset=1,
    made_at_ms=0,
    expires_at_ms=1,
    items=["a"],
    scores=[0.5],
    because=[["x"]],
    because_scores=[[0.4]],
    because_rest=[0.1],
)
PROGRAM = """
import sys
from cli.main import main
try:
    main()
finally:
    print("packages", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def packages_of(*arguments: str, settings: Settings | None = None) -> tuple[set[str], str]:
    """Run a command and return the packages that it loaded, and its output."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    variables = None if settings is None else environment_of(settings)
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    (packages,) = (line for line in ended.stderr.splitlines() if line.startswith("packages "))
    return set(packages.split()), ended.stdout


@pytest.mark.processes
@pytest.mark.parametrize("name", sorted(cli.main.COMMANDS.keys() - FILES))
def test_the_help_of_a_command_loads_no_array(name: str) -> None:
    """The work of a command is imported when it runs, with its arrays, kernels and servers."""
    packages, printed = packages_of(name, "--help")

    assert f"{name} [OPTIONS]" in printed
    assert set() == packages & (KERNELS | SERVERS | JOBS | ARRAYS)


@pytest.mark.processes
@pytest.mark.parametrize("name", sorted(cli.main.COMMANDS))
def test_the_help_of_a_command_loads_no_kernel(name: str) -> None:
    """Also a command whose options need arrays compiles nothing and serves nothing."""
    packages, printed = packages_of(name, "--help")

    assert f"{name} [OPTIONS]" in printed
    assert set() == packages & (KERNELS | SERVERS | JOBS)


def test_a_list_is_printed_without_arrays(settings: Settings, names: TopicNames) -> None:
    """`playfold recommend` reads records: a client of Kafka is all that it needs."""
    asyncio.run(_publish(settings, names))

    packages, printed = packages_of("recommend", "ann", settings=settings)

    assert "generation g1" in printed
    assert "aiokafka" in packages
    assert set() == packages & (KERNELS | SERVERS | JOBS | ARRAYS | {"kafka", "pydantic"})


async def _publish(settings: Settings, names: TopicNames) -> None:
    async with Outbox(settings.kafka) as outbox:
        place = partition_of("ann", settings.topics.partitions)
        await (await outbox.send(names.recommendations, place, [(b"ann", msgspec.json.encode(LIST))])).written()


def test_the_doctor_compiles_nothing(settings: Settings, names: TopicNames) -> None:
    """`playfold doctor` verifies files and topics; kernels would take longer than all of its checks."""
    assert names.plays

    packages, printed = packages_of("doctor", settings=settings)

    assert "Kafka" in printed
    assert set() == packages & (KERNELS | SERVERS | JOBS | {"pydantic", "pyarrow"})
