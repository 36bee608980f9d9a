"""`make bench-operator`: injections against a bare loop of the same server-side applies, writes, and memory.

Needs a cluster (KUBECONFIG) and takes a quarter of an hour: kube-controller-manager makes some seven ReplicaSets a
second, and what is measured must not share the machine with that.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil
from support.builders.deployments import EXPORTER, MANAGER, deployment
from support.processes.commands import free_port

from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.injection.decision import Inputs, decide
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import ApiError
from spanloom_operator.kube.client import Client
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.profiles.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

INJECTED, ROUNDS, UNRELATED, CONNECTIONS = 1000, 4, 5000, 8
HOME, OTHERS = "op-bench-home", "op-bench-others"
BARE = [f"op-bench-bare-{number}" for number in range(ROUNDS)]
LABELLED = [f"op-bench-{number}" for number in range(ROUNDS)]
OURS = "app=shop"
CRDS = Path(__file__).parents[3] / "helm" / "operator" / "crds"
INPUTS = Inputs(Rules(endpoints=("*",)), HOME, {(HOME, "default"): {"exporter": EXPORTER}})
PROFILE = {"apiVersion": "spanloom.dev/v1alpha1", "kind": "OtelProfile", "metadata": {"name": "default"}}
IDLE = 0.05  # seconds of CPU in two of time
BOUNDS = {"injections": 1.5, "memory": 1.1}


async def main() -> None:
    """Print one line for each figure, and exit 1 when a bound is not kept."""
    kubectl("apply", "-f", str(CRDS))
    async with Client(CONNECTIONS) as api:
        try:
            results = await measure(api)
        finally:
            kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", HOME, OTHERS, *BARE, *LABELLED)
    sys.exit(report(results))


async def measure(api: Client) -> dict[str, float]:
    """Return every figure by name."""
    await prepare(api)
    async with operator() as process:
        empty = process.memory()
    await create(api, OTHERS, UNRELATED, paused=True)
    async with operator() as process:
        full = process.memory()
    kubectl("delete", "namespace", OTHERS)
    for namespace in (*BARE, *LABELLED):
        await create(api, namespace, INJECTED // ROUNDS, paused=False)
    found = await rounds(api)
    kubectl("delete", "namespace", *BARE)  # applied under the operator's name, without a label: it would take them back
    await settled(api)
    versions = await resource_versions(api)
    async with operator() as process:
        await until(lambda: process.metric("spanloom_operator_deployments") == INJECTED, "all are known again")
        again = process.metric('spanloom_operator_writes_total{result="applied"}')
    moved = len(set(versions.items()) ^ set((await resource_versions(api)).items()))
    return {**found, "again": again + moved, "empty": empty, "full": full}


async def rounds(api: Client) -> dict[str, float]:
    """Return seconds of bare loop and operator, applies counted in the operator's turns, and its CPU seconds in all.

    They take turns, so that whatever else the machine does meets both; neither takes its turn before everything
    that the other's caused is done: ReplicaSets, second looks, Events, and the API server's own counting.
    """
    bare = seconds = counted = 0.0
    async with operator() as process:
        used = process.cpu()
        await quiet(api, process)
        for number in range(ROUNDS):
            loop = await bare_loop(api, BARE[number])
            before = await counted_applies(api, process)
            seconds += await inject_all(api, LABELLED[number], process, (number + 1) * INJECTED // ROUNDS, loop)
            counted += await counted_applies(api, process) - before
            bare += loop
        return {"bare": bare, "operator": seconds, "applies": counted, "cpu": process.cpu() - used}


def report(found: dict[str, float]) -> int:
    """Print the figures and return 1 when a bound is not kept."""
    ratio, growth = found["operator"] / found["bare"], found["full"] / found["empty"]
    print(f"{INJECTED} injections: {found['operator']:.1f} s; bare loop: {found['bare']:.1f} s; ratio {ratio:.2f}")
    print(f"the operator's CPU, for all that followed, too: {1000 * found['cpu'] / INJECTED:.1f} ms an injection")
    print(f"applies the API server counted: {found['applies']:g}; writes after a restart: {found['again']:g}")
    print(f"memory: {found['empty']:.1f} MiB; with {UNRELATED} unrelated: {found['full']:.1f} MiB; ratio {growth:.2f}")
    kept = ratio <= BOUNDS["injections"] and growth <= BOUNDS["memory"]
    return int(not (kept and found["applies"] == INJECTED and found["again"] == 0))


async def prepare(api: Client) -> None:
    """Make the namespaces and the default profile."""
    for name in (HOME, OTHERS, *BARE, *LABELLED):
        await api.create(paths.NAMESPACES, {"metadata": {"name": name}})
    await api.create(paths.profiles(HOME), {**PROFILE, "spec": {"exporter": EXPORTER}})


async def create(api: Client, namespace: str, count: int, *, paused: bool) -> None:
    """Create Deployments without pods; paused ones have no ReplicaSets either."""

    async def one(number: int) -> None:
        thing = deployment(name=f"shop-{number}", namespace=namespace, replicas=0, paused=paused)
        thing["metadata"] = {"name": thing["metadata"]["name"], "labels": {"app": "shop"}}
        thing["spec"]["selector"] = {"matchLabels": thing["spec"]["template"]["metadata"]["labels"]}
        await api.create(paths.deployments(namespace), {**thing, "status": {}})

    await all_of([lambda n=n: one(n) for n in range(count)])  # type: ignore[misc]


async def bare_loop(api: Client, namespace: str) -> float:
    """Return the seconds that the same applies take with nothing around them."""
    found = [item async for page in api.pages(paths.deployments(namespace)) for item in page["items"]]
    for item in found:
        item["metadata"]["labels"] = {INJECT_LABEL: "true"}
    bodies = [
        (
            paths.deployments(namespace, item["metadata"]["name"]),
            decide(Workload.from_deployment(item, MANAGER), None, INPUTS).body or {},
        )
        for item in found
    ]
    start = time.monotonic()
    await all_of([lambda each=each: api.apply(*each, MANAGER) for each in bodies])  # type: ignore[misc]
    return time.monotonic() - start


async def inject_all(api: Client, namespace: str, process: Process, total: int, loop: float) -> float:
    """Label the namespace and return the seconds until the operator's applies, `total` by now, are answered.

    Each question costs the operator a millisecond: none is asked in the seconds that the bare `loop` took.
    """
    start = time.monotonic()
    await api.merge(f"{paths.NAMESPACES}/{namespace}", {"metadata": {"labels": {INJECT_LABEL: "true"}}})
    await asyncio.sleep(loop)
    await until(lambda: process.metric('spanloom_operator_writes_total{result="applied"}') >= total, "all are injected")
    return time.monotonic() - start


async def all_of(jobs: list[Callable[[], Awaitable[Any]]]) -> None:
    """Run the jobs, as many at a time as there are connections."""
    left = iter(jobs)

    async def work() -> None:
        for job in left:
            await job()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


async def settled(api: Client) -> None:
    """Wait until kube-controller-manager has seen every Deployment's template."""

    async def quiet() -> bool:
        items = [item async for page in api.pages(paths.deployments(), OURS) for item in page["items"]]
        seen = [item.get("status", {}).get("observedGeneration", 0) >= item["metadata"]["generation"] for item in items]
        return all(seen)

    end = time.monotonic() + 900
    while not await quiet():
        if time.monotonic() > end:
            raise TimeoutError("the cluster does not become quiet")
        await asyncio.sleep(2)


async def quiet(api: Client, process: Process) -> None:
    """Wait until the cluster has settled and the operator has nothing to do any more."""
    await settled(api)
    used = -math.inf
    while (now := process.cpu()) - used > IDLE:
        used = now
        await asyncio.sleep(2 * RECHECK_SECONDS)


async def until(check: Callable[[], bool], what: str) -> None:
    """Wait for `check`."""
    end = time.monotonic() + 120
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)


async def resource_versions(api: Client) -> dict[str, str]:
    """Return the version of every Deployment: it moves with every write."""
    pages = api.pages(paths.deployments(), OURS, metadata_only=True)
    return {
        item["metadata"]["uid"]: item["metadata"]["resourceVersion"] async for page in pages for item in page["items"]
    }


async def counted_applies(api: Client, process: Process) -> float:
    """Return how many applies of Deployments the API server has counted, once all is quiet, and is again."""
    await quiet(api, process)
    lines = [
        line for line in kubectl("get", "--raw", "/metrics").splitlines() if line.startswith("apiserver_request_total{")
    ]
    wanted = ('verb="APPLY"', 'resource="deployments"', 'subresource=""')
    counted = sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(part in line for part in wanted))
    await quiet(api, process)  # all its metrics are some work and much garbage for the API server
    return counted


def kubectl(*arguments: str) -> str:
    """Run kubectl and return what it printed."""
    return subprocess.run(["kubectl", *arguments], check=True, capture_output=True, text=True).stdout


class Process:
    """The operator's process: its metrics and its memory."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid, self._port = pid, port

    def metric(self, name: str) -> float:
        """Return a sample, or 0 while there is none."""
        try:
            asked = urlencode({"name[]": name.partition("{")[0]})  # all of them take the operator longer
            text = urlopen(f"http://localhost:{self._port}/metrics?{asked}", timeout=5).read().decode()
        except OSError:
            return 0
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0

    def cpu(self) -> float:
        """Return the seconds of CPU it has used."""
        times = psutil.Process(self._pid).cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0


@asynccontextmanager
async def operator() -> AsyncIterator[Process]:
    """Run the operator, and give it when its watches have begun and it is idle."""
    metrics, probe = free_port(), free_port()
    mine = {
        "NAMESPACE": HOME,
        "ENDPOINTS": "*",
        "METRICS_PORT": metrics,
        "PROBE_PORT": probe,
        "CONNECTIONS": CONNECTIONS,
    }
    settings = {f"SPANLOOM_OPERATOR_{key}": str(value) for key, value in mine.items()}
    command = [sys.executable, "-m", "spanloom_operator"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=quiet, stderr=quiet)  # noqa: ASYNC220
    running = Process(process.pid, metrics)
    try:
        await until(lambda: running.metric("spanloom_operator_ready") == 1, "the operator is ready")
        yield running
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (ApiError, TimeoutError) as error:
        sys.exit(f"bench-operator: {error}")
