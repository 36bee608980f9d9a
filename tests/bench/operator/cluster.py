"""The cluster under the benchmark: its namespaces and Deployments, and what the API server has counted."""

from __future__ import annotations

import asyncio
import math
import subprocess
import time
from typing import TYPE_CHECKING, Any

from support.builders.deployments import EXPORTER, deployment
from support.paths import HELM

from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.kube import paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.operator.process import OperatorProcess

    from spanloom_operator.kube.client import Client

CONNECTIONS = 8
HOME = "op-bench-home"
SELECTOR = "app=shop"
CRDS = HELM / "operator" / "crds"
SPEC = {"exporter": EXPORTER, "agent": {"enabled": True}}
PROFILE = {
    "apiVersion": "spanloom.dev/v1alpha1",
    "kind": "OtelProfile",
    "metadata": {"name": "default"},
    "spec": SPEC,
}
AGENT_IMAGE = "spanloom-agent:0.1.0"
IDLE_CPU_SECONDS = 0.05
"""CPU in two recheck intervals below which the operator counts as idle."""
SETTLE_SECONDS = 900


def kubectl(*arguments: str) -> str:
    """Run kubectl and return its output."""
    return subprocess.run(["kubectl", *arguments], check=True, capture_output=True, text=True).stdout


async def prepare(api: Client, *namespaces: str) -> None:
    """Create the namespaces and the default profile."""
    for name in (HOME, *namespaces):
        await api.create(paths.NAMESPACES, {"kind": "Namespace", "metadata": {"name": name}})
    await api.create(paths.profiles(HOME), PROFILE)


async def create(api: Client, namespace: str, count: int, *, paused: bool) -> None:
    """Create Deployments without pods; paused ones have no ReplicaSets either."""

    async def one(number: int) -> None:
        thing = deployment(name=f"shop-{number}", namespace=namespace, replicas=0, paused=paused)
        thing["metadata"] = {"name": thing["metadata"]["name"], "labels": {"app": "shop"}}
        await api.create(paths.workloads(DEPLOYMENT, namespace), {**thing, "status": {}})

    await all_of([lambda n=n: one(n) for n in range(count)])  # type: ignore[misc]


async def all_of(jobs: list[Callable[[], Awaitable[Any]]]) -> None:
    """Run the jobs, as many at a time as there are connections."""
    left = iter(jobs)

    async def work() -> None:
        for job in left:
            await job()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


async def settled(api: Client) -> None:
    """Wait until kube-controller-manager has observed every Deployment."""

    async def is_settled() -> bool:
        found = [item async for page in api.pages(paths.workloads(DEPLOYMENT), SELECTOR) for item in page["items"]]
        return all(
            item.get("status", {}).get("observedGeneration", 0) >= item["metadata"]["generation"] for item in found
        )

    end = time.monotonic() + SETTLE_SECONDS
    while not await is_settled():
        if time.monotonic() > end:
            raise TimeoutError(f"the cluster does not settle within {SETTLE_SECONDS} s")
        await asyncio.sleep(2)


async def idle(api: Client, operator: OperatorProcess) -> None:
    """Wait until the cluster has settled and the operator has nothing to do any more."""
    await settled(api)
    used = -math.inf
    while (now := operator.cpu_seconds()) - used > IDLE_CPU_SECONDS:
        used = now
        await asyncio.sleep(2 * RECHECK_SECONDS)


async def resource_versions(api: Client) -> dict[str, str]:
    """Return the version of every Deployment: it changes with every write."""
    pages = api.pages(paths.workloads(DEPLOYMENT), SELECTOR, metadata_only=True)
    metadata = [item["metadata"] async for page in pages for item in page["items"]]
    return {each["uid"]: each["resourceVersion"] for each in metadata}


async def counted_writes(api: Client, operator: OperatorProcess) -> float:
    """Return how many APPLY and PATCH requests of Deployments the API server has counted, once all is idle."""
    await idle(api, operator)
    lines = [
        line for line in kubectl("get", "--raw", "/metrics").splitlines() if line.startswith("apiserver_request_total{")
    ]
    of_deployments = ('resource="deployments"', 'subresource=""')
    writes = [line for line in lines if all(part in line for part in of_deployments)]
    counted = sum(float(line.rsplit(" ", 1)[1]) for line in writes if 'verb="APPLY"' in line or 'verb="PATCH"' in line)
    await idle(api, operator)  # all its metrics are some work and much garbage for the API server
    return counted
