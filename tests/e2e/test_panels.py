"""Every query of the dashboards and rules has data in the Prometheus of a release under load."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from support.cluster.jaeger import query as jaeger_query
from support.cluster.prometheus import exemplar_traces, metrics_of, query, samples
from support.cluster.victoria_logs import records_of_trace
from support.paths import ROOT
from support.polling import poll_until

from dashboards.promql import WINDOW
from dashboards.tables.alerts import ABSENT_UNTIL, ALERTS
from dashboards.tables.everything import DASHBOARDS, RULES
from spanloom.testing import from_jaeger, group
from spanloom_local.journey import send_journey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.cluster.helm_release import Release

    from dashboards.model import Query
    from spanloom.testing import Trace

pytestmark = pytest.mark.timeout(600)

FUNCTION = "code.function.name"
MAX_DECORATORS = 4
LABEL = re.compile(r"\{\{(\w+)\}\}")
VARIABLE = re.compile(r"\$\w+")
LOAD_SECONDS = 300
"""Services export metrics once a minute, and a rate needs two exports."""
QUERIES = {
    f"{table.uid}: {panel.title}: {query.legend}": query
    for table in DASHBOARDS
    for panel in table.panels
    for query in panel.queries
    if not query.empty_until
}
RULE_NAMES = [rule.name for groups in RULES.values() for group in groups for rule in group.rules]
RECORDED = [name for name in RULE_NAMES if ":" in name]


def concrete(query: Query) -> str:
    """Return the expression for a window of five minutes, with every value of every variable."""
    return VARIABLE.sub(".*", query.expr.replace(WINDOW, "5m"))


def without_data(prometheus: str) -> list[str]:
    return [name for name, query in QUERIES.items() if not samples(prometheus, concrete(query))]


@pytest.fixture(scope="module")
def prometheus(release: Release) -> Iterator[str]:
    """Send requests until every panel has data, or for five minutes; yield the URL of Prometheus."""
    with release.reach("users-api", 8000) as edge, release.reach("prometheus", 9090) as url:
        loaded = partial(_has_data_after_load, edge, url)
        try:
            poll_until(loaded, "every panel has data", LOAD_SECONDS)
        except TimeoutError:
            assert [] == without_data(url)
        yield url


def _has_data_after_load(edge: str, prometheus: str) -> bool:
    list(send_journey(edge))
    return all(samples(prometheus, concrete(query)) for query in QUERIES.values())


def test_every_panel_has_data(prometheus: str) -> None:
    """Under load, no panel of any dashboard is empty, but for those that the table lists with what they wait for."""
    assert [] == without_data(prometheus)


def test_legends_name_labels_of_their_series(prometheus: str) -> None:
    """Every label of a legend is one that a series of the panel has; the 0 of what never happened has none."""
    found = {name: labels_of(samples(prometheus, concrete(each))) for name, each in QUERIES.items()}
    missing = {name: set(LABEL.findall(each.legend)) - found[name] for name, each in QUERIES.items() if found[name]}
    assert {} == {name: labels for name, labels in missing.items() if labels}


def labels_of(series: list[dict[str, Any]]) -> set[str]:
    """Return the names of the labels of all series."""
    return {label for each in series for label in each["metric"]}


def test_recording_rules_have_data(prometheus: str) -> None:
    """Every recording rule has recorded something."""
    assert [] == [name for name in RECORDED if not samples(prometheus, name)]


def test_rules_are_evaluated_without_an_error(prometheus: str) -> None:
    """Prometheus evaluates every rule of the table, and none with an error."""
    rules = [rule for group in query(prometheus, "rules")["groups"] for rule in group["rules"]]
    assert sorted(RULE_NAMES) == sorted(rule["name"] for rule in rules)
    assert [] == [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"]


def test_alerts_use_metrics_that_exist(prometheus: str) -> None:
    """Every metric of an alert has series, but for those that the table lists with what they wait for."""
    used = set().union(*(metrics_of(prometheus, alert.expr) for alert in ALERTS))
    assert ABSENT_UNTIL.keys() <= used
    assert [] == [name for name in sorted(used - ABSENT_UNTIL.keys()) if not samples(prometheus, name)]


def test_exemplars_lead_to_traces(release: Release, prometheus: str) -> None:
    """Each chart with exemplars has some, and Jaeger has a trace of them."""
    charts = {name: each for name, each in QUERIES.items() if each.exemplars}
    found = {name: exemplar_traces(prometheus, concrete(each)) for name, each in charts.items()}
    assert [] == [name for name, traces in found.items() if not traces]
    with release.reach("jaeger", 16686) as jaeger:
        assert [] == [name for name, traces in found.items() if not any(map(partial(trace_of, jaeger), traces))]


def test_an_alert_leads_to_the_line_of_code(release: Release, prometheus: str) -> None:
    """From an alert's series to an exemplar, its trace, the log records of each of its services, and the function."""
    (alert,) = (alert for alert in ALERTS if alert.name == "HighRequestLatency")
    with release.reach("jaeger", 16686) as jaeger, release.reach("victoria-logs", 9428) as logs:
        traces = filter(None, map(partial(trace_of, jaeger), exemplar_traces(prometheus, alert.expr)))
        trace = next(trace for trace in traces if any(FUNCTION in span.attributes for span in trace.spans))
        records = records_of_trace(logs, trace.trace_id)

    assert {span.service for span in trace.spans} == {record["service.name"] for record in records}
    for span in (span for span in trace.spans if FUNCTION in span.attributes):
        assert is_defined(span.attributes), span.label


def trace_of(jaeger: str, trace_id: str) -> Trace | None:
    """Return a trace that Jaeger has, or None."""
    try:
        return group(from_jaeger(jaeger_query(jaeger, f"traces/{trace_id}"))).get(trace_id)
    except HTTPError:
        return None


def is_defined(attributes: Mapping[str, Any]) -> bool:
    """Return whether the line that a span names, or one below its decorators, defines the function that it names."""
    module = attributes["code.file.path"].partition("site-packages/")[2]
    (source,) = ROOT.glob(f"services/*/src/{module}")
    first = int(attributes["code.line.number"]) - 1
    lines = source.read_text().splitlines()[first : first + MAX_DECORATORS]
    name = attributes[FUNCTION].rpartition(".")[2]
    return any(f"def {name}(" in line for line in lines)
