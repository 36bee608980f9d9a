"""The operator is killed, cut off, doubled and flooded; what it wrote is counted by the API server."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from faults.cluster.breaking import kill
from faults.cluster.controllers import hurried
from support.between import between
from support.counted import SHOWN, history, requests
from support.kube import Kube
from support.operating import ACCOUNT, Operator, installed, operating, write_config
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.conftest import Tell
    from support.between import Between
    from support.kube import Object

pytestmark = pytest.mark.timeout(600)
LABEL = "spanloom.dev/inject"
OFF = ""
APPLIES = {"verb": "APPLY", "resource": "deployments"}
APART = 90  # seconds
MANY = 1000
AT_ONCE = 20


@pytest.fixture(scope="module")
def home() -> Iterator[Kube]:
    """Make the operator's namespace, with everything of the chart but its pods."""
    with installed(f"op-faults-{uuid4().hex[:6]}") as kube:
        yield kube


@pytest.fixture(scope="module")
def account(home: Kube, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a kubeconfig of the operator's account."""
    return write_config(home, ACCOUNT, tmp_path_factory.mktemp("operator") / "kubeconfig")


@pytest.fixture
def kube(home: Kube) -> Iterator[Kube]:
    """Make a namespace of the test's own."""
    mine = Kube(f"op-faults-{uuid4().hex[:6]}")
    mine("create", "namespace", mine.namespace)
    yield mine
    mine("delete", "namespace", mine.namespace, "--wait=false")


def shop(name: str, label: str = OFF) -> Object:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "none:0"}]}}
    history = {"revisionHistoryLimit": 1000, "progressDeadlineSeconds": 600}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {LABEL: label} if label else {}},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod, **history},
    }


def profile(name: str, value: int) -> Object:
    env = [{"name": SHOWN, "value": str(value)}]
    kind = {"apiVersion": "spanloom.dev/v1alpha1", "kind": "OtelProfile"}
    return {**kind, "metadata": {"name": name}, "spec": {"env": env}}


def create(kube: Kube, *things: Object) -> None:
    kube(
        "create", "--validate=false", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": things})
    )


def change_profile(kube: Kube, name: str, value: int) -> None:
    patch = json.dumps({"spec": profile(name, value)["spec"]})
    kube("patch", "otelprofile", name, "--type=merge", f"--patch={patch}")


def put_label(kube: Kube, label: str, *names: str) -> None:
    kube("label", "--overwrite", "deployment", *names, f"{LABEL}={label}" if label else f"{LABEL}-")


def generations(kube: Kube) -> dict[str, int]:
    return {item["metadata"]["name"]: int(item["metadata"]["generation"]) for item in kube.get("deployments")["items"]}


class Wishes:
    """What people ask for, change by change, and the templates that each Deployment needs in turn."""

    def __init__(self, kube: Kube, deployments: int, profiles: int, seed: int) -> None:
        self._kube, self._random = kube, random.Random(seed)
        self._profiles = {f"profile-{number}": 1000 + number for number in range(profiles)}
        self._labels = {f"shop-{number}": OFF for number in range(deployments)}
        self.needed: dict[str, list[int | None]] = {name: [None] for name in self._labels}
        self.made = 0
        create(kube, *(profile(*each) for each in self._profiles.items()), *map(shop, self._labels))

    def expected(self) -> dict[str, int | None]:
        return {name: self._profiles.get(label) for name, label in self._labels.items()}

    def relabel(self, number: int) -> None:
        """Give so many Deployments another profile, or none."""
        chosen = self._random.sample(sorted(self._labels), number)
        new = {name: self._random.choice(sorted({OFF, *self._profiles} - {self._labels[name]})) for name in chosen}
        for label in sorted(set(new.values())):
            put_label(self._kube, label, *(name for name in chosen if new[name] == label))
        self._labels |= new
        self._note(number)

    def change_profiles(self) -> None:
        """Change every profile."""
        for name in self._profiles:
            self._profiles[name] += 10
            change_profile(self._kube, name, self._profiles[name])
        self._note(len(self._profiles))

    def _note(self, changes: int) -> None:
        self.made += changes
        for name, value in self.expected().items():
            if value != self.needed[name][-1]:
                self.needed[name].append(value)


@contextmanager
def killed_at_random(operator: Operator, seed: int) -> Iterator[list[float]]:
    """Kill the operator and start it again, at random moments inside the block; give when (seconds after a start)."""
    moments, ended, chance = [], Event(), random.Random(seed)

    def work() -> None:
        while not ended.wait(moment := chance.uniform(0.5, 6)):
            operator.kill()
            operator.start()
            moments.append(moment)

    killer = Thread(target=work)
    killer.start()
    try:
        yield moments
    finally:
        ended.set()
        killer.join()


@pytest.mark.fault("operator killed (SIGKILL) at random during 200 changes of labels and profiles")
def test_killed_at_random(kube: Kube, home: Kube, account: Path, tmp_path: Path, tell: Tell) -> None:
    """Every change is carried out, and none twice: one new template and one ReplicaSet for each that is needed."""
    wishes = Wishes(kube, deployments=40, profiles=4, seed=1)
    with (
        operating(account, tmp_path / "log", NAMESPACE=home.namespace) as operator,
        history(kube, tmp_path / "history", len(wishes.needed)) as told,
        killed_at_random(operator, seed=2) as kills,
    ):
        told.until(wishes.expected())  # each template as it was made has its ReplicaSet
        for _ in range(5):
            wishes.relabel(36)
            told.until(wishes.expected())
            wishes.change_profiles()
            told.until(wishes.expected())
    needed = {name: len(templates) for name, templates in wishes.needed.items()}
    replica_sets = kube.get("replicasets")["items"]
    tell(
        {}, 0, 0, *[f"{wishes.made} changes, {len(kills)} kills: {sum(needed.values()) - len(needed)} templates needed"]
    )
    assert wishes.made == 200
    assert needed == generations(kube)
    assert sum(len(set(templates)) for templates in wishes.needed.values()) == len(replica_sets)


@contextmanager
def apart(kube: Kube, proxy: Between) -> Iterator[None]:
    """Restart the API server; who reaches it by the proxy gets no answer for 90 s, while the block is run."""
    with proxy.mode("hold"):
        end = time.monotonic() + APART
        restart_api_server(kube)
        yield
        poll_until(lambda: time.monotonic() > end, "the time is over", APART)


def restart_api_server(kube: Kube) -> None:
    system = Kube("kube-system", kube.kubeconfig)
    (pod,) = system.get("pods", "--selector=component=kube-apiserver")["items"]
    kill(pod)
    poll_until(lambda: is_ready(system), "the API server is ready again", 120)


def is_ready(kube: Kube) -> bool:
    try:
        return kube("get", "--raw", "/readyz") == "ok"
    except AssertionError:
        return False


@pytest.mark.fault("API server restarted (SIGKILL), and out of the operator's reach for 90 s")
def test_api_server_away(kube: Kube, home: Kube, tmp_path: Path, tell: Tell) -> None:
    """The operator lives on; what was changed meanwhile is taken up with one write each, and nothing else written."""
    create(kube, profile("steady", 1000), profile("changing", 2000), profile("broken", 3000))
    labels = {
        "kept": "steady",
        "left": "steady",
        "changed": "changing",
        "invalid": "broken",
        "late": OFF,
        "gone": "steady",
    }
    create(kube, *(shop(*each) for each in labels.items()))
    with between() as proxy:
        config = json.loads(kube("config", "view", "--raw", "--minify", "-o", "json"))
        proxy.target = config["clusters"][0]["cluster"]["server"]
        account = write_config(home, ACCOUNT, tmp_path / "kubeconfig", proxy.url.replace("http:", "https:"))
        with operating(account, tmp_path / "log", NAMESPACE=home.namespace) as operator:
            first = {"kept": 1000, "left": 1000, "changed": 2000, "invalid": 3000, "late": None, "gone": 1000}
            with history(kube, tmp_path / "before", len(labels)) as told:
                told.until(first)
            before = generations(kube)
            with apart(kube, proxy):
                put_label(kube, OFF, "left")
                put_label(kube, "steady", "late")
                kube("delete", "deployment", "gone")
                create(kube, shop("new", "steady"))
                change_profile(kube, "changing", 2001)
                change_profile(kube, "broken", 1)  # milliseconds: less than 100
            expected = {"kept": 1000, "left": None, "changed": 2001, "invalid": None, "late": 1000, "new": 1000}
            with history(kube, tmp_path / "after", len(expected)) as told:
                told.until(expected)
            assert operator.process.poll() is None
    after = generations(kube)
    written = {name: after[name] - before.get(name, 1) for name in after}
    tell({}, 0, 0, f"{sum(written.values())} of 5 Deployments changed meanwhile taken up, one write each; 1 left alone")
    assert {"kept": 0, "left": 1, "changed": 1, "invalid": 1, "late": 1, "new": 1} == written


@pytest.mark.fault("two operators at once")
def test_two_at_once(kube: Kube, home: Kube, account: Path, tmp_path: Path, tell: Tell) -> None:
    """They do not fight: every change is written once, by the one or the other."""
    names = [f"shop-{number}" for number in range(50)]
    create(kube, profile("default", 1000), *map(shop, names))
    with ExitStack() as stack:
        for log in ("one", "other"):
            stack.enter_context(operating(account, tmp_path / log, NAMESPACE=home.namespace))
        told = stack.enter_context(history(kube, tmp_path / "history", len(names)))
        put_label(kube, "true", *names)
        told.until(dict.fromkeys(names, 1000))
        change_profile(kube, "default", 1001)
        told.until(dict.fromkeys(names, 1001))
        put_label(kube, OFF, *names)
        told.until(dict.fromkeys(names))
    tell({}, 0, 0, f"{3 * len(names)} writes needed, {sum(told.writes().values())} made")
    assert dict.fromkeys(names, 4) == generations(kube)
    assert dict.fromkeys(names, 3) == told.writes()


@pytest.mark.fault("1,000 labelled Deployments change their profile together")
def test_a_thousand_at_once(kube: Kube, home: Kube, account: Path, tmp_path: Path, tell: Tell) -> None:
    """As many as the setting says, 20, are rolled at a time; each is written once, and no request is turned away."""
    names = [f"shop-{number}" for number in range(MANY)]
    create(kube, profile("default", 1000))
    quarters = [names[first::4] for first in range(4)]
    settings = {"NAMESPACE": home.namespace, "ROLLOUTS": str(AT_ONCE)}
    with hurried(kube.kubeconfig), operating(account, tmp_path / "log", **settings):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda some: create(kube, *(shop(name, "true") for name in some)), quarters))
        with history(kube, tmp_path / "before", MANY) as told:
            told.until(dict.fromkeys(names, 1000), 400)
        with history(kube, tmp_path / "history", MANY) as told:
            before, refused = requests(kube, **APPLIES), requests(kube, code="429")
            change_profile(kube, "default", 1001)
            told.until(dict.fromkeys(names, 1001), 400)
            applies, refused = requests(kube, **APPLIES) - before, requests(kube, code="429") - refused
    writes = told.writes()
    tell(
        {},
        0,
        0,
        f"{applies} applies, {sum(writes.values())} writes; {told.most_at_once()} rolled at once; {refused} refused",
    )
    assert dict.fromkeys(names, 1) == writes
    assert (MANY, 0) == (applies, refused)
    assert told.most_at_once() <= AT_ONCE
