"""The archive of classes as files: where it is, when it is written, and when it is left alone."""

import os
from pathlib import Path

import pytest

from streams.kafka.class_archive import VERIFIED, ClassArchive


@pytest.fixture
def jars(tmp_path: Path) -> list[Path]:
    """Return two jars in a folder."""
    folder = tmp_path / "jars"
    folder.mkdir()
    for name in ("a.jar", "b.jar"):
        (folder / name).write_text(name)
    return [folder / "a.jar", folder / "b.jar"]


def archive(jars: list[Path], java: str = "17") -> ClassArchive:
    """Return the archive of some jars."""
    return ClassArchive(jars, java, jars[0].parents[1] / "written.jsa")


def test_the_first_broker_writes_the_archive_and_later_ones_read_it(jars: list[Path], tmp_path: Path) -> None:
    """Between them the archive is taken from the broker that has ended."""
    first = archive(jars)
    written = first.broker_options()
    (tmp_path / "written.jsa").write_text("classes")
    first.take_written()

    assert [f"-XX:ArchiveClassesAtExit={tmp_path}/written.jsa"] == written
    assert [*VERIFIED, f"-XX:SharedArchiveFile={first.file}"] == archive(jars).broker_options()
    assert "classes" == first.file.read_text()
    assert not (tmp_path / "written.jsa").exists()


def test_a_tool_writes_no_archive(jars: list[Path]) -> None:
    """It loads few of the broker's classes."""
    assert [] == archive(jars).options()


@pytest.mark.parametrize("change", ["java", "jar"])
def test_another_java_or_another_jar_has_another_archive(jars: list[Path], change: str) -> None:
    """Java would reject the archive of before, and the next broker would write none."""
    before = archive(jars)
    if change == "jar":
        os.utime(jars[1], (1, 1))

    after = archive(jars, "25" if change == "java" else "17")

    assert before.file != after.file


def test_one_archive_is_kept(jars: list[Path], tmp_path: Path) -> None:
    """An upgrade of Java leaves no old archive behind; other files stay."""
    for java in ("17", "25"):
        made = archive(jars, java)
        (tmp_path / "written.jsa").write_text(java)
        made.take_written()

    assert {made.file, tmp_path / "jars"} == set(tmp_path.iterdir())


def test_an_archive_that_was_not_finished_is_written_again(jars: list[Path], tmp_path: Path) -> None:
    """Its file is of a broker that was killed."""
    (tmp_path / "written.jsa").write_text("half of the classes")

    archive(jars).broker_options()

    assert not (tmp_path / "written.jsa").exists()


def test_without_a_new_archive_nothing_is_taken(jars: list[Path], tmp_path: Path) -> None:
    """Some Javas write none."""
    archive(jars).take_written()

    assert [tmp_path / "jars"] == list(tmp_path.iterdir())


def test_jars_behind_a_link_have_their_archive_beside_them(jars: list[Path], tmp_path: Path) -> None:
    """Several data folders that share jars share the archive."""
    linked = tmp_path / "other"
    linked.mkdir()
    (linked / "jars").symlink_to(tmp_path / "jars")

    assert archive(jars).file == archive([linked / "jars" / jar.name for jar in jars]).file
