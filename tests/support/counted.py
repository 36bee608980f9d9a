"""What the API server itself tells of writes: every version of a Deployment, and its own counters."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.kube import Kube

SHOWN = "OTEL_BSP_SCHEDULE_DELAY"  # the variable of a profile that tells which version of it is injected
FIELDS = (
    ".metadata.name",
    ".metadata.resourceVersion",
    ".metadata.generation",
    ".status.observedGeneration",
    '.status.conditions[?(@.type=="Progressing")].reason',
    f'.spec.template.spec.containers[0].env[?(@.name=="{SHOWN}")].value',
    r".metadata.annotations.spanloom\.dev/status",
)
TEMPLATE = "|".join(f"{{.object{field}}}" for field in FIELDS) + '{"\\n"}'


class Version(NamedTuple):
    """One version of a Deployment: `shown` is its value of SHOWN, `status` the operator's annotation."""

    name: str
    version: str
    generation: int
    observed: int
    progress: str
    shown: int | None
    status: str

    @property
    def complete(self) -> bool:
        return self.observed >= self.generation and self.progress == "NewReplicaSetAvailable"


class History:
    """All versions of the Deployments of a namespace, in their order, as a watch writes them to `path`."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self._versions: list[Version] = []
        self._latest: dict[str, Version] = {}

    @property
    def versions(self) -> list[Version]:
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
    def latest(self) -> dict[str, Version]:
        """The newest version of each Deployment that there ever was."""
        return self._latest if self.versions else {}

    def until(self, expected: Mapping[str, int | None], seconds: float = 120) -> None:
        """Wait until each Deployment has its value of SHOWN, and the Deployment controller has done its part."""

        def present() -> dict[str, int | None]:
            return {version.name: version.shown for version in self.latest.values()}

        poll_until(lambda: present() == expected, "every Deployment has what it should", seconds)
        poll_until(lambda: all(v.complete for v in self.latest.values()), "every template is rolled out", seconds)

    def writes(self) -> dict[str, int]:
        """Return how often each Deployment's spec or the operator's annotation was changed."""
        last: dict[str, tuple[int, str]] = {}
        found: dict[str, int] = {}
        for version in self.versions:
            content = version.generation, version.status
            found[version.name] = found.get(version.name, -1) + (last.get(version.name) != content)
            last[version.name] = content
        return found

    def most_at_once(self) -> int:
        """Return how many Deployments at most were being rolled out at one time."""
        generations: dict[str, int] = {}
        rolling: set[str] = set()
        most = 0
        for version in self.versions:
            if version.generation > generations.setdefault(version.name, version.generation):
                rolling.add(version.name)
                generations[version.name] = version.generation
            if version.complete:
                rolling.discard(version.name)
            most = max(most, len(rolling))
        return most


@contextmanager
def history(kube: Kube, path: Path, count: int) -> Iterator[History]:
    """Watch the Deployments of the namespace, `count` now, inside the block, and write their versions to `path`."""
    command = ["kubectl", "--kubeconfig", kube.kubeconfig, "--namespace", kube.namespace, "get", "deployments"]
    command += ["--watch", "--output-watch-events", "--chunk-size=0", f"--output=jsonpath={TEMPLATE}"]
    with path.open("w") as output:
        watch = subprocess.Popen(command, stdout=output)
    found = History(path)
    try:
        poll_until(lambda: len(found.latest) == count, "all are in the history", 60)
        yield found
    finally:
        watch.terminate()
        watch.wait()


def requests(kube: Kube, **labels: str) -> int:
    """Return how many requests with these labels the API server has counted since it started."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = kube("get", "--raw", "/metrics").splitlines()
    found = [line for line in lines if line.startswith("apiserver_request_total{") and all(w in line for w in wanted)]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


def _version(
    name: str, version: str, generation: str, observed: str, progress: str, shown: str, status: str
) -> Version:
    value = int(shown) if shown else None
    return Version(name, version, int(generation), int(observed or 0), progress, value, status)
