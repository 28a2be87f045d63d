"""Series of samples on which alerts are evaluated: those of a healthy system, and the changes by which alerts fire."""

from typing import NamedTuple

WORKER, GATEWAY = 'job="playfold-worker", instance="w1"', 'job="playfold-gateway", instance="g1"'
HOURS = "x480"
"""Samples of eight hours, one a minute, in the notation of promtool: `1+2x480` begins with 1 and grows by 2."""

HEALTHY = {
    f"up{{{WORKER}}}": f"1{HOURS}",
    f"up{{{GATEWAY}}}": f"1{HOURS}",
    f"playfold_partitions{{{WORKER}}}": f"2{HOURS}",
    f"playfold_partitions_swept{{{WORKER}}}": f"2{HOURS}",
    f"playfold_partitions_republishing{{{WORKER}}}": f"0{HOURS}",
    f'playfold_generation{{{WORKER}, generation="a"}}': f"1{HOURS}",
    f"playfold_generation_age_seconds{{{WORKER}}}": f"3600+60{HOURS}",
    f'playfold_lag_plays{{{GATEWAY}, partition="0"}}': f"900{HOURS}",
    f'playfold_lag_plays{{{GATEWAY}, partition="1"}}': f"0{HOURS}",
    f"playfold_pulses_failed_total{{{WORKER}}}": f"3{HOURS}",
    f"playfold_rejects_total{{{GATEWAY}}}": f"0+1{HOURS}",
    f'playfold_events_total{{{WORKER}, outcome="learnt"}}': f"0+600{HOURS}",
    f'playfold_plays_lost{{{WORKER}, partition="0"}}': f"0{HOURS}",
    f'playfold_events_total{{{WORKER}, outcome="unreadable"}}': f"0{HOURS}",
    f'playfold_uncommitted_plays{{{WORKER}, partition="0"}}': f"0{HOURS}",
    f'playfold_last_stable_offset{{{WORKER}, partition="0"}}': f"1000{HOURS}",
    f'playfold_events_total{{{WORKER}, outcome="capped"}}': f"0+6{HOURS}",
    f"playfold_records_misplaced_total{{{WORKER}}}": f"0{HOURS}",
    f"playfold_index_recall_ratio{{{WORKER}}}": f"0.97{HOURS}",
    f"playfold_index_fallbacks_total{{{WORKER}}}": f"0{HOURS}",
    f"playfold_gateway_ready{{{GATEWAY}}}": f"1{HOURS}",
    f"playfold_gateway_unreadable_partitions{{{GATEWAY}}}": f"0{HOURS}",
    f"playfold_gateway_view_lag_records{{{GATEWAY}}}": f"30{HOURS}",
    f'playfold_gateway_requests_total{{{GATEWAY}, status="200"}}': f"0+6000{HOURS}",
    f'playfold_gateway_requests_total{{{GATEWAY}, status="500"}}': f"0+1{HOURS}",
    f'playfold_gateway_requests_total{{{GATEWAY}, status="503"}}': f"0+1{HOURS}",
    f'playfold_gateway_plays_total{{{GATEWAY}, outcome="failed"}}': f"0{HOURS}",
    f"playfold_disk_free_bytes{{{WORKER}}}": f"50{HOURS}",
    f"playfold_disk_size_bytes{{{WORKER}}}": f"100{HOURS}",
    f'playfold_play_to_list_seconds_bucket{{{WORKER}, le="1"}}': f"0+600{HOURS}",
    f'playfold_play_to_list_seconds_bucket{{{WORKER}, le="5"}}': f"0+600{HOURS}",
    f'playfold_play_to_list_seconds_bucket{{{WORKER}, le="+Inf"}}': f"0+600{HOURS}",
    f'playfold_hit_ratio{{{WORKER}, list="own", at="10", bound="high"}}': f"0.3{HOURS}",
    f'playfold_hit_ratio{{{WORKER}, list="popular", at="10", bound="low"}}': f"0.1{HOURS}",
}
"""The samples of a worker of two partitions and of a gateway."""


class Case(NamedTuple):
    """Series on which an alert fires."""

    alert: str
    changes: dict[str, str]
    """Other samples than the healthy ones, by the beginning of a series' name."""
    quiet_m: int
    """Minutes after which it does not fire yet."""
    firing_m: int
    """Minutes after which it fires."""


CASES = [
    Case("PlayfoldWorkerDown", {f"up{{{WORKER}": f"1x9 0{HOURS}"}, 11, 13),
    Case("PlayfoldNoWorker", {f"up{{{WORKER}": f"1x9 0{HOURS}"}, 11, 13),
    Case("PlayfoldNoWorker", {f"up{{{WORKER}": "1x9"}, 11, 20),  # Prometheus does not know the worker any more
    Case("PlayfoldPartitionUnowned", {"playfold_partitions{": f"2x9 1{HOURS}"}, 14, 16),
    Case("PlayfoldSweepUnfinished", {"playfold_partitions_swept": f"1{HOURS}"}, 59, 61),
    Case("PlayfoldListsMissing", {"playfold_partitions_republishing": f"1{HOURS}"}, 29, 31),
    Case("PlayfoldPulsesFailing", {"playfold_pulses_failed_total": f"0+1{HOURS}"}, 5, 20),
    Case("PlayfoldLagHigh", {"playfold_lag_plays": f"60000{HOURS}"}, 4, 6),
    Case("PlayfoldLagGrowing", {"playfold_lag_plays": f"600+10{HOURS}"}, 14, 40),
    Case(
        "PlayfoldPlayToListSlow",
        {'playfold_play_to_list_seconds_bucket{job="playfold-worker", instance="w1", le="1"': f"0+300{HOURS}"},
        9,
        13,
    ),
    Case("PlayfoldRejectsHigh", {"playfold_rejects_total": f"0+60{HOURS}"}, 9, 13),
    Case(
        "PlayfoldRejectsHigh", {"playfold_rejects_total": f"0+60{HOURS}", "playfold_events_total": f"0{HOURS}"}, 9, 13
    ),
    Case("PlayfoldPlaysLost", {"playfold_plays_lost": f"60{HOURS}"}, 0, 2),
    Case(
        "PlayfoldBatchUnreadable", {f'playfold_events_total{{{WORKER}, outcome="unreadable"': f"0x9 500{HOURS}"}, 9, 12
    ),
    Case("PlayfoldTransactionOpen", {"playfold_uncommitted_plays": f"40{HOURS}"}, 4, 11),
    Case("PlayfoldEventsMisplaced", {"playfold_records_misplaced_total": f"0+60{HOURS}"}, 10, 13),
    Case(
        "PlayfoldEventsCapped",
        {'playfold_events_total{job="playfold-worker", instance="w1", outcome="capped"': f"0+120{HOURS}"},
        29,
        33,
    ),
    Case("PlayfoldNoGeneration", {"playfold_generation{": "1x9"}, 40, 46),
    Case("PlayfoldGenerationOld", {"playfold_generation_age_seconds": f"129000+60{HOURS}"}, 19, 25),
    Case(
        "PlayfoldGenerationsDiffer",
        {'playfold_generation{job="playfold-worker", instance="w1", generation="b"}': f"1{HOURS}"},
        14,
        16,
    ),
    Case(
        "PlayfoldListsWorseThanPopular",
        {'playfold_hit_ratio{job="playfold-worker", instance="w1", list="own"': f"0.05{HOURS}"},
        59,
        61,
    ),
    Case("PlayfoldIndexRecallLow", {"playfold_index_recall_ratio": f"0.8{HOURS}"}, 9, 11),
    Case("PlayfoldIndexFallback", {"playfold_index_fallbacks_total": f"0x9 1{HOURS}"}, 9, 12),
    Case("PlayfoldGatewayDown", {f"up{{{GATEWAY}": f"0{HOURS}"}, 1, 3),
    Case("PlayfoldGatewayDown", {f"up{{{GATEWAY}": "1x9"}, 11, 20),
    Case("PlayfoldGatewayNotReady", {"playfold_gateway_ready": f"0{HOURS}"}, 4, 6),
    Case("PlayfoldGatewayBehind", {"playfold_gateway_view_lag_records": f"10001{HOURS}"}, 9, 11),
    Case("PlayfoldGatewayErrors", {f'playfold_gateway_requests_total{{{GATEWAY}, status="500"': f"0+100{HOURS}"}, 4, 8),
    Case("PlayfoldGatewayBusy", {f'playfold_gateway_requests_total{{{GATEWAY}, status="503"': f"0+100{HOURS}"}, 4, 8),
    Case("PlayfoldGatewayPlaysFailing", {"playfold_gateway_plays_total": f"0+1{HOURS}"}, 4, 8),
    Case("PlayfoldGatewayTopicUnreadable", {"playfold_gateway_unreadable_partitions": f"1{HOURS}"}, 0, 2),
    Case("PlayfoldDiskLow", {"playfold_disk_free_bytes": f"9{HOURS}"}, 9, 11),
    Case("PlayfoldDiskFilling", {"playfold_disk_free_bytes": f"29-0.05{HOURS}"}, 29, 40),
]


def changed(changes: dict[str, str]) -> dict[str, str]:
    """Return the healthy series with other samples; a series that no name begins with is added.

    >>> changed({"playfold_gateway_ready": "0x9"})['playfold_gateway_ready{job="playfold-gateway", instance="g1"}']
    '0x9'
    """
    series = dict(HEALTHY)
    for beginning, samples in changes.items():
        names = [name for name in series if name.startswith(beginning)] or [beginning]
        series |= dict.fromkeys(names, samples)
    return series
