"""`spanloom score`: the rules of the OpenTelemetry Instrumentation Score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spanloom.traces.model import Span
from spanloom_operator.score.rules import RULES
from spanloom_operator.score.scoring import score
from spanloom_operator.score.telemetry import Metric, Service

MS = 1_000_000
RESOURCE = {"service.name": "shop", "service.instance.id": "one", "k8s.pod.name": "shop-1", "k8s.pod.uid": "1"}
SERVER = Span("1" * 32, "1" * 16, None, "GET /", "SERVER", "shop", 0, 9 * MS, resource=RESOURCE)
CLIENT = replace(SERVER, span_id="2" * 16, parent_id="1" * 16, name="GET", kind="CLIENT")
INTERNAL = replace(CLIENT, kind="INTERNAL")
DURATION = Metric("http.server.request.duration", "s", frozenset({(1.0,)}), {"http.route": frozenset({"/"})})
BROKEN: dict[str, dict[str, Any]] = {
    "RES-005": {"name": ""},
    "RES-001": {"resources": [{**RESOURCE, "service.instance.id": ""}]},
    "RES-002": {"resources": [RESOURCE, {**RESOURCE, "k8s.pod.name": "shop-2"}]},
    "RES-003": {"resources": [{**RESOURCE, "k8s.pod.uid": ""}]},
    "RES-004": {"spans": [replace(SERVER, attributes={"service.name": "shop"})]},
    "SPA-001": {"spans": [SERVER, *(replace(INTERNAL, span_id=f"{number:016}") for number in range(11))]},
    "SPA-002": {"spans": [CLIENT]},
    "SPA-004": {"spans": [replace(CLIENT, parent_id=None)]},
    "SPA-005": {"spans": [SERVER, *(replace(CLIENT, span_id=f"{number:016}", end_ns=MS) for number in range(21))]},
    "MET-001": {"metrics": [DURATION._replace(values={"user": frozenset(map(str, range(10_000)))})]},
    "MET-002": {"metrics": [DURATION._replace(unit="")]},
    "MET-003": {"metrics": [DURATION, DURATION._replace(unit="ms")]},
    "MET-004": {"metrics": [DURATION, DURATION._replace(bounds=frozenset({(2.0,)}))]},
    "MET-005": {"metrics": [DURATION._replace(name="queue.wait.seconds")]},
    "MET-006": {"metrics": [DURATION._replace(name="service.name")]},
    "LOG-002": {"severities": [9, 0]},
}


def service(**parts: Any) -> Service:
    """Return a service that keeps every rule, but for these parts."""
    kept = {
        "name": "shop",
        "resources": [RESOURCE],
        "spans": [SERVER, CLIENT],
        "metrics": [DURATION],
        "severities": [9],
    }
    return Service(**{**kept, **parts})


def ids(found: Service) -> set[tuple[str, str]]:
    return {(span.trace_id, span.span_id) for span in found.spans}


def test_a_service_that_keeps_every_rule_has_100() -> None:
    """All rules apply to it."""
    found = score(service(), ids(service()))
    assert (100, "Excellent", len(RULES), ()) == (found.value, found.category, found.rules, found.findings)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_costs_its_weight(name: str) -> None:
    """It alone is found, with what breaks it."""
    broken = service(**BROKEN[name])
    found = score(broken, ids(broken))
    [rule] = [rule for rule in RULES if rule.name == name]
    total = sum(each.impact for each in RULES)
    assert ([rule], True) == ([finding.rule for finding in found.findings], all(f.reason for f in found.findings))
    assert 100 * (total - rule.impact) / total == found.value


def test_every_rule_is_broken_in_the_table() -> None:
    """A new rule gets a row."""
    assert {rule.name for rule in RULES} == set(BROKEN)


def test_rules_of_what_is_not_sent_do_not_apply() -> None:
    """A service without metrics and logs is rated by its resources and spans."""
    found = score(service(metrics=[], severities=[]), ids(service()))
    assert (100, {"resources", "spans"}) == (
        found.value,
        {rule.parts for rule in RULES} - {"metrics", "severities"},
    )
    assert sum(rule.parts in {"resources", "spans"} for rule in RULES) == found.rules


def test_a_parent_may_be_another_services() -> None:
    """A span is an orphan when no service has its parent."""
    found = service(spans=[CLIENT])
    assert 100 == score(found, ids(service())).value


@pytest.mark.parametrize(("value", "category"), [
    (100, "Excellent"), (90, "Excellent"), (89.9, "Good"), (75, "Good"), (74, "Needs Improvement"), (0, "Poor"),
])  # fmt: skip
def test_categories_are_those_of_the_specification(value: float, category: str) -> None:
    """90, 75 and 50 are the least scores of the better three."""
    assert category == score(service(), ids(service()))._replace(value=value).category
