"""Pieces of PromQL that several tables share."""

from __future__ import annotations

WINDOW = "$__rate_interval"
"""Grafana and Perses replace it: at least four times the interval between samples."""
SERVICE = 'k8s_namespace_name=~"$namespace",service_name=~"$service"'
"""Selects what the variables `namespace` and `service` of a dashboard select."""
WORKLOAD = 'k8s_namespace_name=~"$namespace",k8s_deployment_name=~"$deployment"'
"""Selects what the variables `namespace` and `deployment` of a dashboard select."""


def rate(metric: str, selector: str = "", window: str = WINDOW) -> str:
    """Return the increase of a counter per second."""
    return f"rate({series(metric, selector)}[{window}])"


def series(metric: str, selector: str = "") -> str:
    """Return a metric with its label matchers."""
    return f"{metric}{{{selector}}}" if selector else metric


def total(by: str, expr: str) -> str:
    """Return the sum by these labels; of everything if there are none."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def quantile(share: float, metric: str, by: str, selector: str = "", window: str = WINDOW) -> str:
    """Return a quantile of a classic histogram by these labels."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, {total(labels, rate(f'{metric}_bucket', selector, window))})"


def or_zero(part: str, whole: str) -> str:
    """Return `part`, and 0 for the label sets that only `whole` has: a counter that never counted has no series."""
    return f"({part} or 0 * {whole})"


def ratio(metric: str, part: str, by: str, selector: str = "", window: str = WINDOW) -> str:
    """Return the share of what `part` (a label matcher) selects, 0 without any; no series without traffic."""
    whole = total(by, rate(metric, selector, window))
    selected = total(by, rate(metric, ",".join(filter(None, [selector, part])), window))
    return f"{or_zero(selected, whole)} / ({whole} > 0)"


def has_grown(metric: str, window: str) -> str:
    """Return the series of a counter that grew within `window`; one that is new in it has no increase yet."""
    return f"(increase({metric}[{window}]) > 0 or ({metric} > 0 unless {metric} offset {window}))"
