"""Everything that `make dashboards` writes."""

from __future__ import annotations

from dashboards.tables import alerts, collector, database, objective, operator, services, workload

DASHBOARDS = tuple(module.DASHBOARD for module in (services, database, collector, operator, workload, objective))
RULES = {"recording": objective.RECORDINGS, "alerts": alerts.GROUPS}
"""Groups of rules by the name of their file."""
