"""Rule groups as a rule file of Prometheus."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from dashboards.model import Alert, Group, Recording

RUNBOOKS = "https://spanloom.dev/docs/troubleshooting.md"


def rule_file(groups: tuple[Group, ...]) -> dict[str, Any]:
    """Return the content of a rule file; it is the spec of a PrometheusRule, too."""
    return {"groups": [_group(group) for group in groups]}


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "interval": group.interval, "rules": [_rule(rule) for rule in group.rules]}


@singledispatch
def _rule(rule: Recording | Alert) -> dict[str, Any]:
    raise TypeError(f"no rule: {rule!r}")


@_rule.register
def _(rule: Recording) -> dict[str, Any]:
    return {"record": rule.name, "expr": rule.expr}


@_rule.register
def _(rule: Alert) -> dict[str, Any]:
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": rule.pending,
        "labels": {"severity": rule.severity.value} | ({"window": rule.window} if rule.window else {}),
        "annotations": {"summary": rule.summary, "runbook_url": f"{RUNBOOKS}#{rule.runbook}"},
    }
