"""The alerts use exported metrics, and each is explained in docs/operations.md."""

import re
from typing import Any

import pytest
import yaml

from tests.ops.exported import OPS, PROJECT, SCRAPED, exported, faults, parse, rules, selectors

RUNBOOK = "docs/operations.md"
BY_NAME = {rule["alert"]: rule for rule in rules()}
alerts = pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))


@alerts
def test_an_alert_asks_for_what_is_exported(rule: dict[str, Any]) -> None:
    """Its expression parses, its metrics and their labels exist, its counters are read as rates."""
    assert [] == faults(rule["expr"])


@alerts
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Its delay, its severity, its meaning and its page; and nothing else."""
    assert {"alert", "expr", "for", "labels", "annotations"} == set(rule)
    assert re.fullmatch(r"[0-9]+[mh]", rule["for"])
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    annotations = rule["annotations"]
    assert {"summary", "description", "runbook_url"} == set(annotations)
    assert f"{RUNBOOK}#{rule['alert'].lower()}" == annotations["runbook_url"]
    assert all(annotations[name].endswith(".") for name in ("summary", "description"))


@alerts
def test_an_alert_names_only_labels_that_its_samples_have(rule: dict[str, Any]) -> None:
    """A label that was summed over would be told as nothing."""
    text = " ".join(rule["annotations"].values())
    named = set(re.findall(r"\$labels\.(\w+)", text))
    known_labels = {name for one in selectors(parse(rule["expr"])) for name in exported()[one.metric]} | SCRAPED

    assert named <= known_labels
    assert not (named and re.match(r"(sum|max|count|min|avg)\b", rule["expr"]))


def test_alerts_have_names_of_their_own() -> None:
    """And groups too, as Prometheus demands."""
    groups = [group["name"] for group in yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]]

    assert len(rules()) == len(BY_NAME)
    assert len(groups) == len(set(groups))


def test_every_alert_has_one_paragraph_and_every_paragraph_an_alert() -> None:
    """In the order of the file, so that both read alike."""
    text = (PROJECT / RUNBOOK).read_text()
    headings = re.findall(r"^### (Playfold\w+)$", text, re.MULTILINE)

    assert [rule["alert"] for rule in rules()] == headings


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_paragraph_says_what_it_means_what_to_look_at_and_what_to_do(name: str) -> None:
    """Each in a line that begins so."""
    text = (PROJECT / RUNBOOK).read_text()
    paragraph = text.partition(f"### {name}\n")[2].partition("\n#")[0]

    assert ["Means", "Look", "Do"] == re.findall(r"^\* \*\*(\w+)\.\*\*", paragraph, re.MULTILINE)


def test_what_is_watched_is_what_an_operator_asked_for() -> None:
    """Lag, generations, the index, rejects, workers, the gateway, disks, slowness and pulses."""
    watched = {one.metric for rule in rules() for one in selectors(parse(rule["expr"]))}

    assert {
        "up",
        "playfold_lag_plays",
        "playfold_generation",
        "playfold_generation_age_seconds",
        "playfold_index_recall_ratio",
        "playfold_index_fallbacks_total",
        "playfold_rejects_total",
        "playfold_gateway_ready",
        "playfold_gateway_requests_total",
        "playfold_partitions_swept",
        "playfold_disk_free_bytes",
        "playfold_play_to_list_seconds_bucket",
        "playfold_pulses_failed_total",
    } <= watched
