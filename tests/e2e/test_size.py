"""What the umbrella's default needs of a cluster while its load runs, and how soon a request is seen in its stores."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.cluster.helm_release import helm_release
from support.cluster.images import load_images
from support.cluster.jaeger import traces_of
from support.cluster.namespaces import new_namespace
from support.cluster.prometheus import samples
from support.cluster.victoria_logs import records_of_trace
from support.polling import poll_until

from spanloom_local.journey import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release
    from support.cluster.kube import Kube

pytestmark = pytest.mark.timeout(600)

REQUESTS = 'sum(http_server_request_duration_seconds_count{service_name="users-api"})'
MANY = 500
MAX_BYTES = 1536 * 2**20  # issue 18
UNITS = {"Mi": 2**20, "Gi": 2**30}


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    """Install the umbrella chart with its load, and print how long it takes until a trace has its log records."""
    load_images()
    with new_namespace("size") as kube:
        started = time.monotonic()
        with helm_release(kube, users={"load": {"enabled": True}}) as found:
            poll_until(lambda: is_linked(found), "a trace of both services has log records of both", 120)
            print(f"helm install to the first trace with its log records: {time.monotonic() - started:.0f} s")
            yield found


def is_linked(release: Release) -> bool:
    """Return whether Jaeger has a trace of both services, and VictoriaLogs log records of both for it."""
    with release.reach("jaeger", 16686) as jaeger, release.reach("victoria-logs", 9428) as logs:
        traces = traces_of(jaeger, "users-api").items()
        whole = [trace_id for trace_id, trace in traces if set(SERVICES) == {span.service for span in trace.spans}]
        return any(services_of(records_of_trace(logs, trace_id)) == set(SERVICES) for trace_id in whole[-20:])


def services_of(records: list[dict[str, Any]]) -> set[str]:
    return {record["service.name"] for record in records}


def used_bytes(kube: Kube) -> dict[str, int]:
    """Return the working set of every container of the namespace, as the nodes' kubelets measure it."""
    nodes = [node["metadata"]["name"] for node in kube.get("nodes")["items"]]
    pods = [
        pod
        for node in nodes
        for pod in json.loads(kube("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))["pods"]
        if pod["podRef"]["namespace"] == kube.namespace
    ]
    return {
        f"{pod['podRef']['name']} {container['name']}": container["memory"]["workingSetBytes"]
        for pod in pods
        for container in pod["containers"]
    }


def requested_bytes(kube: Kube) -> int:
    """Return the sum of the memory requests of every container that runs."""
    pods = kube.get("pods", "--field-selector=status.phase=Running")["items"]
    requests = [each["resources"]["requests"]["memory"] for pod in pods for each in pod["spec"]["containers"]]
    return sum(int(request[:-2]) * UNITS[request[-2:]] for request in requests)


def served(prometheus: str) -> int:
    return sum(int(float(series["value"][1])) for series in samples(prometheus, REQUESTS))


@pytest.mark.long
def test_the_default_fits_a_laptop(release: Release) -> None:
    """After hundreds of requests, all containers together use and request at most 1.5 GiB of memory."""
    with release.reach("prometheus", 9090) as prometheus:
        poll_until(lambda: served(prometheus) >= MANY, f"{MANY} requests are served", 400)
    used = used_bytes(release.kube)
    print(*(f"{used[name] / 2**20:6.0f} MiB  {name}" for name in sorted(used)), sep="\n")
    assert (True, True) == (sum(used.values()) <= MAX_BYTES, requested_bytes(release.kube) <= MAX_BYTES), used
