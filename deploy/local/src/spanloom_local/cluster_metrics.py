"""The requests that Prometheus has counted: what `make up` prints of the metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from spanloom_local.polling import poll_until

if TYPE_CHECKING:
    from spanloom_local.journey import Step

FLUSH_SECONDS = 60.0  # the Collector sends the RED metrics of spans every 15


def calls_query(step: Step, service: str) -> str:
    """Return the PromQL of the number of requests of a step's route that a service has had."""
    labels = {"service_name": service, "span_kind": "SPAN_KIND_SERVER", "span_name": f"{step.method} {step.route}"}
    matchers = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"sum(traces_span_metrics_calls_total{{{matchers}}})"


def scalar(body: dict[str, Any]) -> int:
    """Return the only value of a response of `/api/v1/query`; 0 without one."""
    return int(float(next((item["value"][1] for item in body["data"]["result"]), 0)))


def wait_for_calls(prometheus_url: str, step: Step, service: str, seconds: float = FLUSH_SECONDS) -> int:
    """Wait until Prometheus has counted a request, and return the number. TimeoutError after `seconds`."""

    def counted() -> int:
        try:
            with urlopen(f"{prometheus_url}/api/v1/query?{query}", timeout=10) as page:  # noqa: S310 http, and ours
                return scalar(json.load(page))
        except URLError:
            return 0

    query = urlencode({"query": calls_query(step, service)})
    return poll_until(counted, f"Prometheus has requests of {step.method} {step.route}", seconds)
