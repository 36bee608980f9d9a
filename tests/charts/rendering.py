"""The objects of a chart, rendered by the helm of this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Object = dict[str, Any]

ROOT = Path(__file__).parents[2]
HELM = ROOT / "helm"
GOLDEN = Path(__file__).parent / "golden"
KUBERNETES = "1.34.0"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")


@dataclass(frozen=True)
class Case:
    """A chart with one file of values: ci/NAME-values.yaml of the chart, or a profile of deploy/values."""

    chart: str
    values: Path

    @property
    def name(self) -> str:
        return self.values.stem.removesuffix("-values")

    @property
    def golden(self) -> Path:
        return GOLDEN / self.chart / f"{self.name}.yaml"

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of Helm; rendering without a cluster requires the Secret of the database."""
        return [f"--values={self.values}", *self._secret()]

    def _secret(self) -> list[str]:
        values = yaml.safe_load(self.values.read_text()) or {}
        database = values if self.chart == "postgres" else values.get("postgres", {})
        if self.chart not in ("postgres", "spanloom") or database.get("existingSecret") or database.get("mode"):
            return []
        return [f"--set={'' if self.chart == 'postgres' else 'postgres.'}existingSecret=demo-postgres"]

    def __str__(self) -> str:
        return f"{self.chart}-{self.name}"


def charts() -> list[str]:
    """Return every chart that can be installed; a library chart cannot."""
    return sorted(p.parent.name for p in HELM.glob("*/Chart.yaml") if (p.parent / "ci").is_dir())


def cases() -> list[Case]:
    own = [Case(chart, path) for chart in charts() for path in sorted((HELM / chart / "ci").glob("*.yaml"))]
    return own + [Case("spanloom", path) for path in sorted((ROOT / "deploy" / "values").glob("*.yaml"))]


def cases_with(part: str) -> list[Case]:
    """Return the cases of the chart `part`, and those of the umbrella chart that do not disable it."""
    return [case for case in cases() if case.chart == part or (case.chart == "spanloom" and _enabled(case, part))]


def _enabled(case: Case, part: str) -> bool:
    values = yaml.safe_load(case.values.read_text())
    return bool(values.get(part, {}).get("enabled", True))


def require(program: str) -> str:
    """Return the path of `program`; skip the test if this machine does not have it."""
    return shutil.which(program) or pytest.skip(f"{program} is not on PATH")


def template(chart: Path | str, *arguments: str, helm: str = "helm") -> subprocess.CompletedProcess[str]:
    """Run `helm template` for a release named `demo`."""
    command = [require(helm), "template", "demo", str(chart), "--namespace=spanloom", f"--kube-version={KUBERNETES}"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


@cache
def render(case: Case, helm: str = "helm") -> str:
    """Return the manifest of the case."""
    done = template(HELM / case.chart, *case.arguments, helm=helm)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def objects(case: Case, helm: str = "helm") -> tuple[Object, ...]:
    documents = yaml.load_all(render(case, helm), Loader=yaml.CSafeLoader)
    return tuple(document for document in documents if document)


def of_kind(case: Case, *kinds: str) -> list[Object]:
    return [item for item in objects(case) if item["kind"] in kinds]


def named(case: Case, kind: str, name: str) -> Object:
    """Return the object of this kind and name; ValueError if there is none."""
    (item,) = (item for item in of_kind(case, kind) if item["metadata"]["name"] == name)
    return item


def pod_templates(case: Case) -> list[Object]:
    """Return metadata and spec of every pod of the case: of workloads, CronJobs and `helm test`."""
    return pods_of(objects(case))


def pods_of(items: Iterable[Object]) -> list[Object]:
    return [pod for item in items for pod in _pods(item)]


def _pods(item: Object) -> Iterator[Object]:
    if item["kind"] == "Pod":
        yield item
    elif item["kind"] == "CronJob":
        yield item["spec"]["jobTemplate"]["spec"]["template"]
    elif item["kind"] in WORKLOADS:
        yield item["spec"]["template"]


def containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def selects(selector: Object, labels: Object) -> bool:
    """Return whether a label selector of equalities selects `labels`; the empty selector selects everything."""
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def show(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}\n{json.dumps(item, indent=1)}"
