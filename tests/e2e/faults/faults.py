"""Faults of a release's parts, and their repair."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from support.cluster.kube import is_ready
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from support.cluster.helm_release import Release
    from support.cluster.kube import Object

SMALL = "24m"


class Disk(NamedTuple):
    """A volume, by its path in a node."""

    node: str
    path: str

    def fill(self) -> None:
        """Fill the volume completely."""
        on_node(self.node, "dd", "if=/dev/zero", f"of={self.path}/filler", "bs=4k", succeeds=False)  # until it is full

    def take(self, mebibytes: int) -> None:
        on_node(self.node, "dd", "if=/dev/zero", f"of={self.path}/filler", "bs=1M", f"count={mebibytes}")

    def free(self) -> None:
        on_node(self.node, "rm", f"{self.path}/filler")


def on_node(node: str, *command: str, succeeds: bool = True) -> str:
    """Run a command as root in a node of kind."""
    done = subprocess.run(["docker", "exec", node, *command], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == succeeds, done.stderr
    return done.stdout


def the_pod(release: Release, part: str) -> Object:
    (pod,) = release.pods(part)
    return pod


def kill(pod: Object) -> None:
    """Send SIGKILL to every process of the pod's only container; the node finds them by their cgroup."""
    (status,) = pod["status"]["containerStatuses"]
    container = status["containerID"].removeprefix("containerd://")
    script = f"kill -KILL $(grep -ls {container} /proc/[0-9]*/cgroup | cut -d/ -f3)"
    on_node(pod["spec"]["nodeName"], "sh", "-c", script)


def evict(release: Release, pod: Object) -> None:
    """Evict a pod through the API, as `kubectl drain` does."""
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": release.name}}
    path = f"/api/v1/namespaces/{release.name}/pods/{name}/eviction"
    release.kube("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


def wait_until_ready(release: Release, part: str, *, after: Object) -> None:
    """Wait until the part has one ready pod that is not `after`, or was restarted since."""

    def again() -> bool:
        pods = release.pods(part)
        return len(pods) == 1 and containers(pods[0]) != containers(after) and is_ready(pods[0])

    poll_until(again, f"{part} is ready again", 120)


@contextmanager
def without(release: Release, part: str) -> Iterator[None]:
    """Scale a part to zero replicas inside the block."""
    kind = "deployment" if part == "jaeger" else "statefulset"
    workload = f"{kind}/{release.name}-{part}"
    release.kube("scale", workload, "--replicas=0")
    poll_until(lambda: not release.pods(part), f"{part} is deleted", 120)
    try:
        yield
    finally:
        release.kube("scale", workload, "--replicas=1")
        release.kube("rollout", "status", workload, "--timeout=120s")


def small_disk(release: Release) -> AbstractContextManager[Disk]:
    """Mount 24 MiB as the Collector's volume inside the block; its queue starts and ends empty."""
    return small_volume(release, "otel-collector", "queue", SMALL)


@contextmanager
def small_volume(release: Release, part: str, name: str, size: str) -> Iterator[Disk]:
    """Mount a small volume, empty, over that of a StatefulSet inside the block."""
    node = the_pod(release, part)["spec"]["nodeName"]
    claim = release.kube.get(f"persistentvolumeclaim/{name}-{release.name}-{part}-0")
    volume = release.kube.get(f"persistentvolume/{claim['spec']['volumeName']}")["spec"]
    path = (volume.get("hostPath") or volume["local"])["path"]
    with without(release, part):
        on_node(node, "mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", path)
    try:
        yield Disk(node, path)
    finally:
        with without(release, part):
            on_node(node, "umount", path)


def containers(pod: Object) -> list[str]:
    return [status.get("containerID", "") for status in pod["status"].get("containerStatuses", [])]
