"""The whole operator against an API server in memory: restarts, crashes between any two calls, and no idle writes."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.builders.deployments import EXPORTER, Object, deployment, env, profile, rolled_out, rolling_out
from support.servers.api_double import ApiDouble, Crash

from spanloom_operator.api import ApiError
from spanloom_operator.apply import Status
from spanloom_operator.decide import LABEL
from spanloom_operator.inject import inject
from spanloom_operator.ownership import users_template
from spanloom_operator.profile import InvalidProfile, Layer, Rules, read
from spanloom_operator.reconcile import SECOND_LOOK
from spanloom_operator.run import Operator, withdraw_everything
from spanloom_operator.settings import Settings

if TYPE_CHECKING:
    from spanloom_operator.reconcile import Key

SETTINGS = Settings(namespace="home", endpoints=("*",), rollouts=2, grace=300)
SHOP = "/apis/apps/v1/namespaces/demo/deployments/shop"
DEMO = "/api/v1/namespaces/demo"
ON = {LABEL: "true"}


def profile_path(namespace: str, name: str = "default") -> str:
    return f"/apis/spanloom.dev/v1alpha1/namespaces/{namespace}/otelprofiles/{name}"


def deployment_path(name: str) -> str:
    return SHOP.replace("shop", name)


def namespace(label: str | None = None) -> Object:
    return {"kind": "Namespace", "metadata": {"name": "demo", "uid": "n", "labels": {LABEL: label} if label else {}}}


class World:
    """A cluster, the people in it, a clock, and an operator that may be restarted."""

    def __init__(self) -> None:
        self.double, self.now = ApiDouble(), 1000.0
        self.double.now = lambda: self.now
        self.double.put(profile_path("home"), profile(namespace="home"))
        self.double.put(DEMO, namespace())
        self.operator: Operator | None = None
        self.later: dict[Key, float] = {}
        self._known: dict[str, Object] = {}

    def add(self, its: Object) -> None:
        self.double.put(deployment_path(its["metadata"]["name"]), its)

    async def settle(self) -> None:
        """Let the operator work until there is nothing to do now."""
        if self.operator is None:
            await self._start()
        else:
            self._bring_changes()
        operator = self._running()
        while not operator.reconciler.queue.idle.is_set():
            await operator.reconciler.queue.step(operator.reconciler.reconcile)
            self._bring_changes()
        await operator.report()

    async def wait(self, seconds: float) -> None:
        """Let time pass, and what was put off become due."""
        await self.settle()
        self.now += seconds
        for key, due in list(self.later.items()):
            if due <= self.now:
                del self.later[key]
                self._running().reconciler.queue.add(key)
        await self.settle()

    def run(self, *steps: Any) -> None:
        """Run steps in one event loop, as one process would."""

        async def all_of_them() -> None:
            for step in steps:
                result = step()
                if asyncio.iscoroutine(result):
                    await result

        asyncio.run(all_of_them())

    async def _start(self) -> None:
        self.operator, self.later = Operator(self.double, SETTINGS, lambda: self.now), {}
        queue = self.operator.reconciler.queue
        queue.add_later = lambda key, seconds: self.later.update({key: self.now + seconds})  # type: ignore[method-assign]
        queue.not_later = lambda key: self.later.pop(key, None)  # type: ignore[method-assign]
        await self.operator.load()
        self._known = deepcopy(self.double.objects)

    def stop(self) -> None:
        self.operator = None

    def _running(self) -> Operator:
        assert self.operator is not None
        return self.operator

    def _bring_changes(self) -> None:
        """Tell the operator what its watches would have told it since the last time."""
        before, after = self._known, deepcopy(self.double.objects)
        self._known = after
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path):
                self._bring(path, before.get(path), after.get(path))

    def _bring(self, path: str, old: Object | None, new: Object | None) -> None:
        reconciler = self._running().reconciler
        kind = (new or old or {})["kind"]
        if kind == "OtelProfile":
            reconciler.profile_changed("MODIFIED" if new else "DELETED", deepcopy(new or old or {}))
        elif kind == "Namespace":
            label = ((new or {}).get("metadata", {}).get("labels") or {}).get(LABEL)
            reconciler.namespace_changed("demo", label)
            if label:
                reconciler.deployments_listed(
                    "demo", [self.double.shown(p) for p in self.double.objects if "/deployments/" in p]
                )
        elif kind == "Deployment":
            selected = [bool(x and (LABEL in x["metadata"]["labels"] or self._namespace_label())) for x in (old, new)]
            if selected[1]:
                reconciler.deployment_changed("MODIFIED", self.double.shown(path))
            elif selected[0] and old:
                reconciler.deployment_changed("DELETED", deepcopy(old))

    def _namespace_label(self) -> bool:
        return bool(self.double.objects[DEMO]["metadata"]["labels"])


def env_of(world: World, name: str = "shop") -> list[Object]:
    entries: list[Object] = world.double.objects[deployment_path(name)]["spec"]["template"]["spec"]["containers"][
        0
    ].get("env", [])
    return entries


def state_of(world: World, name: str = "shop") -> str | None:
    status = Status.of(world.double.objects[deployment_path(name)]["metadata"])
    return status.state if status else None


def labelled(world: World, name: str = "shop", **labels: str) -> None:
    world.double.change(deployment_path(name), lambda its: its["metadata"].update(labels=labels))


def test_restart_writes_nothing() -> None:
    """With nothing changed, a new process reads and is content."""
    world = World()
    world.add(deployment(labels=ON))
    world.run(world.settle, world.stop, world.settle, world.settle)
    assert (1, "Injected") == (world.double.writes, state_of(world))


def test_label_taken_off() -> None:
    """The end of a label is the end of a watch event's selection; the template is the user's again at once."""
    world = World()
    world.add(deployment(labels=ON))
    world.run(world.settle, lambda: labelled(world), world.settle)
    assert ([], None) == (env_of(world), state_of(world))
    assert ({}, {}) == (world._running().reconciler.deployments, world.later)


def test_own_write_is_known_before_the_watch_brings_it() -> None:
    """A second look right after a write, with the watch behind, does not write again; nor does an old event."""
    world = World()
    world.add(deployment(labels=ON))
    old = world.double.shown(SHOP)

    async def look_twice() -> None:
        await world._start()
        reconciler = world._running().reconciler
        await reconciler.reconcile(("demo", "shop"))
        reconciler.deployment_changed("MODIFIED", old)
        await reconciler.reconcile(("demo", "shop"))

    world.run(look_twice)
    assert 1 == world.double.writes


def test_label_taken_off_while_down() -> None:
    """The list of metadata at the start finds what no label asks for any more."""
    world = World()
    world.add(deployment(labels=ON))
    world.run(world.settle, world.stop, lambda: labelled(world), world.settle)
    assert ([], None) == (env_of(world), state_of(world))


def test_namespace_label_is_the_default() -> None:
    """A namespace's label takes its Deployments in, and lets them go again."""
    world = World()
    world.add(deployment())
    world.run(world.settle, lambda: world.double.put(DEMO, namespace("true")), world.settle)
    assert "Injected" == state_of(world)
    world.run(world.stop, world.settle, lambda: world.double.put(DEMO, namespace()), world.settle)
    assert ([], None) == (env_of(world), state_of(world))


def test_drift_is_mended_with_growing_pauses() -> None:
    """Who removes the injection again and again gets it back later and later, and a Warning says so."""
    world = World()
    original = deployment(labels=ON)
    world.add(deepcopy(original))
    world.run(world.settle)
    attempts = []

    async def fight() -> None:
        await world._start()
        for _ in range(6):
            world.double.put(SHOP, deepcopy(original))
            await world.settle()
            attempts.append(bool(env_of(world)))

    world.run(fight)
    reasons = []
    while not (events := world._running().reconciler.seen.events).empty():
        reasons.append(events.get_nowait()[1]["reason"])
    assert [True, True, False, False, False, False] == attempts
    world.run(lambda: world.wait(10))
    assert env_of(world)
    assert "Injected" in reasons


def test_changed_profile_rolls_a_few_at_a_time() -> None:
    """At most so many Deployments roll at once; the others follow as places become free, each once."""
    world = World()
    names = [f"shop-{number}" for number in range(5)]
    for name in names:
        world.add(deployment(name=name, labels=ON))
    world.run(world.settle)
    world.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"])
    changed = profile(namespace="home", exporter=EXPORTER, propagators=["none"])
    world.double.put(profile_path("home"), changed)

    def rolled() -> list[str]:
        return [name for name in names if {"name": "OTEL_PROPAGATORS", "value": "none"} in env_of(world, name)]

    world.run(world.settle)
    assert names[:2] == rolled()
    world.double.rolls_out = lambda found: rolled_out(found["metadata"]["generation"])
    for name in names[:2]:
        world.double.change(deployment_path(name), lambda its: its["metadata"]["annotations"].update(touched="1"))
    world.run(world.settle)
    assert names == rolled()
    assert 10 == world.double.writes


def test_rollout_counts_while_it_is_written() -> None:
    """Several workers at once do not begin more rollouts than may run: one whose answer is not there yet counts."""
    world = World()
    names = [f"shop-{number}" for number in range(5)]
    for name in names:
        world.add(deployment(name=name, labels=ON))
    world.run(world.settle)
    world.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"])
    writes = world.double.writes

    async def slowly(*arguments: Any) -> Object:
        await asyncio.sleep(0)
        return await ApiDouble.apply(world.double, *arguments)

    async def all_workers() -> None:
        world.double.apply = slowly  # type: ignore[method-assign, assignment]
        changed = profile(namespace="home", exporter=EXPORTER, propagators=["none"])
        world.double.put(profile_path("home"), changed)
        world._bring_changes()
        reconciler = world._running().reconciler
        await asyncio.gather(*(reconciler.queue.step(reconciler.reconcile) for _ in names))

    world.run(all_workers)
    assert writes + SETTINGS.rollouts == world.double.writes


def test_a_write_that_changes_nothing_takes_no_place() -> None:
    """Where somebody's admission takes the change out again no rollout begins, and the others have their turn."""
    world, tried = World(), list[str]()
    names = [f"shop-{number}" for number in range(5)]
    for name in names:
        world.add(deployment(name=name, labels=ON))
    world.run(lambda: world.wait(SECOND_LOOK))

    async def in_vain(path: str, _body: Object) -> Object:
        tried.append(path.rpartition("/")[2])
        return world.double.shown(path)

    world.double.apply = in_vain  # type: ignore[method-assign, assignment]
    world.double.put(profile_path("home"), profile(namespace="home", exporter=EXPORTER, propagators=["none"]))
    world.run(world.settle)
    assert names == tried
    world.run(lambda: world.wait(60))
    assert names == tried  # and is left alone until something changes


def test_profile_gone_is_as_if_it_never_was() -> None:
    """Without a profile the template is the user's again, and the reason is said."""
    world = World()
    world.add(deployment(labels=ON))
    world.run(world.settle, lambda: world.double.delete(profile_path("home")), world.settle)
    assert ([], "Skipped") == (env_of(world), state_of(world))


def test_profile_counts() -> None:
    """A profile's status tells whether it is valid and how its Deployments fare, and is written once."""
    world = World()
    world.add(deployment(labels=ON))
    world.add(deployment(name="other", labels={LABEL: "missing"}))
    world.run(world.settle, world.settle)
    status = world.double.objects[profile_path("home")]["status"]
    assert (True, 2, 1) == (status["valid"], status["deployments"], status["injected"])


def test_cleanup_takes_everything_back() -> None:
    """After `spanloom cleanup` nothing of the operator is left, with or without labels."""
    world = World()
    world.add(deployment(labels=ON))
    world.add(deployment(name="other"))
    world.run(world.settle)
    done = asyncio.run(withdraw_everything(world.double))
    assert [("demo", "shop")] == done
    assert ([], None) == (env_of(world), state_of(world))


def test_cleanup_leaves_what_others_have_changed() -> None:
    """An entry whose value somebody has changed is theirs, also for the cleanup."""
    world = World()
    world.add(deployment(labels=ON))
    world.run(world.settle)
    world.double.change(SHOP, lambda its: _entry(its, "OTEL_SERVICE_NAME").update(value="mine"))
    asyncio.run(withdraw_everything(world.double))
    assert env(OTEL_SERVICE_NAME="mine") == env_of(world)


def _entry(its: Object, name: str) -> Object:
    entries: list[Object] = its["spec"]["template"]["spec"]["containers"][0]["env"]
    return next(entry for entry in entries if entry["name"] == name)


def test_refused_write_is_told_and_left_alone() -> None:
    """What a policy refuses is said in an Event and not tried again until the next look at everything."""
    world = World()
    world.add(deployment(labels=ON))

    async def refuse(path: str, body: Object) -> Object:

        raise ApiError(422, "denied by policy")

    world.double.apply = refuse  # type: ignore[assignment, method-assign]
    world.run(world.settle)
    assert {("demo", "shop"): 1000 + SETTINGS.resync} == world.later
    assert ("Refused", "denied by policy") == (
        (event := world._running().reconciler.seen.events.get_nowait()[1])["reason"],
        event["message"],
    )


VALID = {"exporter": EXPORTER, "propagators": ["tracecontext"]}
OTHER = {"exporter": EXPORTER, "sampler": {"type": "always_on"}, "containers": ["*"]}
INVALID = {"exporter": {**EXPORTER, "timeout": 10000}}
USERS = st.lists(
    st.sampled_from(["A", "OTEL_SERVICE_NAME", "OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER"]), unique=True, max_size=3
)


class Machine(RuleBasedStateMachine):
    """People change labels, profiles and templates; the operator works, stops, crashes and starts again."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.own: list[Object] = []
        self.world.add(deployment())

    @rule(label=st.sampled_from([None, "true", "false", "canary"]))
    def label(self, label: str | None) -> None:
        labelled(self.world, **({LABEL: label} if label else {}))

    @rule(label=st.sampled_from([None, "true"]))
    def label_namespace(self, label: str | None) -> None:
        self.world.double.put(DEMO, namespace(label))

    @rule(
        where=st.sampled_from([("home", "default"), ("demo", "default"), ("demo", "canary")]),
        spec=st.sampled_from([None, VALID, OTHER, INVALID]),
    )
    def change_profile(self, where: tuple[str, str], spec: Object | None) -> None:
        path = profile_path(*where)
        if spec is not None:
            self.world.double.put(path, profile(where[1], where[0], **spec))
        elif path in self.world.double.objects:
            self.world.double.delete(path)

    @rule(names=USERS)
    def user_sets_env(self, names: list[str]) -> None:
        """Set these entries and remove the user's others; those of the operator stay, as with `kubectl apply`."""
        mine = {entry["name"] for entry in self.own}
        self.own = env(**dict.fromkeys(names, "user"))

        def mend(its: Object) -> None:
            holder = its["spec"]["template"]["spec"]["containers"][0]
            kept = [entry for entry in holder.get("env", []) if entry["name"] not in mine | set(names)]
            holder["env"] = [*self.own, *kept]
            holder["env"] or holder.pop("env")

        self.world.double.change(SHOP, mend)

    @rule()
    def user_replaces_all(self) -> None:
        """`kubectl replace` with the user's own manifest."""
        labels = self.world.double.objects[SHOP]["metadata"]["labels"]
        its = deployment(labels=labels)
        if self.own:
            its["spec"]["template"]["spec"]["containers"][0]["env"] = deepcopy(self.own)
        self.world.double.put(SHOP, its)

    @rule()
    def work(self) -> None:
        self.world.run(self.world.settle)

    @rule()
    def stop(self) -> None:
        self.world.stop()

    @rule(calls=st.integers(0, 30))
    def crash(self, calls: int) -> None:
        self.world.double.crash_in = calls
        try:
            self.world.run(self.world.settle)
        except* Crash:
            pass
        self.world.double.crash_in = None
        self.world.stop()

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def users_template_is_untouched(self) -> None:
        """Whatever happens, what is not ours is what the user wrote."""
        found = users_template(self.world.double.shown(SHOP))["spec"]["containers"][0].get("env", [])
        assert sorted(self.own, key=str) == sorted(found, key=str)

    def teardown(self) -> None:
        """At rest the template is a function of label, profiles and the user's part; and rest means no writes."""
        if not hasattr(self, "world"):
            return
        self.world.run(lambda: self.world.wait(7200))
        self.world.stop()
        writes = self.world.double.writes
        self.world.run(self.world.settle)
        assert writes == self.world.double.writes
        assert self.expected() == sorted(entry["name"] for entry in env_of(self.world))

    def expected(self) -> list[str]:
        own = [entry["name"] for entry in self.own]
        its = self.world.double.objects[SHOP]
        labels = {**self.world.double.objects[DEMO]["metadata"]["labels"], **its["metadata"]["labels"]}
        name = {"true": "default", "canary": "canary"}.get(labels.get(LABEL, ""))
        specs = {
            key: self.world.double.objects.get(profile_path(*key))
            for key in [("demo", name or ""), ("home", "default")]
        }
        try:
            layers = [Layer("x", read(found["spec"], Rules(("*",)))) for found in specs.values() if found]
        except InvalidProfile:
            return sorted(own)
        if name is None or not layers or (name == "canary" and not specs["demo", name]):
            return sorted(own)
        plain = deployment()
        plain["spec"]["template"]["spec"]["containers"][0]["env"] = deepcopy(self.own)
        return sorted([*own, *(entry.name for entry in inject(plain, layers).entries)])


def test_whatever_happens() -> None:
    """People, crashes and restarts in any order: the user's is never touched, and at rest nothing is written."""
    run_state_machine_as_test(
        Machine, settings=hypothesis_settings(max_examples=60, stateful_step_count=20, deadline=None)
    )
