"""The page's own scripts and the vendored ones, checked without a browser."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parent.parent.parent / "web"
STATIC = WEB / "static"
VENDORED = STATIC / "vendor" / "uplot"
SCRIPTS = sorted(STATIC.glob("*.js"))


def node(program: str, *arguments: str) -> str:
    """Run a program in node as a module, and return its output."""
    command = ["node", "--input-type=module", "--eval", program, "--", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay the scripts where node, old or new, takes them for modules, as browsers do."""
    folder = tmp_path_factory.mktemp("modules")
    shutil.copytree(STATIC, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def said(module: Path, expression: str) -> Any:
    """Return the value of an expression in which `m` is one of our modules without a DOM."""
    program = f"const m = await import({json.dumps(module.as_uri())}); console.log(JSON.stringify({expression}))"
    return json.loads(node(program))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_whole(script: Path, tmp_path: Path) -> None:
    """Node can read each of them as a module."""
    module = tmp_path / f"{script.stem}.mjs"
    module.write_bytes(script.read_bytes())
    ended = subprocess.run(["node", "--check", module], capture_output=True, text=True, check=False, timeout=60)

    assert 0 == ended.returncode, ended.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_functions_and_classes_are_documented(script: Path) -> None:
    """A comment of JSDoc stands before each, and at the head of the file."""
    text = script.read_text()
    undocumented = re.findall(r"(?<!\*/\n)^(?:export )?(?:async )?(?:function|class) (\w+)", text, re.MULTILINE)

    assert text.startswith("/**\n")
    assert [] == undocumented


@pytest.mark.parametrize("file", [*SCRIPTS, *sorted((WEB / "templates").iterdir())], ids=lambda file: file.name)
def test_no_markup_is_made_of_text(file: Path) -> None:
    """Nothing parses a string as markup or as code, and no template turns Jinja's escaping off or goes elsewhere."""
    parsing = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    forbidden = rf"{parsing}|\| *safe|style=|\son\w+=|//\w+\.\w+"

    assert [] == re.findall(forbidden, file.read_text().replace("http://www.w3.org/2000/svg", ""))


def test_what_is_vendored_is_what_was_published() -> None:
    """Each file has the checksum that VENDORED.md tells, and there is no other."""
    published = dict(
        re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", (VENDORED / "VENDORED.md").read_text(), re.MULTILINE)
    )
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "VENDORED.md"
    }

    assert {"LICENSE", "uPlot.esm.js", "uPlot.min.css"} == set(published)
    assert published == digests


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[0.314, 1, 0.004, -0.12, -0.001].map(m.shareWords)", ["31 %", "100 %", "<1 %", "\u221212 %", "\u2212<1 %"]),
        ("[m.nameOf({ item_id: 'a', title: 'A' }), m.nameOf({ item_id: 'a', title: null })]", ["A", "a"]),
        ("[[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(m.joined)", ["", "a", "a and b", "a, b and c"]),
        (
            "[null, 0.42, 12.34, 999.6, 9940, 12000, 120000].map(m.durationWords)",
            ["\u2013", "0.4 ms", "12 ms", "1.0 s", "9.9 s", "12 s", "2 min"],
        ),
        (
            "[-5, 3000, 240000, 3 * 3600000, 72 * 3600000].map(m.agoWords)",
            ["just now", "3 s ago", "4 min ago", "3 h ago", "3 days ago"],
        ),
        ("[null, 0, 1605, 100.46, 3.25].map(m.numberWords)", ["\u2013", "0", "1,605", "100", "3.3"]),
        ("[m.rateWords(null), m.rateWords(0.183)]", ["\u2013", "18.3 %"]),
        ("m.intervalWords({ value: 0.183, low: 0.1749, high: 0.192 })", "18.3 % (17.5 to 19.2)"),
        ("[m.intervalWords(null), m.bandWords(null, null)]", ["\u2013", ""]),
        ("[m.runWords([]), m.runWords([7, 2, 0, 1, 3]), m.runWords([5])]", ["", "0\u20133, 7", "5"]),
        ("[m.clockWords(new Date(2026, 0, 1, 3, 4, 5)), m.clockWords(new Date(2026, 0, 1, 3, 4, 5), false)]",
         ["03:04:05", "03:04"]),
        ("m.visitorId(new Uint8Array([0, 1, 30, 255]))", "visitor-232h"),
    ],
)  # fmt: skip
def test_words(modules: Path, expression: str, expected: object) -> None:
    """Names, shares, times and numbers as the page writes them."""
    assert expected == said(modules / "words.js", expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m.movement({ rank: 2, before: null }, false)", {"kind": "new", "words": "new"}),
        ("m.movement({ rank: 2, before: 4 }, false)", {"kind": "up", "words": "up 2"}),
        ("m.movement({ rank: 3, before: 2 }, false)", {"kind": "down", "words": "down 1"}),
        ("m.movement({ rank: 3, before: 3 }, false)", {"kind": "same", "words": "as before"}),
        ("m.movement({ rank: 3, before: null }, true)", {"kind": "none", "words": ""}),
        (
            "m.reasons([{ share: 0.1 }, { share: -0.5 }, { share: 0.3 }])",
            {"supporting": [{"share": 0.3}, {"share": 0.1}], "opposing": [{"share": -0.5}]},
        ),
    ],
)
def test_changes(modules: Path, expression: str, expected: object) -> None:
    """How an entry moved, and which reasons speak for and against it, the weightiest first."""
    assert expected == said(modules / "changes.js", expression)


LIST = """{ user_id: "711", took_ms: 12.3, first: false, plays: 5,
  entries: [{ rank: 1, before: 2 }, { rank: 2, before: 1 }, { rank: 3, before: null }, { rank: 4, before: null }],
  left: [{ item_id: "a", title: "A", rank_before: 3 }, { item_id: "b", title: null, rank_before: 9 }] }"""


@pytest.mark.parametrize(
    ("change", "shown", "expected"),
    [
        ("{}", 3, "You played X. The list changed after 12 ms: 1 new, 1 up, 1 down; A left."),
        ("{}", 10, "You played X. The list changed after 12 ms: 2 new, 1 up, 1 down; A and b left."),
        ("{ took_ms: null, left: [] }", 2, "You played X. The list changed: 1 up, 1 down."),
        ("{ first: true }", 10, "You played X. The first list arrived after 12 ms."),
        (
            "{ entries: [], left: [] }",
            10,
            "You played X. The list changed after 12 ms: the same items, with new scores.",
        ),
        (
            "{ entries: [], left: [1, 2, 3, 4].map((rank) => ({ item_id: 'a', rank_before: rank })) }",
            10,
            "You played X. The list changed after 12 ms: 4 items left.",
        ),
    ],
)
def test_a_change_is_told_in_a_sentence(modules: Path, change: str, shown: int, expected: str) -> None:
    """Of the entries that are shown, and no others."""
    assert expected == said(modules / "changes.js", f"m.changeSentence('X', {{ ...{LIST}, ...{change} }}, {shown})")


@pytest.mark.parametrize(
    ("listed", "press", "expected"),
    [
        ("{ partition: 0, offset: 17 }", "{ partition: 0, offset: 17 }", True),
        ("{ partition: 0, offset: 16 }", "{ partition: 0, offset: 17 }", False),
        ("{ partition: 1, offset: 99 }", "{ partition: 0, offset: 17 }", False),
        ("{ partition: 0, offset: 17 }", "{ partition: null, offset: null }", False),
        ("{ plays: 5 }", "{ playsBefore: 4 }", True),
        ("{ plays: 4 }", "{ playsBefore: 4 }", False),
    ],
)
def test_a_list_reflects_a_play_by_its_offset(modules: Path, listed: str, press: str, expected: bool) -> None:  # noqa: FBT001
    """Where the list tells no offset, one play more of its listener counts."""
    assert expected == said(modules / "changes.js", f"m.reflects({listed}, {press})")


def test_a_list_after_a_lost_connection_is_compared_with_what_is_shown(modules: Path) -> None:
    """The gateway knows nothing of the stream before; the page still stands there."""
    shown = """{ user_id: "711", made_at_ms: 1, first: false, left: [], entries: [
      { item_id: "a", title: "A", rank: 1, before: 1 }, { item_id: "b", title: "B", rank: 2, before: 3 }] }"""
    later = """{ user_id: "711", made_at_ms: 2, first: true, left: [], entries: [
      { item_id: "b", rank: 1, before: null }, { item_id: "c", rank: 2, before: null }] }"""
    same, another, of_another, alone = said(
        modules / "changes.js",
        f"""(() => {{ const shown = {shown}, later = {later}; return [
          m.comparedWith({{ ...shown, first: true }}, shown).entries[1].before, m.comparedWith(later, shown),
          m.comparedWith({{ ...later, user_id: "8" }}, shown).first, m.comparedWith(later, null).first ]; }})()""",
    )

    assert 3 == same
    assert [2, None] == [entry["before"] for entry in another["entries"]]
    assert [{"item_id": "a", "title": "A", "rank_before": 1}] == another["left"]
    assert [False, True, True] == [another["first"], of_another, alone]


def test_figures_of_ten_minutes_are_kept(modules: Path) -> None:
    """A history is replaced as a whole, seconds are appended once, and entries older than ten minutes are dropped."""
    lengths = said(
        modules / "frames.js",
        """(() => {
          const frames = new m.Frames();
          const empty = [frames.span(), frames.has("lag")];
          frames.replace({ at_ms: [0, 1000, 2000], lag: [1, 2, 3], own: [null, 0.1, 0.2] });
          const second = { at_ms: 601500, lag: 0, own: { value: 0.3, low: 0.2, high: 0.4 } };
          frames.push(second);
          frames.push(second);
          const { lag, own, own_high: high, p50_ms: p50 } = frames.columns;
          return { empty, at: frames.atS, lag, own, high, p50, span: frames.span(), none: frames.has("p50_ms"),
            zero: [frames.has("lag"), frames.has("lag", true)] };
        })()""",
    )

    assert {
        "empty": [[0, 60], False], "at": [2, 601.5], "lag": [3, 0], "own": [0.2, 0.3], "high": [None, 0.4],
        "p50": [None, None], "span": [2, 601.5], "none": False, "zero": [True, True],
    } == lengths  # fmt: skip
