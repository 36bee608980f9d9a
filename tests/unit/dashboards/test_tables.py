"""What the table promises of every query, link and alert."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from support.builders.pages import blocks
from support.paths import ROOT

from dashboards.grafana import explore_url
from dashboards.promql import WINDOW
from dashboards.tables.alerts import ALERTS
from dashboards.tables.everything import DASHBOARDS
from dashboards.tables.links import JAEGER, PROMETHEUS, VICTORIA_LOGS

if TYPE_CHECKING:
    from dashboards.model import Alert, Dashboard, Link, Panel

REPLACED = re.compile(r"\$(?!__)(\w+)")
LABEL = re.compile(r"\{\{ ?\$?([\w.]+) ?\}\}")
BY = re.compile(r"\bby \(([^)]*)\)")
FIELD = re.compile(r"\$\{__field\.labels\.(\w+)\}")
PANELS = [(table, panel) for table in DASHBOARDS for panel in table.panels]
LINKED = [(panel, link) for _, panel in PANELS for link in panel.links]
NAMES = {
    "alert": lambda alert: f"{alert.name}-{alert.window}".strip("-"),
    "panel": lambda value: getattr(value, "title", None) or getattr(value, "uid", None),
}
EVERY_PANEL = pytest.mark.parametrize(("table", "panel"), PANELS, ids=NAMES["panel"])
EVERY_ALERT = pytest.mark.parametrize("alert", ALERTS, ids=NAMES["alert"])


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EVERY_PANEL
def test_queries_use_only_the_variables_of_their_dashboard(table: Dashboard, panel: Panel) -> None:
    """A query names no variable but those of its dashboard and the window of a rate."""
    known = {variable.name for variable in table.variables}
    for query in panel.queries:
        assert set(REPLACED.findall(query.expr)) <= known
        assert {WINDOW} >= set(re.findall(r"\$__\w+", query.expr))


@EVERY_PANEL
def test_legends_use_labels_that_the_query_keeps(table: Dashboard, panel: Panel) -> None:
    """Each label of a legend is one by which the query is aggregated, if it is."""
    for query in panel.queries:
        kept = {label.strip() for labels in BY.findall(query.expr) for label in labels.split(",")}
        assert not kept or set(LABEL.findall(query.legend)) <= kept, table.uid


@pytest.mark.parametrize(("panel", "link"), LINKED, ids=NAMES["panel"])
def test_links_of_panels_lead_into_explore(panel: Panel, link: Link) -> None:
    """A link is a path with one pane of Explore: a known data source, and labels that the panel's series have."""
    url = urlsplit(explore_url(link))
    query = parse_qs(url.query, strict_parsing=True)
    pane = json.loads(query["panes"][0])["a"]

    assert ("", "", "/explore", ["1"]) == (url.scheme, url.netloc, url.path, query["schemaVersion"])
    assert pane["datasource"] in {JAEGER, VICTORIA_LOGS}
    assert [pane["datasource"]] == [each["datasource"]["uid"] for each in pane["queries"]]
    for each in panel.queries:
        assert all(label in each.expr for label in FIELD.findall(url.query))


@EVERY_ALERT
def test_runbooks_are_sections_of_troubleshooting(alert: Alert) -> None:
    """Every alert has a section in docs/troubleshooting.md, which names the alert."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    assert alert.runbook in anchors(text)
    section = next(part for part in re.split(r"(?m)^(?=#+ )", text) if alert.runbook in anchors(part))
    assert alert.name in section


def test_severities_and_windows_distinguish_alerts() -> None:
    """No two alerts have the same name, severity and window."""
    keys = [(alert.name, alert.severity, alert.window) for alert in ALERTS]
    assert len(keys) == len(set(keys))


def test_alerts_are_the_documented_ones() -> None:
    """The table of docs/dashboards.md names every alert, and no other."""
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/dashboards.md").read_text(), re.MULTILINE)
    assert sorted({alert.name for alert in ALERTS}) == sorted(rows)


def test_documented_data_sources_are_those_of_the_dashboards() -> None:
    """The provisioning file of docs/dashboards.md has every uid, and its links lead to one of them."""
    [text] = [block.text for block in blocks("docs/dashboards.md") if "datasources:" in block.text]
    sources = {source["uid"]: source["jsonData"] for source in yaml.safe_load(text)["datasources"]}

    assert {PROMETHEUS, JAEGER, VICTORIA_LOGS} == set(sources)
    assert [JAEGER] == [each["datasourceUid"] for each in sources[PROMETHEUS]["exemplarTraceIdDestinations"]]
    assert VICTORIA_LOGS == sources[JAEGER]["tracesToLogsV2"]["datasourceUid"]
    assert [JAEGER] == [each["datasourceUid"] for each in sources[VICTORIA_LOGS]["derivedFields"]]
