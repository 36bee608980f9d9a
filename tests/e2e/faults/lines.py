"""Pods that print numbered lines, and what is stored of them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.cluster.victoria_logs import records
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release
    from support.cluster.kube import Object

PROGRAM = """\
import pathlib, time
number = 0
while not pathlib.Path("/tmp/stop").exists():
    print(f"line {number}", flush=True)
    number += 1
    time.sleep(0.02)
"""
ENOUGH = 150  # lines


def pod(name: str, program: str, labels: Object | None = None) -> Object:
    """Return a pod that runs a program of Python once."""
    own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {"name": name, "image": "python:3.13-slim", "command": ["python3", "-c", program]}
    container |= {"securityContext": own, "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    spec |= {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


@contextmanager
def printing(release: Release, name: str) -> Iterator[None]:
    """Print fifty lines a second inside the block, and many before the block begins and after it ends."""
    release.kube.apply(pod(name, PROGRAM))
    _until_more_are_stored(release, name)
    yield
    _until_more_are_stored(release, name)
    release.kube("exec", name, "--", "touch", "/tmp/stop")
    release.kube("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")


def _until_more_are_stored(release: Release, name: str) -> None:
    goal = len(stored(release, name)) + ENOUGH
    poll_until(lambda: len(stored(release, name)) >= goal, f"{ENOUGH} more lines are stored", 90)


def printed(release: Release, name: str) -> list[str]:
    return release.kube("logs", name, "--tail=-1").splitlines()


def records_of(release: Release, name: str) -> list[dict[str, Any]]:
    """Return every stored line of a pod's container."""
    with release.reach("victoria-logs", 9428) as logs:
        return records(logs, f'k8s.namespace.name:="{release.name}" k8s.container.name:="{name}"')


def stored(release: Release, name: str) -> Counter[str]:
    """Return how often each line of the container is stored."""
    return Counter(record["_msg"] for record in records_of(release, name))


def positions(release: Release, name: str) -> set[tuple[str, str]]:
    """Return each stored line with its position in the file."""
    return {(record["_msg"], record["log.file.record_offset"]) for record in records_of(release, name)}
