"""Exports and options that are refused."""

from pathlib import Path

import pytest

from streams.settings import Settings
from tests.kafka.replays_of_exports import answer_of, run
from tests.support.imports import SAMPLES

SPOTIFY = SAMPLES / "spotify" / "Streaming_History_Audio_2023_0.json"


@pytest.mark.usefixtures("names")
def test_a_damaged_export_sends_nothing_or_what_stands_before(settings: Settings, import_folder: Path) -> None:
    """As the caller chooses; the sentence says how far reading came."""
    path = import_folder / "history.json"
    path.write_bytes(SPOTIFY.read_bytes()[:-100])

    nothing = run(settings, import_folder, "replay", str(path), "--user", "anna")
    partial = answer_of(settings, import_folder, str(path), "--user", "anna", "--partial")

    assert 1 == nothing.returncode
    assert f"{path} cannot be read further: its JSON is damaged, parse error: premature EOF." in nothing.stderr
    assert nothing.stderr.endswith(
        "7 of its rows were read before. Nothing is sent. --partial sends the rows before damage.\n"
    )
    assert 6 == partial["plays"]
    assert 1 == partial["damaged_files"]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["examples/imports/spotify"], "names no listener: name the listener with --user."),
        (["examples/imports/lastfm-csv/without-header.csv", "--user", "a"], "name its zone with --timezone"),
        (["examples/imports/youtube-music-page", "--user", "a"], "fetch the export again with the format JSON"),
        (["examples/python"], "has no file of plays in one of these formats"),
        (["nowhere"], "nowhere does not exist."),
        (["/dev/null"], "/dev/null is a device or a pipe, but a file is needed"),
        (["examples/imports/movielens/u.data", "--format", "spotify"], "has no play that can be sent."),
    ],
)
def test_an_error_is_a_sentence(settings: Settings, import_folder: Path, arguments: list[str], sentence: str) -> None:
    """On stderr, with exit status 1."""
    ended = run(settings, import_folder, "replay", *arguments)

    assert 1 == ended.returncode
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "" == ended.stdout


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["plays.csv", "--user", "ann"], "--user"),
        (["plays.csv", "--partial"], "--partial"),
        (["plays.csv", "--no-catalog"], "--no-catalog"),
        (["examples/imports/movielens/u.data", "--with-requests"], "--with-requests"),
        (["examples/imports/movielens/u.data", "--type-column", "kind"], "the options of columns"),
        (["examples/imports/spotify", "--user", "ann", "--item-column", "song"], "the options of columns"),
    ],
)
def test_an_option_of_the_other_kind_of_file_is_refused(
    settings: Settings, import_folder: Path, arguments: list[str], option: str
) -> None:
    """It would change nothing, and its user would not notice."""
    (import_folder / "plays.csv").write_text("user_id,item_id,played_at\nann,x,1600000000\n")

    ended = run(settings, import_folder, "replay", *arguments)

    assert 2 == ended.returncode
    assert option in " ".join(ended.stderr.replace("│", " ").split())


def test_an_unknown_zone_is_a_sentence(settings: Settings, import_folder: Path) -> None:
    """It names the option."""
    ended = run(settings, import_folder, "replay", "examples/imports/movielens/u.data", "--timezone", "Mars/Olympus")

    assert 2 == ended.returncode
    assert "'Mars/Olympus' is no time zone" in ended.stderr


@pytest.mark.parametrize("user", ["", "a\nb", "x" * 129, "caf\udce9"])
def test_an_id_that_workers_reject_is_a_sentence(settings: Settings, import_folder: Path, user: str) -> None:
    """Before anything is sent: every play would be rejected."""
    ended = run(settings, import_folder, "replay", "examples/imports/spotify", "--user", user)

    assert 2 == ended.returncode
    assert "is no id of 1 to 128 printable characters." in " ".join(ended.stderr.replace("│", " ").split())
