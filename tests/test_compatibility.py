"""The table of docs/compatibility.md is the one that the tests declare."""

import re
from pathlib import Path

import pytest

from tests.brokers.matrix import AREAS, BEGIN, END, FILE, ROOT, Result, render, replace_table, results_of
from tests.brokers.versions import EMBEDDED, VARIABLE, VERSIONS, chosen_version

REPORT = """<testsuites><testsuite>
<testcase classname="tests.kafka.test_topics" name="one"/>
<testcase classname="tests.kafka.test_topics" name="two"><failure message="no">no</failure></testcase>
<testcase classname="tests.kafka.test_topics" name="three"><error message="no">no</error></testcase>
<testcase classname="tests.kafka.test_worker" name="four"/>
<testcase classname="tests.kafka.test_worker" name="five"/>
</testsuite></testsuites>"""


def rows() -> list[list[str]]:
    """Return the cells of the table, its head first."""
    lines = [line for line in FILE.read_text().partition(BEGIN)[2].partition(END)[0].splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|--")]


def test_the_table_has_the_declared_rows() -> None:
    """`make brokers` writes a row for each area, and says which tests try it."""
    expected = [(area.name, ", ".join(f"`{file}`" for file in area.files)) for area in AREAS]

    assert expected == [(cells[0], cells[-1]) for cells in rows()[1:]]


def test_the_table_has_the_declared_versions() -> None:
    """`make brokers` writes a column for each version."""
    assert [f"Kafka {version.version}" for version in VERSIONS.values()] == rows()[0][1:-1]


def test_every_cell_has_passed() -> None:
    """A version with which a test fails is not supported."""
    cells = [cell for of_area in rows()[1:] for cell in of_area[1:-1]]

    assert [] == [cell for cell in cells if not re.fullmatch(r"[1-9]\d* passed", cell)]


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_the_files_of_an_area_exist(area: object) -> None:
    """A file that was renamed would be tried by nothing."""
    assert all((ROOT / file).is_file() for file in area.files)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_has_a_pom_and_checksums(name: str) -> None:
    """Both name the version, and Maven checks nothing by itself."""
    version = VERSIONS[name]
    pom, lines = (version.declared / "pom.xml").read_text(), (version.declared / "jars.sha256").read_text().splitlines()

    assert f"<artifactId>kafka_2.13</artifactId>\n      <version>{version.version}</version>" in pom
    assert version.version.startswith(f"{name}.")
    assert any(line.endswith(f"  kafka_2.13-{version.version}.jar") for line in lines)
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+\.jar", line) for line in lines)


def test_the_environment_chooses_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the version of the embedded broker is used."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert VERSIONS[EMBEDDED] == chosen_version()

    monkeypatch.setenv(VARIABLE, "3.9")

    assert VERSIONS["3.9"] == chosen_version()


def test_results_are_counted_by_area(tmp_path: Path) -> None:
    """A failure and an error both count; an area without tests has none that passed."""
    report = tmp_path / "report.xml"
    report.write_text(REPORT)

    results = results_of(report)

    assert Result(1, 2) == results[AREAS[0].name]
    assert Result(2, 0) == results[AREAS[1].name]
    assert Result(0, 0) == results[AREAS[2].name]
    assert ["2 of 3 failed", "2 passed"] == [str(results[area.name]) for area in AREAS[:2]]


def test_the_table_replaces_an_old_one() -> None:
    """The text around it stays."""
    results = {name: {area.name: Result(3, 0) for area in AREAS} for name in VERSIONS}
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    text = replace_table(page, render(results))

    assert f"before\n{BEGIN}\n\n{render(results)}\n{END}\nafter\n" == text
    assert f"| {AREAS[0].name} | 3 passed | 3 passed | 3 passed | `{AREAS[0].files[0]}` |" in text


def test_a_page_without_marks_is_an_error() -> None:
    """Otherwise the table would be lost without notice."""
    with pytest.raises(ValueError, match=f"^The page lacks the marks {BEGIN} and {END}.$"):
        replace_table("# Compatibility", "")
