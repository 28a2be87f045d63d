"""The dashboard draws exported metrics, and Grafana finds all of its parts."""

from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.ops.exported import OPS, SCRAPED, dashboard, exported, faults, legend_labels, parse, selectors

WIDTH = 24
PANELS = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
panels = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
targets = pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=[title for title, _ in TARGETS])


def provisioned(part: str, name: str) -> Any:
    """Return a file of Grafana's provisioning."""
    return yaml.safe_load((OPS / "grafana" / "provisioning" / part / name).read_text())


@targets
def test_a_panel_draws_what_is_exported(target: dict[str, Any]) -> None:
    """Its expression parses, its metrics and their labels exist, its counters are read as rates."""
    assert [] == faults(target["expr"])


@targets
def test_a_legend_names_labels_that_its_samples_have(target: dict[str, Any]) -> None:
    """Grafana would write nothing for another one."""
    known_labels = {name for one in selectors(parse(target["expr"])) for name in exported()[one.metric]} | SCRAPED

    assert target["legendFormat"]
    assert legend_labels(target["legendFormat"]) <= known_labels


@panels
def test_a_panel_is_whole(panel: dict[str, Any]) -> None:
    """A kind that Grafana carries, a title, a sentence, a unit, queries with names of their own."""
    assert panel["type"] in {"timeseries", "stat"}
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    names = [target["refId"] for target in panel["targets"]]
    assert names
    assert len(names) == len(set(names))


@panels
def test_a_panel_asks_the_datasource_that_is_provisioned(panel: dict[str, Any]) -> None:
    """By its uid, which a name would not survive."""
    [source] = provisioned("datasources", "prometheus.yml")["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}

    assert wanted == panel["datasource"]
    assert all(wanted == target["datasource"] for target in panel["targets"])


@panels
def test_what_is_coloured_is_drawn(panel: dict[str, Any]) -> None:
    """An override goes by the legend of a query of the same panel; so does the bound of a band."""
    legends = {target["legendFormat"] for target in panel["targets"]}
    overrides = panel["fieldConfig"]["overrides"]
    named = {override["matcher"]["options"] for override in overrides}
    bounds = {
        one["value"] for override in overrides for one in override["properties"] if one["id"] == "custom.fillBelowTo"
    }

    assert named | bounds <= legends


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    """Rows included; all stand within the 24 columns of Grafana's grid."""
    panels = dashboard()["panels"]
    places = [(panel["gridPos"], panel["title"]) for panel in panels]

    assert len(panels) == len({panel["id"] for panel in panels})
    assert all(place["x"] + place["w"] <= WIDTH for place, _ in places)
    assert [] == [(a, b) for (one, a), (two, b) in combinations(places, 2) if overlap(one, two)]


def overlap(one: dict[str, int], two: dict[str, int]) -> bool:
    """Tell whether two rectangles share any ground."""
    beside = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
    above = one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]
    return not (beside or above)


def test_the_dashboard_has_what_an_operator_looks_for() -> None:
    """The metrics of every part."""
    drawn = {one.metric for _, target in TARGETS for one in selectors(parse(target["expr"]))}

    assert {
        "playfold_events_total",
        "playfold_lag_plays",
        "playfold_play_to_list_seconds_bucket",
        "playfold_hit_ratio",
        "playfold_generation",
        "playfold_generation_age_seconds",
        "playfold_partitions",
        "playfold_rejects_total",
        "playfold_index_recall_ratio",
        "playfold_gateway_requests_total",
        "playfold_gateway_request_seconds_bucket",
        "playfold_disk_free_bytes",
    } <= drawn


def test_the_dashboard_is_what_its_folder_provides() -> None:
    """A uid, since links go by it; nothing that was exported from somebody's Grafana."""
    [provider] = provisioned("dashboards", "playfold.yml")["providers"]
    document = dashboard()

    assert "playfold" == document["uid"]
    assert "playfold" == document["title"]
    assert not {"__inputs", "__requires", "id"} & set(document)
    assert ["playfold.json"] == [path.name for path in (OPS / "grafana" / "dashboards").iterdir()]
    assert "file" == provider["type"]
    assert provider["options"]["path"].startswith("/")
