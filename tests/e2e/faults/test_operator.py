"""The operator is killed, cut off, doubled and flooded; what it wrote is counted by the API server."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from support.cluster.kube import Kube
from support.cluster.operator_process import ACCOUNT, OperatorProcess, operator_process, scope_settings, write_config
from support.cluster.write_history import request_count, write_history
from support.polling import poll_until
from support.servers.tcp_proxy import tcp_proxy

from e2e.faults.breaking import kill
from e2e.faults.changes import OFF, Wishes, change_profile, create, generations, profile, put_label, shop
from e2e.faults.controllers import hurried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.plugins.faults import Tell
    from support.servers.tcp_proxy import TcpProxy

pytestmark = pytest.mark.timeout(600)
APPLIES = {"verb": "APPLY", "resource": "deployments"}
APART = 90  # seconds
MANY = 1000
AT_ONCE = 20


@contextmanager
def killed_at_random(operator: OperatorProcess, seed: int) -> Iterator[list[float]]:
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
        operator_process(account, tmp_path / "log", **scope_settings(home, kube)) as operator,
        write_history(kube, tmp_path / "history", len(wishes.needed)) as told,
        killed_at_random(operator, seed=2) as kills,
    ):
        told.wait_for(wishes.expected())  # each template as it was made has its ReplicaSet
        for _ in range(5):
            wishes.relabel(36)
            told.wait_for(wishes.expected())
            wishes.change_profiles()
            told.wait_for(wishes.expected())
    needed = {name: len(templates) for name, templates in wishes.needed.items()}
    replica_sets = kube.get("replicasets")["items"]
    tell(
        {}, 0, 0, *[f"{wishes.made} changes, {len(kills)} kills: {sum(needed.values()) - len(needed)} templates needed"]
    )
    assert wishes.made == 200
    assert needed == generations(kube)
    assert sum(len(set(templates)) for templates in wishes.needed.values()) == len(replica_sets)


@contextmanager
def apart(kube: Kube, proxy: TcpProxy) -> Iterator[None]:
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
    with tcp_proxy() as proxy:
        config = json.loads(kube("config", "view", "--raw", "--minify", "-o", "json"))
        proxy.target = config["clusters"][0]["cluster"]["server"]
        account = write_config(home, ACCOUNT, tmp_path / "kubeconfig", proxy.url.replace("http:", "https:"))
        with operator_process(account, tmp_path / "log", **scope_settings(home, kube)) as operator:
            first = {"kept": 1000, "left": 1000, "changed": 2000, "invalid": 3000, "late": None, "gone": 1000}
            with write_history(kube, tmp_path / "before", len(labels)) as told:
                told.wait_for(first)
            before = generations(kube)
            with apart(kube, proxy):
                put_label(kube, OFF, "left")
                put_label(kube, "steady", "late")
                kube("delete", "deployment", "gone")
                create(kube, shop("new", "steady"))
                change_profile(kube, "changing", 2001)
                change_profile(kube, "broken", 1)  # milliseconds: less than 100
            expected = {"kept": 1000, "left": None, "changed": 2001, "invalid": None, "late": 1000, "new": 1000}
            with write_history(kube, tmp_path / "after", len(expected)) as told:
                told.wait_for(expected)
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
            stack.enter_context(operator_process(account, tmp_path / log, **scope_settings(home, kube)))
        told = stack.enter_context(write_history(kube, tmp_path / "history", len(names)))
        put_label(kube, "true", *names)
        told.wait_for(dict.fromkeys(names, 1000))
        change_profile(kube, "default", 1001)
        told.wait_for(dict.fromkeys(names, 1001))
        put_label(kube, OFF, *names)
        told.wait_for(dict.fromkeys(names))
    tell({}, 0, 0, f"{3 * len(names)} writes needed, {sum(told.writes().values())} made")
    assert dict.fromkeys(names, 4) == generations(kube)
    assert dict.fromkeys(names, 3) == told.writes()


@pytest.mark.fault("1,000 labelled Deployments change their profile together")
def test_a_thousand_at_once(kube: Kube, home: Kube, account: Path, tmp_path: Path, tell: Tell) -> None:
    """As many as the setting says, 20, are rolled at a time; each is written once, and no request is turned away."""
    names = [f"shop-{number}" for number in range(MANY)]
    create(kube, profile("default", 1000))
    quarters = [names[first::4] for first in range(4)]
    settings = {**scope_settings(home, kube), "ROLLOUTS": str(AT_ONCE)}
    with hurried(kube.kubeconfig), operator_process(account, tmp_path / "log", **settings):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda some: create(kube, *(shop(name, "true") for name in some)), quarters))
        with write_history(kube, tmp_path / "before", MANY) as told:
            told.wait_for(dict.fromkeys(names, 1000), 400)
        with write_history(kube, tmp_path / "history", MANY) as told:
            before, refused = request_count(kube, **APPLIES), request_count(kube, code="429")
            change_profile(kube, "default", 1001)
            told.wait_for(dict.fromkeys(names, 1001), 400)
            applies, refused = request_count(kube, **APPLIES) - before, request_count(kube, code="429") - refused
    writes = told.writes()
    rollouts = told.max_concurrent_rollouts()
    tell({}, 0, 0, f"{applies} applies, {sum(writes.values())} writes; {rollouts} rolled at once; {refused} refused")
    assert dict.fromkeys(names, 1) == writes
    assert (MANY, 0) == (applies, refused)
    assert rollouts <= AT_ONCE
