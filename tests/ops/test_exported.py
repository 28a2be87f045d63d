"""Faults in expressions are found; the other tests of this folder rely on it."""

import pytest

from tests.ops.exported import exported, faults, parse


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("playfold_lag > 0", "playfold_lag is not exported"),
        ('sum(playfold_partitions{job="a", color="red"})', "playfold_partitions has no label ['color']"),
        ("sum by (outcome) (playfold_events_total)", "playfold_events_total is a counter and is read without a rate"),
        ("sum by (outcome, shade) (rate(playfold_events_total[5m]))", "nothing here has a label ['shade']"),
        ("playfold_partitions unless on (instance, hue) playfold_generation", "nothing here has a label ['hue']"),
        ("deriv(sum(playfold_lost)[5m:1m]) > 0 and up == 1", "playfold_lost is not exported"),
        ("histogram_quantile(0.9, sum(rate(playfold_nothing_bucket[5m])))", "playfold_nothing_bucket is not exported"),
        ("max_over_time(playfold_events_total[5m])", "playfold_events_total is a counter and is read without a rate"),
    ],
)
def test_a_fault_is_found(expression: str, fault: str) -> None:
    """However deep in the expression it stands."""
    assert [fault] == faults(expression)


def test_what_is_no_expression_is_not_parsed() -> None:
    """The parser is the one that Prometheus's grammar was written into."""
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        parse("sum(rate(playfold_events_total[5m])")


def test_the_metrics_of_a_worker_are_collected() -> None:
    """Those of every branch: of a generation, a recall and a scored play, too."""
    assert {
        "playfold_generation",
        "playfold_index_recall_ratio",
        "playfold_hit_ratio",
        "playfold_play_to_list_seconds_bucket",
        "playfold_pulses_failed_total",
        "playfold_partitions_swept",
    } <= set(exported())
    assert {"list", "at", "bound"} == exported()["playfold_hit_ratio"]


def test_the_metrics_of_a_gateway_are_collected() -> None:
    """By the names that its clients were promised."""
    collected = {name: labels for name, labels in exported().items() if not name.endswith("_created")}

    promised: dict[str, set[str]] = {
        "playfold_gateway_requests_total": {"route", "method", "status"},
        "playfold_gateway_request_seconds_bucket": {"route", "le"},
        "playfold_gateway_plays_total": {"outcome"},
        "playfold_gateway_ready": set(),
        "playfold_gateway_view_lag_records": set(),
        "playfold_gateway_streams": set(),
        "playfold_gateway_rate_limited_total": set(),
        "playfold_lag_plays": {"partition"},
        "playfold_rejects_total": set(),
        "playfold_generation_age_seconds": set(),
        "playfold_disk_free_bytes": set(),
        "playfold_disk_size_bytes": set(),
    }
    assert promised == {name: collected.get(name) for name in promised}
