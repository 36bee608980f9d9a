"""Queries of Jaeger's HTTP API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

from spanloom.testing import from_jaeger, group

if TYPE_CHECKING:
    from spanloom.testing import Trace

MAX_TRACES = 7_000  # Jaeger refuses a search for more than it may hold in memory


def query(jaeger: str, path: str, **parameters: str | int) -> Any:
    """Return the JSON body of `GET /api/PATH`."""
    with urlopen(f"{jaeger}/api/{path}?{urlencode(parameters)}", timeout=60) as response:
        return json.load(response)


def traces_of(jaeger: str, service: str) -> dict[str, Trace]:
    """Return every trace in which `service` has a span, by its id."""
    return group(from_jaeger(query(jaeger, "traces", service=service, limit=MAX_TRACES)))
