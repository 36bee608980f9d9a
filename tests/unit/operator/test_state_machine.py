"""Users, crashes and restarts in any order, between any two calls of the operator: nothing of the user's is lost."""

from __future__ import annotations

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
from support.builders.deployments import EXPORTER, Object, deployment, env, of_kind, profile, workload_of
from support.servers.api_double import Crash
from support.servers.simulation import DEMO, Simulation, namespace, profile_path

from spanloom_operator.injection.environment import inject
from spanloom_operator.kinds import KINDS, Kind
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.profiles.reader import InvalidProfile, Layer, read
from spanloom_operator.profiles.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

VALID = {"exporter": EXPORTER, "propagators": ["tracecontext"]}
OTHER = {"exporter": EXPORTER, "sampler": {"type": "always_on"}, "containers": ["*"]}
INVALID = {"exporter": {**EXPORTER, "timeout": 10000}}
NAMES = ["A", "OTEL_SERVICE_NAME", "OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER"]
LABELS = st.sampled_from([None, "true", "false", "canary"])
PLACES = st.sampled_from([("home", "default"), ("demo", "default"), ("demo", "canary")])
SPECS = st.sampled_from([None, VALID, OTHER, INVALID])
USERS = st.lists(st.sampled_from(NAMES), unique=True, max_size=3)
EDITS = st.one_of(
    st.tuples(st.just("label"), LABELS),
    st.tuples(st.just("label_namespace"), st.sampled_from([None, "true"])),
    st.tuples(st.just("set_env"), USERS),
    st.tuples(st.just("change_profile"), st.tuples(PLACES, SPECS)),
    st.tuples(st.just("replace"), st.none()),
)


class Users:
    """What users do to one workload, its namespace and its profiles; `own` are the user's entries."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.own: list[Object] = []

    def do(self, edit: tuple[str, Any]) -> None:
        getattr(self, edit[0])(edit[1])

    def label(self, label: str | None) -> None:
        self.sim.label(**({INJECT_LABEL: label} if label else {}))

    def label_namespace(self, label: str | None) -> None:
        self.sim.double.put(DEMO, namespace(label))

    def change_profile(self, change: tuple[tuple[str, str], Object | None]) -> None:
        where, spec = change
        path = profile_path(*where)
        if spec is not None:
            self.sim.double.put(path, profile(where[1], where[0], **spec))
        elif path in self.sim.double.objects:
            self.sim.double.delete_object(path)

    def set_env(self, names: list[str]) -> None:
        """Set these entries and remove the user's others; those of the operator stay, as with `kubectl apply`."""
        mine = {entry["name"] for entry in self.own}
        self.own = env(**dict.fromkeys(names, "user"))

        def edit(its: Object) -> None:
            holder = self.sim.pod(its)["containers"][0]
            kept = [entry for entry in holder.get("env", []) if entry["name"] not in mine | set(names)]
            holder["env"] = [*self.own, *kept]
            holder["env"] or holder.pop("env")

        self.sim.double.change(self.sim.path(), edit)

    def replace(self, _: None) -> None:
        """`kubectl replace` with the user's own manifest."""
        its = of_kind(self.sim.kind, deployment(labels=self.sim.double.objects[self.sim.path()]["metadata"]["labels"]))
        if self.own:
            self.sim.pod(its)["containers"][0]["env"] = deepcopy(self.own)
        self.sim.double.put(self.sim.path(), its)


class Machine(RuleBasedStateMachine):
    """Users change labels, profiles and templates; the operator works, stops, crashes and starts again."""

    @initialize(kind=st.sampled_from(list(KINDS.values())))
    def begin(self, kind: Kind) -> None:
        self.sim = Simulation(kind=kind)
        self.users = Users(self.sim)
        self.sim.add(deployment())

    @rule(edit=EDITS)
    def edit(self, edit: tuple[str, Any]) -> None:
        self.users.do(edit)

    @rule(edits=st.lists(st.tuples(st.integers(0, 8), EDITS), max_size=3))
    def work(self, edits: list[tuple[int, tuple[str, Any]]]) -> None:
        """Work, while users edit before the nth next call."""
        self.sim.double.before_call = self._editing(edits)
        self.sim.run(self.sim.settle)
        self.sim.double.before_call = None

    def _editing(self, edits: list[tuple[int, tuple[str, Any]]]) -> Callable[[], None]:
        calls = iter(range(10**6))

        def before_call() -> None:
            number = next(calls)
            for at, edit in edits:
                if at == number:
                    self.users.do(edit)

        return before_call

    @rule()
    def stop(self) -> None:
        self.sim.stop()

    @rule(calls=st.integers(0, 30))
    def crash(self, calls: int) -> None:
        self.sim.double.crash_in = calls
        try:
            self.sim.run(self.sim.settle)
        except* Crash:
            pass
        self.sim.double.crash_in = None
        self.sim.stop()

    @precondition(lambda self: hasattr(self, "sim"))
    @invariant()
    def users_template_is_untouched(self) -> None:
        """Whatever happens, what is not the operator's is what the user wrote."""
        workload = workload_of(self.sim.double.shown(self.sim.path()))
        assert sorted(self.users.own, key=str) == sorted(map(dict, workload.containers[0].user_env), key=str)

    def teardown(self) -> None:
        """At rest the template is a function of label, profiles and the user's part; and rest means no writes."""
        if not hasattr(self, "sim"):
            return
        self.sim.run(lambda: self.sim.wait(7200))
        self.sim.stop()
        writes = self.sim.double.writes
        self.sim.run(self.sim.settle)
        assert writes == self.sim.double.writes
        assert self.expected() == sorted(entry["name"] for entry in self.sim.env())

    def expected(self) -> list[str]:
        own = [entry["name"] for entry in self.users.own]
        objects = self.sim.double.objects
        default = objects[DEMO]["metadata"]["labels"] if self.sim.kind.follows_namespace else {}
        labels = {**default, **objects[self.sim.path()]["metadata"]["labels"]}
        name = {"true": "default", "canary": "canary"}.get(labels.get(INJECT_LABEL, ""))
        specs = {key: objects.get(profile_path(*key)) for key in [("demo", name or ""), ("home", "default")]}
        try:
            layers = [Layer("x", read(found["spec"], Rules(("*",)))) for found in specs.values() if found]
        except InvalidProfile:
            return sorted(own)
        if name is None or not layers or (name == "canary" and not specs["demo", name]):
            return sorted(own)
        plain = of_kind(self.sim.kind, deployment())
        self.sim.pod(plain)["containers"][0]["env"] = deepcopy(self.users.own)
        injection = inject(workload_of(plain), layers)
        return sorted([*own, *(entry.name for entry in injection.entries)])


def test_nothing_of_the_users_is_lost(request: pytest.FixtureRequest) -> None:
    """Whatever users do meanwhile, their entries stay theirs, and at rest nothing is written."""
    examples = request.config.getoption("--examples")
    run = hypothesis_settings(max_examples=examples, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Machine, settings=run)
