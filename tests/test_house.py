"""The house: who may import whom, what must not shadow us, and the private parts of Faust that we lean on."""

# ruff: noqa: SLF001  what is private of Faust and aiokafka is looked at here

import ast
import graphlib
import importlib.metadata
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import aiokafka
import aiokafka.client
import aiokafka.consumer.subscription_state as subscriptions
import pytest
from aiokafka.consumer import fetcher
from aiokafka.producer.sender import Sender
from faust.app.base import App
from faust.stores.base import Store
from faust.tables.table import Table
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types.tuples import ConsumerMessage

from streams.consumer.faust_app import create_app
from streams.settings import Settings

PROJECT = Path(__file__).parent.parent
PACKAGES = {"agents", "cli", "jobs", "model", "state", "streams", "web"}


@pytest.mark.processes
def test_imports_go_down_the_house() -> None:
    """The contracts of pyproject.toml hold, all of them."""
    lint_imports = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([lint_imports, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False)

    n_contracts = len(settings_of("importlinter")["contracts"])
    assert ended.returncode == 0, ended.stdout
    assert f"Contracts: {n_contracts} kept, 0 broken." in ended.stdout


def modules_in(root: Path, package: str) -> dict[str, Path]:
    """Return the files of a package by the dotted names of their modules."""
    names = {file: file.relative_to(root).with_suffix("").parts for file in (root / package).rglob("*.py")}
    return {".".join(parts).removesuffix(".__init__"): file for file, parts in names.items()}


def imported_modules(file: Path, modules: Iterable[str]) -> set[str]:
    """Return those of the modules that a file imports, inside functions too."""
    imports: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules)
            imports |= submodules or {node.module or ""}
    return imports & set(modules)


def circle_of_imports(root: Path, package: str) -> list[str]:
    """Return the modules of a circle of imports, empty if there is none."""
    modules = modules_in(root, package)
    graph = {name: imported_modules(file, modules) for name, file in modules.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_no_circle_of_imports(package: str) -> None:
    """The files of a package can be read one after the other, each after those that it imports."""
    assert [] == circle_of_imports(PROJECT, package)


@pytest.mark.parametrize(
    "closing", ["from den.first import one", "from den import first", "def f():\n    import den.first"]
)
def test_a_circle_of_imports_is_reported(tmp_path: Path, closing: str) -> None:
    """Every way of importing closes a circle, also an import inside a function."""
    folder = tmp_path / "den"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "first.py").write_text("from den.second import two\n")
    (folder / "second.py").write_text(closing + "\n")

    assert {"den.first", "den.second"} == set(circle_of_imports(tmp_path, "den"))


def settings_of(tool: str) -> Any:
    """Return a tool's table in pyproject.toml."""
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"][tool]


def test_every_package_is_installed_and_watched() -> None:
    """A new folder of code is installed, type-checked, measured, held to the contracts, and its examples run."""
    folders = {path.parent.name for path in PROJECT.glob("*/__init__.py")}

    assert PACKAGES == folders
    assert {f"{name}*" for name in PACKAGES} == set(settings_of("setuptools")["packages"]["find"]["include"])
    assert PACKAGES <= set(settings_of("mypy")["packages"])
    assert PACKAGES == set(settings_of("coverage")["run"]["source"])
    assert PACKAGES | {"tests"} == set(settings_of("pytest")["ini_options"]["testpaths"])
    assert PACKAGES == set(settings_of("importlinter")["root_packages"])


def test_no_other_distribution_brings_our_names() -> None:
    """The folders have plain names; a dependency that installs one of them would be imported in its stead."""
    owners = importlib.metadata.packages_distributions()

    assert {name: {"playfold"} for name in PACKAGES} == {name: set(owners.get(name, [])) for name in PACKAGES}


def test_our_names_are_not_the_standard_librarys() -> None:
    """Nor those of any Python to come, as far as this one knows."""
    assert not PACKAGES & sys.stdlib_module_names


def imported(file: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    packages = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            packages |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages.add((node.module or "").partition(".")[0])
    return packages


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "model").rglob("*.py")), ids=lambda file: str(file.relative_to(PROJECT))
)
def test_the_maths_imports_nothing_of_ours(file: Path) -> None:
    """Nothing but itself, arrays and the standard library without its clocks, loops and dice."""
    others = imported(file) - {"model"}

    assert not others & (PACKAGES | {"asyncio", "os", "random", "time", "threading", "datetime"})
    assert others <= sys.stdlib_module_names | {"llvmlite", "numba", "numpy", "scipy"}


@pytest.mark.parametrize("package", sorted(PACKAGES - {"streams"}))
def test_only_streams_reads_the_environment(package: str) -> None:
    """A setting has one reader; what starts a process may pass the environment on."""
    reading = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / package).rglob("*.py")
        if any(word in path.read_text() for word in ("os.environ", "os.getenv"))
    }

    assert reading <= {"cli/processes.py", "cli/threads.py"}


MADE_HERE = {"streams/connection/clients.py", "streams/connection/admin_clients.py"}
"""The files that make clients of Kafka; Faust makes its own, with streams/connection/faust_credentials.py."""
CLIENTS = {
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaAdminClient",
    "AIOKafkaClient",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaProducer",
}


def made_clients(file: Path) -> set[str]:
    """Return the clients of Kafka that a file makes or derives from; a name in an annotation makes none."""
    made = set()
    for node in ast.walk(ast.parse(file.read_text())):
        callees = [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []
        made |= {name for callee in callees if (name := ast.unparse(callee).rpartition(".")[2]) in CLIENTS}
        if isinstance(node, ast.keyword) and node.arg == "bootstrap_servers":
            made.add("bootstrap_servers")
    return made


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_one_place_makes_clients(package: str) -> None:
    """A client made elsewhere would know nothing of TLS and logins."""
    makers = {str(file.relative_to(PROJECT)) for file in (PROJECT / package).rglob("*.py") if made_clients(file)}

    assert makers <= MADE_HERE


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AIOKafkaConsumer()", {"AIOKafkaConsumer"}),
        ("kafka.KafkaProducer(acks=1)", {"KafkaProducer"}),
        ("class Own(AIOKafkaProducer): ...", {"AIOKafkaProducer"}),
        ("make(bootstrap_servers=x)", {"bootstrap_servers"}),
        ("def f(consumer: AIOKafkaConsumer): ...", set()),
    ],
)
def test_a_made_client_is_seen(tmp_path: Path, line: str, expected: set[str]) -> None:
    """However it is imported."""
    file = tmp_path / "file.py"
    file.write_text(line)

    assert expected == made_clients(file)


def test_the_makers_make_clients() -> None:
    """Otherwise the test above would look for the wrong names."""
    assert all(made_clients(PROJECT / file) for file in MADE_HERE)


def fetched_records() -> Any:
    """Return aiokafka's own class, which importing streams/fetch/batches.py replaces."""
    return next(one for one in fetcher.PartitionRecords.__mro__ if one.__module__ == fetcher.__name__)


def parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters."""
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # Overridden in streams/consumer/slices.py.
        (Consumer.getmany, ["self", "timeout"]),
        (Consumer._getmany, ["self", "active_partitions", "timeout"]),
        (Consumer.perform_seek, ["self"]),
        (fetched_records()._consumer_record, ["self", "tp", "record"]),
        (fetched_records()._unpack_records, ["self"]),
        (AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"]),
        (
            AIOKafkaConsumerThread._fetch_records,
            ["self", "consumer", "active_partitions", "timeout", "max_records"],
        ),
        (Consumer._add_gap, ["self", "tp", "offset_from", "offset_to"]),
        (Consumer._new_offset, ["self", "tp"]),
        (App._new_transport, ["self"]),
        # Called there.
        (Consumer._wait_next_records, ["self", "timeout"]),
        (Consumer._is_changelog_tp, ["self", "tp"]),
        (Consumer.ack, ["self", "message"]),
        (AIOKafkaConsumerThread._ensure_consumer, ["self"]),
        (AIOKafkaConsumerThread.seek_to_beginning, ["self", "partitions"]),
        (subscriptions.Assignment.state_value, ["self", "tp"]),
        # Overridden in state/users/store.py.
        (Table._new_store, ["self"]),
        (Store.persisted_offset, ["self", "tp"]),
        (Store.set_persisted_offset, ["self", "tp", "offset"]),
        (Store.on_rebalance, ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        (Store.apply_changelog_batch, ["self", "batch", "to_key", "to_value"]),
        (Store.reset_state, ["self"]),
        # Called in streams/readers/log_reader.py and streams/outbox.py.
        (aiokafka.client.AIOKafkaClient.force_metadata_update, ["self"]),
        (aiokafka.AIOKafkaProducer.send_batch, ["self", "batch", "topic", "partition"]),
        (aiokafka.AIOKafkaProducer.create_batch, ["self"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_what_we_override_and_call_is_still_there(function: Callable[..., Any], expected: list[str]) -> None:
    """A new version of Faust or aiokafka that changes these asks for a look at our side of them."""
    assert expected == parameters(function)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Consumer.__init__, ["_acked", "_acked_index", "_unacked_messages", "_buffered_partitions", "_read_offset"]),
        (Consumer.getmany, ["consumer_generation_id", "flow_active", "_buffered_partitions", "perform_seek"]),
        (Consumer.ack, ["_acked_index", "_unacked_messages", "acks_enabled_for"]),
        (AIOKafkaConsumerThread._ensure_consumer, ["self._consumer"]),
        (aiokafka.AIOKafkaConsumer.__init__, ["self._subscription", "self._client", "self._isolation_level"]),
        (aiokafka.AIOKafkaConsumer.start, ["isolation_level=self._isolation_level"]),
        (fetched_records().__init__, ["self._isolation_level", "self._records", "self.next_fetch_offset"]),
        (fetcher.Fetcher._proc_fetch_request, ["MemoryRecords(", "PartitionRecords(", "tp_state.lso", "highwater"]),
        (aiokafka.AIOKafkaProducer.__init__, ["self._sender"]),
        (Sender.__init__, ["self._sender_task"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_private_state_has_its_name(owner: Callable[..., Any], names: list[str]) -> None:
    """The fields that we read and set are those that Faust's own code works with."""
    source = inspect.getsource(owner)

    assert [] == [name for name in names if name not in source]


def test_a_message_can_carry_a_slice() -> None:
    """A value of any type, an assignment's id, and the flag that tells Faust it is tracked."""
    fields = parameters(ConsumerMessage.__init__)

    assert ["topic", "partition", "offset", "timestamp", "timestamp_type", "headers", "key", "value"] == fields[1:9]
    assert ["checksum", "serialized_key_size", "serialized_value_size", "tp"] == fields[9:13]
    assert {"generation_id"} <= set(fields)
    assert {"tracked", "acked", "generation_id"} <= set(
        ConsumerMessage.__slots__ + ConsumerMessage.__mro__[1].__slots__
    )


def test_an_app_tells_whether_it_is_settled() -> None:
    """A sweep asks these before every group."""
    app = create_app(Settings())

    assert not app.rebalancing
    assert not app.in_recovery
    assert not app.tables.recovery.completed.is_set()


def test_one_assert_says_one_thing() -> None:
    """A comparison of two tuples would not say which of their parts differ."""
    assert [] == [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in sorted((PROJECT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and compares_tuples(node.test)
    ]


def compares_tuples(test: ast.expr) -> bool:
    """Return whether an expression compares two tuples that are written out."""
    return isinstance(test, ast.Compare) and all(isinstance(side, ast.Tuple) for side in (test.left, *test.comparators))
