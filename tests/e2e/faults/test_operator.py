"""The operator is killed, disconnected, doubled and overloaded; the API server counts its writes."""

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

from e2e.faults.changes import OFF, Changes, change_profile, create, generations, profile, set_label, shop
from e2e.faults.controllers import faster_controllers
from e2e.faults.faults import kill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.plugins.faults import Record
    from support.servers.tcp_proxy import TcpProxy

pytestmark = pytest.mark.timeout(600)
APPLIES = {"verb": "APPLY", "resource": "deployments"}
DISCONNECTED_SECONDS = 90
MANY = 1000
MAX_ROLLOUTS = 20


@contextmanager
def killed_at_random(operator: OperatorProcess, seed: int) -> Iterator[list[float]]:
    """Kill and restart the operator at random moments; yield the list of them, in seconds after a start."""
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
        operator.wait_until_started()


@pytest.mark.long
@pytest.mark.fault("operator killed (SIGKILL) at random during 200 changes of labels and profiles")
def test_kills_at_random_lose_no_change(kube: Kube, home: Kube, account: Path, tmp_path: Path, record: Record) -> None:
    """Every change is applied exactly once: one new pod template and one ReplicaSet for each configuration."""
    changes = Changes(kube, deployments=40, profiles=4, seed=1)
    with (
        operator_process(account, tmp_path / "log", **scope_settings(home, kube)) as operator,
        write_history(kube, tmp_path / "history", len(changes.needed)) as history,
        killed_at_random(operator, seed=2) as kills,
    ):
        history.wait_for(changes.expected())  # each template without injection has its ReplicaSet
        for _ in range(5):
            changes.relabel(36)
            history.wait_for(changes.expected())
            changes.change_profiles()
            history.wait_for(changes.expected())
    needed = {name: len(templates) for name, templates in changes.needed.items()}
    replica_sets = kube.get("replicasets")["items"]
    templates, written = (sum(count.values()) - len(count) for count in (needed, generations(kube)))
    record({}, 0, 0, f"{changes.made} changes, {len(kills)} kills: {written} of {templates} templates written")
    assert changes.made == 200
    assert needed == generations(kube)
    assert sum(len(set(templates)) for templates in changes.needed.values()) == len(replica_sets)


@contextmanager
def disconnected(kube: Kube, proxy: TcpProxy) -> Iterator[None]:
    """Restart the API server; clients behind the proxy get no response for 90 s."""
    with proxy.mode("hold"):
        end = time.monotonic() + DISCONNECTED_SECONDS
        restart_api_server(kube)
        yield
        poll_until(lambda: time.monotonic() > end, "the disconnection is over", DISCONNECTED_SECONDS)


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


@pytest.mark.long
@pytest.mark.fault("API server restarted (SIGKILL), and not reachable for the operator for 90 s")
def test_api_server_disconnected(kube: Kube, home: Kube, tmp_path: Path, record: Record) -> None:
    """The operator keeps running; each Deployment that changed meanwhile gets one write, every other none."""
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
            with write_history(kube, tmp_path / "before", len(labels)) as history:
                history.wait_for(first)
            before = generations(kube)
            with disconnected(kube, proxy):
                set_label(kube, OFF, "left")
                set_label(kube, "steady", "late")
                kube("delete", "deployment", "gone")
                create(kube, shop("new", "steady"))
                change_profile(kube, "changing", 2001)
                change_profile(kube, "broken", 1)  # milliseconds: less than 100
            expected = {"kept": 1000, "left": None, "changed": 2001, "invalid": None, "late": 1000, "new": 1000}
            with write_history(kube, tmp_path / "after", len(expected)) as history:
                history.wait_for(expected)
            assert operator.process.poll() is None
    after = generations(kube)
    written = {name: after[name] - before.get(name, 1) for name in after}
    record({}, 0, 0, f"{sum(written.values())} of 5 changed Deployments updated with one write each; 1 unchanged")
    assert {"kept": 0, "left": 1, "changed": 1, "invalid": 1, "late": 1, "new": 1} == written


@pytest.mark.fault("two operators at once")
def test_two_operators_do_not_conflict(kube: Kube, home: Kube, account: Path, tmp_path: Path, record: Record) -> None:
    """They do not conflict: every change is written once, by one of the two."""
    names = [f"shop-{number}" for number in range(50)]
    create(kube, profile("default", 1000), *map(shop, names))
    with ExitStack() as stack:
        for log in ("one", "other"):
            stack.enter_context(operator_process(account, tmp_path / log, **scope_settings(home, kube)))
        history = stack.enter_context(write_history(kube, tmp_path / "history", len(names)))
        set_label(kube, "true", *names)
        history.wait_for(dict.fromkeys(names, 1000))
        change_profile(kube, "default", 1001)
        history.wait_for(dict.fromkeys(names, 1001))
        set_label(kube, OFF, *names)
        history.wait_for(dict.fromkeys(names))
    record({}, 0, 0, f"{sum(history.writes().values())} of {3 * len(names)} writes made")
    assert dict.fromkeys(names, 4) == generations(kube)
    assert dict.fromkeys(names, 3) == history.writes()


@pytest.mark.long
@pytest.mark.fault("1,000 labelled Deployments change their profile together")
def test_a_thousand_rollouts_are_limited(kube: Kube, home: Kube, account: Path, tmp_path: Path, record: Record) -> None:
    """At most 20 (the setting) roll out at a time; each is written once, and no request is throttled."""
    names = [f"shop-{number}" for number in range(MANY)]
    create(kube, profile("default", 1000))
    quarters = [names[first::4] for first in range(4)]
    settings = {**scope_settings(home, kube), "ROLLOUTS": str(MAX_ROLLOUTS)}
    with faster_controllers(kube.kubeconfig), operator_process(account, tmp_path / "log", **settings):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda some: create(kube, *(shop(name, "true") for name in some)), quarters))
        with write_history(kube, tmp_path / "before", MANY) as history:
            history.wait_for(dict.fromkeys(names, 1000), 400)
        with write_history(kube, tmp_path / "history", MANY) as history:
            before, refused = request_count(kube, **APPLIES), request_count(kube, code="429")
            change_profile(kube, "default", 1001)
            history.wait_for(dict.fromkeys(names, 1001), 400)
            applies, refused = request_count(kube, **APPLIES) - before, request_count(kube, code="429") - refused
    written, rollouts = history.writes(), history.max_concurrent_rollouts()
    at_a_time = f"at most {rollouts} rollouts at a time"
    record({}, 0, 0, f"{applies} applies, {sum(written.values())} writes; {at_a_time}; {refused} throttled")
    assert dict.fromkeys(names, 1) == written
    assert (MANY, 0) == (applies, refused)
    assert rollouts <= MAX_ROLLOUTS
