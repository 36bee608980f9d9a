"""The writes that the API server has seen: every version of a Deployment, and its request counters."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.cluster.kube import Kube

PROFILE_VERSION = "OTEL_BSP_SCHEDULE_DELAY"  # the variable whose value shows which version of a profile is injected
FIELDS = (
    ".metadata.name",
    ".metadata.resourceVersion",
    ".metadata.generation",
    ".status.observedGeneration",
    '.status.conditions[?(@.type=="Progressing")].reason',
    f'.spec.template.spec.containers[0].env[?(@.name=="{PROFILE_VERSION}")].value',
)
TEMPLATE = "|".join(f"{{.object{field}}}" for field in FIELDS) + '{"\\n"}'


class DeploymentVersion(NamedTuple):
    """One version of a Deployment: `injected` is its value of PROFILE_VERSION."""

    name: str
    version: str
    generation: int
    observed: int
    progress: str
    injected: int | None

    @property
    def is_rolled_out(self) -> bool:
        return self.observed >= self.generation and self.progress == "NewReplicaSetAvailable"


class WriteHistory:
    """All versions of the Deployments of a namespace in order, read from the output of a watch in `path`."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self._versions: list[DeploymentVersion] = []
        self._latest: dict[str, DeploymentVersion] = {}

    @property
    def versions(self) -> list[DeploymentVersion]:
        with self._path.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                if not line.startswith(b"|"):  # a bookmark
                    version = _version(*line.decode().strip().split("|", len(FIELDS) - 1))
                    self._versions.append(version)
                    self._latest[version.name] = version
        return self._versions

    @property
    def latest(self) -> dict[str, DeploymentVersion]:
        """The newest version of each Deployment, deleted ones included."""
        return self._latest if self.versions else {}

    def wait_for(self, expected: Mapping[str, int | None], seconds: float = 120) -> None:
        """Wait until each Deployment has its value of PROFILE_VERSION and is rolled out; or TimeoutError."""

        def present() -> dict[str, int | None]:
            return {version.name: version.injected for version in self.latest.values()}

        poll_until(lambda: present() == expected, "every Deployment has the expected value", seconds)
        poll_until(
            lambda: all(v.is_rolled_out for v in self.latest.values()), "every Deployment is rolled out", seconds
        )

    def writes(self) -> dict[str, int]:
        """Return how often each Deployment's spec was changed."""
        last: dict[str, int] = {}
        found: dict[str, int] = {}
        for version in self.versions:
            found[version.name] = found.get(version.name, -1) + (last.get(version.name) != version.generation)
            last[version.name] = version.generation
        return found

    def max_concurrent_rollouts(self) -> int:
        """Return the largest number of Deployments that were rolling out at the same time."""
        generations: dict[str, int] = {}
        rolling: set[str] = set()
        most = 0
        for version in self.versions:
            if version.generation > generations.setdefault(version.name, version.generation):
                rolling.add(version.name)
                generations[version.name] = version.generation
            if version.is_rolled_out:
                rolling.discard(version.name)
            most = max(most, len(rolling))
        return most


@contextmanager
def write_history(kube: Kube, path: Path, count: int) -> Iterator[WriteHistory]:
    """Watch the Deployments of the namespace, of which there are `count`, and write their versions to `path`."""
    command = ["kubectl", "--kubeconfig", kube.kubeconfig, "--namespace", kube.namespace, "get", "deployments"]
    command += ["--watch", "--output-watch-events", "--chunk-size=0", f"--output=jsonpath={TEMPLATE}"]
    with path.open("w") as output:
        watch = subprocess.Popen(command, stdout=output)
    found = WriteHistory(path)
    try:
        poll_until(lambda: len(found.latest) == count, "every Deployment is in the history", 60)
        yield found
    finally:
        watch.terminate()
        watch.wait()


def request_count(kube: Kube, **labels: str) -> int:
    """Return how many requests with these labels the API server has counted since it started."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = kube("get", "--raw", "/metrics").splitlines()
    found = [line for line in lines if line.startswith("apiserver_request_total{") and all(w in line for w in wanted)]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


def _version(
    name: str, version: str, generation: str, observed: str, progress: str, injected: str
) -> DeploymentVersion:
    value = int(injected) if injected else None
    return DeploymentVersion(name, version, int(generation), int(observed or 0), progress, value)
