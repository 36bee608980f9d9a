"""Dashboards as resources of Perses.

The format: https://perses.dev/perses/docs/api/dashboard/; that of the plugins: their CUE schemas in perses/plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.grafana import MIN_STEP
from dashboards.tables.links import PROMETHEUS

if TYPE_CHECKING:
    from dashboards.model import Dashboard, Panel, Query, Row, Variable

PROJECT = "spanloom"
ROW_HEIGHT, STAT_HEIGHT = 8, 4
PAGE_WIDTH = 24
COLORS = ("orange", "red")
DATA_SOURCE = {"kind": "PrometheusDatasource", "name": PROMETHEUS}

Resource = dict[str, Any]


def dashboard(table: Dashboard) -> Resource:
    """Return a dashboard as `percli apply` takes it; its spec is `spec.config` of a PersesDashboard."""
    spec = {
        "display": {"name": table.title, "description": table.description},
        "duration": "1h",
        "refreshInterval": "1m",
        "variables": [_variable(variable) for variable in table.variables],
        "panels": {name(row, panel): _panel(panel) for row in table.rows for panel in row.panels},
        "layouts": [_grid(row) for row in table.rows],
    }
    return {"kind": "Dashboard", "metadata": {"name": table.uid, "project": PROJECT}, "spec": spec}


def name(row: Row, panel: Panel) -> str:
    """Return the key of a panel: row and title in lower case, joined by hyphens."""
    words = f"{row.title} {panel.title}".lower()
    return "-".join("".join(c if c.isalnum() else " " for c in words).split())


def _variable(variable: Variable) -> Resource:
    metric = variable.selector
    plugin = {
        "kind": "PrometheusLabelValuesVariable",
        "spec": {"datasource": DATA_SOURCE, "labelName": variable.label, "matchers": [metric]},
    }
    spec = {
        "name": variable.name,
        "display": {"name": variable.name.capitalize()},
        "allowMultiple": True,
        "allowAllValue": True,
        "customAllValue": ".*",
        "defaultValue": ["$__all"],
        "plugin": plugin,
    }
    return {"kind": "ListVariable", "spec": spec}


def _panel(panel: Panel) -> Resource:
    display = {"name": panel.title} | ({"description": panel.description} if panel.description else {})
    plugin = _stat(panel) if panel.stat else _chart(panel)
    return {
        "kind": "Panel",
        "spec": {"display": display, "plugin": plugin, "queries": list(map(_query, panel.queries))},
    }


def _stat(panel: Panel) -> Resource:
    spec = {"calculation": "last-number", "format": _format(panel), **_thresholds(panel)}
    return {"kind": "StatChart", "spec": spec}


def _chart(panel: Panel) -> Resource:
    axis = {"format": _format(panel), "min": 0}
    return {"kind": "TimeSeriesChart", "spec": {"yAxis": axis, "legend": {"position": "bottom"}, **_thresholds(panel)}}


def _format(panel: Panel) -> Resource:
    return {"unit": panel.unit.perses}


def _thresholds(panel: Panel) -> Resource:
    steps = [{"value": value, "color": color} for value, color in zip(panel.thresholds, COLORS, strict=False)]
    return {"thresholds": {"steps": steps}} if steps else {}


def _query(query: Query) -> Resource:
    spec = {
        "datasource": DATA_SOURCE,
        "query": query.expr,
        "seriesNameFormat": query.legend,
        "minStep": MIN_STEP,
    }
    return {"kind": "TimeSeriesQuery", "spec": {"plugin": {"kind": "PrometheusTimeSeriesQuery", "spec": spec}}}


def _grid(row: Row) -> Resource:
    items, x, y = [], 0, 0
    for panel in row.panels:
        height = STAT_HEIGHT if panel.stat else ROW_HEIGHT
        if x + panel.width > PAGE_WIDTH:
            x, y = 0, y + ROW_HEIGHT
        content = {"$ref": f"#/spec/panels/{name(row, panel)}"}
        items.append({"x": x, "y": y, "width": panel.width, "height": height, "content": content})
        x += panel.width
    return {"kind": "Grid", "spec": {"display": {"title": row.title}, "items": items}}
