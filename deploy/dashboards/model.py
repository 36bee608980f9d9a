"""What a dashboard, an alert and a recording rule consist of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    """Unit of a panel's values: the identifier in Grafana, and that in Perses."""

    REQUESTS = "reqps", "requests/sec"
    OPERATIONS = "ops", "ops/sec"
    SECONDS = "s", "seconds"
    RATIO = "percentunit", "percent-decimal"
    NUMBER = "short", "decimal"
    BYTES = "bytes", "bytes"

    @property
    def grafana(self) -> str:
        """Return the identifier in Grafana."""
        return self.value[0]

    @property
    def perses(self) -> str:
        """Return the identifier in Perses."""
        return self.value[1]


@dataclass(frozen=True)
class Query:
    """A PromQL expression with the legend of its series (`{{label}}` inserts a label)."""

    expr: str
    legend: str
    exemplars: bool = False
    """Request exemplars: only series of histograms have them."""
    empty_until: str = ""
    """What must happen before the query returns data; empty if load alone is enough."""


@dataclass(frozen=True)
class Panel:
    """A time series chart, or with `stat` the last value; `width` is in 24ths of the page."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    description: str = ""
    width: int = 8
    stat: bool = False
    thresholds: tuple[float, ...] = ()
    """Values from which on a chart is drawn as a warning, then as critical."""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice of values of `label` among the series of `selector`; all are selected at first."""

    name: str
    label: str
    selector: str


@dataclass(frozen=True)
class Dashboard:
    """A page of panels; `uid` is its identifier, and the name of its files."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Return the panels of all rows."""
        return tuple(panel for row in self.rows for panel in row.panels)


@dataclass(frozen=True)
class Link:
    """A link from the series of a panel into Grafana's Explore: a data source with one query."""

    title: str
    data_source: str
    query: dict[str, str]


@dataclass(frozen=True)
class Recording:
    """A recording rule; `empty_until` as in Query."""

    name: str
    expr: str
    empty_until: str = ""


class Severity(Enum):
    """How urgent an alert is: `page` wakes a human, `ticket` waits for working hours."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True)
class Alert:
    """An alerting rule; its runbook is the section `runbook` (an anchor) of docs/troubleshooting.md."""

    name: str
    expr: str
    severity: Severity
    pending: str
    """How long the expression must hold, as a duration of Prometheus."""
    summary: str
    runbook: str
    window: str = ""
    """Value of the label `window`: distinguishes alerts of one name and severity."""


@dataclass(frozen=True)
class Group:
    """Rules that Prometheus evaluates together, every `interval`."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str = "30s"
