"""Every alert fires on the samples of its fault and on no others, evaluated by Prometheus's own promtool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ops.alert_series import CASES, HEALTHY, HOURS, Case, changed
from tests.ops.exported import OPS, exported, parse, rules, selectors

pytestmark = pytest.mark.processes
PROMTOOL_S = 60.0
CONSTANT = re.compile(rf"([0-9.]+){HOURS}")


def group(name: str, series: dict[str, str], expected: dict[str, list[tuple[int, int]]]) -> dict[str, Any]:
    """Return a test of promtool: how many alerts of a name fire after so many minutes."""
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{{matcher}, alertstate="firing"}}) > bool 0 or vector(0)',
                "eval_time": f"{minutes}m",
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for matcher, moments in expected.items()
            for minutes, count in moments
        ],
    }


def promtool(tmp_path: Path, *groups: dict[str, Any]) -> str:
    """Evaluate tests by promtool; return its complaints, empty if all of them pass."""
    document = {"rule_files": [str(OPS / "alerts.yml")], "evaluation_interval": "1m", "tests": list(groups)}
    path = tmp_path / "series.yml"
    path.write_text(yaml.safe_dump(document))
    ended = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=PROMTOOL_S
    )
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def case_of(case: Case) -> dict[str, Any]:
    """Return the test of a case: its alert does not fire too early, and then it does."""
    moments = [(case.quiet_m, 0), (case.firing_m, 1)]
    return group(case.alert, changed(case.changes), {f'alertname="{case.alert}"': moments})


def test_a_healthy_system_fires_no_alert(tmp_path: Path) -> None:
    """For eight hours."""
    moments = [(minutes, 0) for minutes in range(0, 481, 30)]

    assert "" == promtool(tmp_path, group("healthy", HEALTHY, {'alertname=~".+"': moments}))


def test_every_alert_fires_on_its_fault_after_its_time(tmp_path: Path) -> None:
    """It waits as long as its `for` says."""
    assert "" == promtool(tmp_path, *map(case_of, CASES))


def test_failed_scrapes_do_not_hold_an_alert_up(tmp_path: Path) -> None:
    """Every fourth scrape of the faulty series fails, as on a machine with too much to do."""
    constant = [case for case in CASES if all(CONSTANT.fullmatch(samples) for samples in case.changes.values())]
    failing = [
        case._replace(
            changes={name: CONSTANT.sub(r"\1x2 stale ", samples) * 100 for name, samples in case.changes.items()}
        )
        for case in constant
        if not any(name.startswith("up") for name in case.changes)
    ]

    assert "" == promtool(tmp_path, *map(case_of, failing))


def test_every_alert_has_a_case() -> None:
    """A new alert without one fails here."""
    assert {rule["alert"] for rule in rules()} == {case.alert for case in CASES}


def test_every_series_is_exported() -> None:
    """The samples are of metrics and labels that playfold has."""
    used = [
        one
        for name in {**HEALTHY, **{key: "" for case in CASES for key in case.changes if key.endswith("}")}}
        for one in selectors(parse(name))
    ]

    assert [] == [one.metric for one in used if not one.labels <= exported()[one.metric] | {"job", "instance"}]


def test_promtool_finds_an_alert_that_stays_quiet(tmp_path: Path) -> None:
    """So a pass means something."""
    healthy = CASES[0]._replace(changes={})

    assert "FAILED" in promtool(tmp_path, case_of(healthy))
