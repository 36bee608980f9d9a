"""`make bench-operator`: injections of the agent against a bare loop of the same applies, writes, CPU and memory.

Needs a cluster (KUBECONFIG) and takes a quarter of an hour: kube-controller-manager makes some seven ReplicaSets a
second, and what is measured must not share the machine with that.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass

from bench.operator.cluster import (
    AGENT_IMAGE,
    CRDS,
    HOME,
    SPEC,
    all_of,
    counted_writes,
    create,
    idle,
    kubectl,
    prepare,
    resource_versions,
    settled,
)
from bench.operator.process import OperatorProcess, running_operator, until
from support.builders.deployments import MANAGER

from spanloom_operator.injection.decision import Inputs, decide
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import ApiError
from spanloom_operator.kube.client import Client
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.profiles.rules import Rules

INJECTIONS, ROUNDS = int(os.environ.get("INJECTIONS", "1000")), 4
UNRELATED = 5 * INJECTIONS
OTHERS = "op-bench-others"
BARE = [f"op-bench-bare-{number}" for number in range(ROUNDS)]
LABELLED = [f"op-bench-{number}" for number in range(ROUNDS)]
INPUTS = Inputs(Rules(endpoints=("*",), agent_image=AGENT_IMAGE), HOME, {(HOME, "default"): SPEC})
MAX_TIME_RATIO, MAX_MEMORY_RATIO = 1.5, 1.1


@dataclass
class Cost:
    """Seconds, and CPU seconds of the client, of the same applies."""

    seconds: float = 0
    cpu_seconds: float = 0

    def add(self, other: Cost) -> None:
        """Add another round."""
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds

    @property
    def cpu_milliseconds(self) -> float:
        """CPU of one apply in milliseconds."""
        return 1000 * self.cpu_seconds / INJECTIONS


@dataclass
class Rounds:
    """The bare loop, the operator until its applies have responses, its CPU in all, and writes that were counted."""

    loop: Cost
    operator: Cost
    all_cpu_seconds: float
    writes: float


async def main() -> None:
    """Print one line for each figure, and exit 1 when a bound is not kept."""
    kubectl("apply", "-f", str(CRDS))
    async with Client() as api:
        try:
            kept = await measure(api)
        finally:
            names = [HOME, OTHERS, *BARE, *LABELLED]
            kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *names)
            kubectl("delete", "lease", "spanloom-operator-cluster", "-n", "default", "--ignore-not-found")
    sys.exit(not kept)


async def measure(api: Client) -> bool:
    """Print every figure; return whether all bounds are kept."""
    await prepare(api, OTHERS, *BARE, *LABELLED)
    is_lean = await memory(api)
    for namespace in (*BARE, *LABELLED):
        await create(api, namespace, INJECTIONS // ROUNDS, paused=False)
    is_quick = report(await rounds(api))
    return await restart(api) and is_quick and is_lean


async def memory(api: Client) -> bool:
    """Compare the operator's memory without and with Deployments that have no label."""
    async with running_operator() as operator:
        empty = operator.memory()
    await create(api, OTHERS, UNRELATED, paused=True)
    async with running_operator() as operator:
        full = operator.memory()
    kubectl("delete", "namespace", OTHERS)
    print(f"memory: {empty:.1f} MiB; with {UNRELATED} unrelated: {full:.1f} MiB; ratio {full / empty:.2f}", flush=True)
    return full / empty <= MAX_MEMORY_RATIO


async def rounds(api: Client) -> Rounds:
    """Let the bare loop and the operator take turns, so that whatever else the machine does meets both.

    Neither takes its turn before everything that the other's caused is done: ReplicaSets, second looks, Events,
    OtelInjections, and the API server's own counting.
    """
    found = Rounds(Cost(), Cost(), 0, 0)
    async with running_operator() as operator:
        used = operator.cpu_seconds()
        await idle(api, operator)
        for number in range(ROUNDS):
            loop = await bare_loop(api, BARE[number])
            before = await counted_writes(api, operator)
            total = (number + 1) * INJECTIONS // ROUNDS
            found.operator.add(await inject_all(api, LABELLED[number], operator, total, loop.seconds))
            found.writes += await counted_writes(api, operator) - before
            found.loop.add(loop)
        found.all_cpu_seconds = operator.cpu_seconds() - used
    return found


async def bare_loop(api: Client, namespace: str) -> Cost:
    """Return what the same applies cost with nothing around them."""
    found = [item async for page in api.pages(paths.workloads(DEPLOYMENT, namespace)) for item in page["items"]]
    for item in found:
        item["metadata"]["labels"] = {INJECT_LABEL: "true"}
    views = [Workload.from_object(DEPLOYMENT, item, MANAGER) for item in found]
    bodies = [(paths.workload(each.key), decide(each, None, INPUTS).body or {}) for each in views]
    start, cpu = time.monotonic(), time.process_time()
    await all_of([lambda each=each: api.apply(*each, MANAGER) for each in bodies])  # type: ignore[misc]
    return Cost(time.monotonic() - start, time.process_time() - cpu)


async def inject_all(api: Client, namespace: str, operator: OperatorProcess, total: int, loop: float) -> Cost:
    """Label the namespace and return the cost until the operator's applies, `total` by now, have responses.

    Each question costs the operator a millisecond: none is asked in the seconds that the bare `loop` took.
    """
    start, cpu = time.monotonic(), operator.cpu_seconds()
    await api.merge(f"{paths.NAMESPACES}/{namespace}", {"metadata": {"labels": {INJECT_LABEL: "true"}}})
    await asyncio.sleep(loop)
    await until(lambda: operator.applied >= total, f"{total} Deployments are injected")
    return Cost(time.monotonic() - start, operator.cpu_seconds() - cpu)


def report(found: Rounds) -> bool:
    """Print the figures of the rounds; return whether their bounds are kept."""
    ratio = found.operator.seconds / found.loop.seconds
    seconds = f"{found.operator.seconds:.1f} s; bare loop: {found.loop.seconds:.1f} s; ratio {ratio:.2f}"
    print(f"{INJECTIONS} injections: {seconds}")
    in_all = 1000 * found.all_cpu_seconds / INJECTIONS
    operator, loop = found.operator.cpu_milliseconds, found.loop.cpu_milliseconds
    print(
        f"CPU an injection: {operator:.1f} ms, {in_all:.1f} ms with all that follows; bare loop: {loop:.1f} ms an apply"
    )
    print(f"writes of Deployments the API server counted: {found.writes:g}", flush=True)
    return ratio <= MAX_TIME_RATIO and found.writes == INJECTIONS


async def restart(api: Client) -> bool:
    """Start the operator again; return whether it writes nothing."""
    kubectl("delete", "namespace", *BARE)
    await settled(api)
    versions = await resource_versions(api)
    async with running_operator() as operator:
        known = 'spanloom_operator_workloads{kind="Deployment"}'
        await until(lambda: operator.metric(known) == INJECTIONS, "all are known again")
        writes = operator.applied
    changed = len(set(versions.items()) ^ set((await resource_versions(api)).items()))
    print(f"writes after a restart: {writes + changed:g}")
    return not writes and not changed


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (ApiError, TimeoutError) as error:
        sys.exit(f"bench-operator: {error}")
