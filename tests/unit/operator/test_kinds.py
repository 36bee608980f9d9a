"""Every kind of workload: injected, restored, recorded and cleaned up as a Deployment is."""

from __future__ import annotations

import asyncio
import re
from copy import deepcopy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders.deployments import Object, deployment, env, of_kind, workload_of
from support.builders.strategies import CONTAINERS
from support.servers.simulation import DEMO, Simulation, injection_path, namespace, set_value, started

from spanloom_operator.controller.cleanup import withdraw_everything
from spanloom_operator.injection.decision import Inputs, requested_profile
from spanloom_operator.injection.record import record_key
from spanloom_operator.kinds import DEPLOYMENT, KINDS, MAX_NAME_LENGTH, Kind, WorkloadKey
from spanloom_operator.names import INJECT_LABEL

ON = {INJECT_LABEL: "true"}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
NAMES = st.from_regex(r"(deployment\.|statefulset\.|daemonset\.|cronjob\.)?[a-z]([-.a-z]?[a-z]){0,3}", fullmatch=True)
LONG_NAMES = st.builds(lambda first, count: (first + "-" * 3) * count + "x", st.sampled_from("ab"), st.integers(55, 63))
KEYS = st.builds(WorkloadKey, st.just("demo"), NAMES | LONG_NAMES, st.sampled_from(list(KINDS)))
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def user_fields(sim: Simulation) -> Object:
    """Return what users see of a workload, without what the API server counts."""
    found = deepcopy(sim.double.objects[sim.path()])
    return {"labels": found["metadata"]["labels"], "annotations": found["metadata"]["annotations"], **found["spec"]}


@EVERY_KIND
@given(containers=CONTAINERS)
def test_label_off_is_the_inverse_of_label_on(kind: Kind, containers: list[Object]) -> None:
    """Whatever the pod template, it is the user's again, to the last key; and only the containers' env was changed."""
    for container in containers:
        if not container["env"]:
            del container["env"]
    sim = Simulation(kind=kind)
    sim.add(deployment(*containers))
    before = user_fields(sim)
    sim.run(lambda: sim.label(**ON), sim.settle)
    assert sim.state() in {"Injected", "Skipped"}  # where users set all of it themselves
    sim.run(sim.label, sim.settle)
    assert (before, None) == (user_fields(sim), sim.state())


@EVERY_KIND
def test_one_write_and_a_record(kind: Kind) -> None:
    """An injection is one write; its OtelInjection has the kind's name and owner, and a restart writes nothing."""
    sim = started(kind=kind)
    found = sim.double.objects[injection_path(kind=kind)]
    owner = found["metadata"]["ownerReferences"][0]
    assert (kind.api_version, kind.name, "shop") == (owner["apiVersion"], owner["kind"], owner["name"])
    assert record_key(found) == kind.key_of(sim.double.objects[sim.path()])
    sim.run(sim.stop, sim.settle, sim.settle)
    assert (1, "Injected") == (sim.double.writes, sim.state())
    assert any(f"{kind.attribute}=shop" in entry.get("value", "") for entry in sim.env())


@EVERY_KIND
def test_label_removed_while_the_operator_was_down(kind: Kind) -> None:
    """What no label requests any more is found at the start."""
    sim = started(kind=kind)
    sim.run(sim.stop, sim.label, sim.settle)
    assert ([], None) == (sim.env(), sim.state())


@EVERY_KIND
def test_changed_value_is_the_users(kind: Kind) -> None:
    """An entry whose value a user has changed is theirs, and stays without the label."""
    sim = started(kind=kind)
    sim.run(lambda: set_value(sim, "OTEL_SERVICE_NAME", "mine"), sim.settle, sim.label, sim.settle)
    assert env(OTEL_SERVICE_NAME="mine") == sim.env()


@EVERY_KIND
def test_cleanup(kind: Kind) -> None:
    """`spanloom cleanup` restores a workload of every kind."""
    sim = started(kind=kind)
    withdrawn = asyncio.run(withdraw_everything(sim.double, installation="home/operator"))
    assert [WorkloadKey("demo", "shop", kind.name)] == withdrawn
    assert ([], None) == (sim.env(), sim.state())


@EVERY_KIND
def test_namespace_label(kind: Kind) -> None:
    """The label of a namespace is the default of its Deployments alone."""
    sim = Simulation(kind=kind)
    sim.double.put(DEMO, namespace("true"))
    sim.add(deployment())
    sim.run(sim.settle)
    assert ("Injected" if kind is DEPLOYMENT else None) == sim.state()
    its = sim.double.shown(sim.path())
    expected = "default" if kind is DEPLOYMENT else None
    assert expected == requested_profile(workload_of(its), Inputs(namespace_label="true"))
    assert expected == sim.running().cache.requested_profile(kind.key_of(its), its)


def test_same_name_of_every_kind() -> None:
    """Workloads of different kinds with one name have a record each, and lose it each by itself."""
    sim = started()
    for kind in KINDS.values():
        its = of_kind(kind, deployment(labels=ON))
        its["metadata"] = {**its["metadata"], "uid": kind.name}
        sim.double.put(Simulation(kind=kind).path(), its)
    sim.run(sim.settle)
    paths = [injection_path(kind=kind) for kind in KINDS.values()]
    assert paths == [path for path in paths if path in sim.double.objects]
    sim.run(sim.label, sim.settle)
    assert paths[1:] == [path for path in paths if path in sim.double.objects]


@given(KEYS, KEYS)
@example(WorkloadKey("demo", "shop", "StatefulSet"), WorkloadKey("demo", "statefulset.shop", "Deployment"))
@example(WorkloadKey("demo", "a" * 227 + "." + "b" * 20, "StatefulSet"), WorkloadKey("demo", "a", "CronJob"))
def test_names_of_records(one: WorkloadKey, other: WorkloadKey) -> None:
    """Names of OtelInjections are valid, differ for different workloads, and are a Deployment's own for it."""
    assert (one == other) == (one.injection_name == other.injection_name)
    assert SUBDOMAIN.fullmatch(one.injection_name)
    assert len(one.injection_name) <= MAX_NAME_LENGTH
    plain = WorkloadKey("demo", "shop", "Deployment")
    assert ("shop", "statefulset.shop") == (plain.injection_name, plain._replace(kind="StatefulSet").injection_name)
