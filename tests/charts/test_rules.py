"""Prometheus' own tools on the rules and queries of helm/prometheus."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.alert_scenarios import SCENARIOS
from charts.rendering import ROOT, require

from dashboards.files import FOLDER
from dashboards.promql import WINDOW
from dashboards.rules import RUNBOOKS
from dashboards.tables.alerts import ALERTS
from dashboards.tables.everything import DASHBOARDS
from dashboards.tables.everything import RULES as RULE_GROUPS

if TYPE_CHECKING:
    from pathlib import Path

    from charts.alert_scenarios import Scenario

RULES = sorted(str(path) for path in (FOLDER / "rules").glob("*.yaml"))
RECORDED_FIRST = [group.name for groups in RULE_GROUPS.values() for group in groups]
PANELS = [panel for table in DASHBOARDS for panel in table.panels]


def _promtool(*arguments: str) -> None:
    done = subprocess.run([require("promtool"), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    """`promtool check rules` finds no error and no duplicate."""
    _promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_promtool_parses_every_query(tmp_path: Path) -> None:
    """Every query of every dashboard is PromQL; its variables select everything."""
    queries = [query.expr.replace(WINDOW, "5m") for panel in PANELS for query in panel.queries]
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(queries)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    _promtool("check", "rules", str(path))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: f"{each.alert}{each.labels.get('window', '')}")
def test_alerts_fire_by_their_cause_and_clear_afterwards(scenario: Scenario, tmp_path: Path) -> None:
    """An alert does not fire before its cause, fires during it with labels and summary, and clears after it."""
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(_rule_test(scenario)))
    _promtool("test", "rules", str(path))


def _rule_test(scenario: Scenario) -> dict[str, Any]:
    """Return the file of `promtool test rules`: samples and evaluations once a step.

    What burns the budget of a short window burns that of the longer ones, too: only the longest is alone.
    """
    test = {
        "interval": f"{scenario.step}m",
        "input_series": [{"series": name, "values": values} for name, values in scenario.series.items()],
        "alert_rule_test": [_expected(scenario)] if scenario.labels.get("window") in {None, "3d"} else [],
        "promql_expr_test": [_firing(scenario, minute, scenario.fires == minute) for minute in _minutes(scenario)],
    }
    head = {"rule_files": RULES, "evaluation_interval": f"{scenario.step}m", "group_eval_order": RECORDED_FIRST}
    return {**head, "tests": [test]}


def _minutes(scenario: Scenario) -> tuple[int, int, int]:
    return 0, scenario.fires, scenario.clears


def _expected(scenario: Scenario) -> dict[str, Any]:
    (runbook,) = {alert.runbook for alert in ALERTS if alert.name == scenario.alert}
    annotations = {"summary": scenario.summary, "runbook_url": f"{RUNBOOKS}#{runbook}"}
    labels = {"severity": scenario.severity.value, **scenario.labels}
    alerts = [{"exp_labels": labels, "exp_annotations": annotations}]
    return {"eval_time": f"{scenario.fires}m", "alertname": scenario.alert, "exp_alerts": alerts}


def _firing(scenario: Scenario, minute: int, expected: bool) -> dict[str, Any]:
    labels = {"alertname": scenario.alert, "alertstate": "firing", "severity": scenario.severity.value}
    matchers = ",".join(f'{key}="{value}"' for key, value in (labels | scenario.labels).items())
    expr = f"count(ALERTS{{{matchers}}}) or vector(0)"
    return {"expr": expr, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": int(expected)}]}


def test_every_alert_has_a_scenario() -> None:
    """Each alert, window and severity is caused by a scenario."""
    caused = {(each.alert, each.severity, each.labels.get("window", "")) for each in SCENARIOS}
    assert {(alert.name, alert.severity, alert.window) for alert in ALERTS} == caused
