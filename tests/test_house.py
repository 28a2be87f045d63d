"""The house: the direction of imports, names that must not be shadowed, and the one place of clients and settings."""

import ast
import graphlib
import importlib.metadata
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

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
    """A setting has one reader; a file that starts a process may pass the environment on."""
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
