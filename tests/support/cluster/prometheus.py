"""Queries of Prometheus' HTTP API."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

EXEMPLAR_SECONDS = 3600


def query(prometheus: str, path: str, **parameters: str) -> Any:
    """Return `data` of `GET /api/v1/PATH`."""
    with urlopen(f"{prometheus}/api/v1/{path}?{urlencode(parameters)}", timeout=60) as response:
        return json.load(response)["data"]


def samples(prometheus: str, expr: str) -> list[dict[str, Any]]:
    """Return the series of an expression now, each with `metric` and `value`."""
    found: list[dict[str, Any]] = query(prometheus, "query", query=expr)["result"]
    return found


def exemplar_traces(prometheus: str, expr: str) -> set[str]:
    """Return the trace ids of the exemplars of an expression's series, of the last hour."""
    now = time.time()
    span = {"start": str(now - EXEMPLAR_SECONDS), "end": str(now)}
    found = query(prometheus, "query_exemplars", query=expr, **span)
    return {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}


def metrics_of(prometheus: str, expr: str) -> set[str]:
    """Return the names of the metrics that an expression selects."""
    return set(_selected(query(prometheus, "parse_query", query=expr)))


def _selected(node: Any) -> Iterator[str]:
    """Yield the names in a part of a syntax tree."""
    if isinstance(node, dict):
        if node.get("type") in {"vectorSelector", "matrixSelector"}:
            yield node["name"]
        for part in node.values():
            yield from _selected(part)
    elif isinstance(node, list):
        for part in node:
            yield from _selected(part)
