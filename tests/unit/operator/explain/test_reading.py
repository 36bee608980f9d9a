"""What is read for a decision, and the notes on what is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.builders.deployments import EXPORTER, container, deployment, env, profile, workload_of

from spanloom_operator.explain.documents import Document
from spanloom_operator.explain.problems import UnreadableError
from spanloom_operator.explain.reading import explain_with
from spanloom_operator.explain.sources import Files, NoCluster, Reader
from spanloom_operator.injection.decision import Inputs as DecisionInputs
from spanloom_operator.injection.decision import decide
from spanloom_operator.profiles.rules import Rules

if TYPE_CHECKING:
    from spanloom_operator.explain.documents import Object
    from spanloom_operator.explain.explanation import Explanation
    from spanloom_operator.kinds import Kind

LABELLED = deployment(labels={"spanloom.dev/inject": "true"})
PLAIN = deployment()
NO_UID = {"name": "shop", "namespace": "demo"}
DEFAULT = profile(namespace="system")
DEMO: Object = {"kind": "Namespace", "metadata": {"name": "demo", "labels": {"spanloom.dev/inject": "true"}}}
CONFIG_MAP: Object = {"kind": "ConfigMap", "metadata": {"name": "own", "namespace": "demo"}}
FUTURE = "SPANLOOM_OPERATOR_FUTURE='1' is not understood; expected the name SPANLOOM_OPERATOR_STALE"
ASSUMED = "taken instead: every endpoint is allowed, and the operator's namespace is spanloom-system"


def operator(namespace: str = "system", **settings: str) -> Object:
    """Return the Deployment of an operator as the chart makes it."""
    field = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    variables = {f"SPANLOOM_OPERATOR_{name}": value for name, value in {"ENDPOINTS": "*", **settings}.items()}
    entries = [{"name": "SPANLOOM_OPERATOR_NAMESPACE", "valueFrom": field}, *env(**variables)]
    return deployment(container(env=entries), name="operator", namespace=namespace)


class Objects:
    """A source in memory; what is in `unreadable` (kinds, or namespaces of Deployments) cannot be read."""

    def __init__(self, *things: Object, unreadable: tuple[str, ...] = ()) -> None:
        self.files = Files(
            [Document("", thing) for thing in things], whole=[t for t in things if t["kind"] == "Deployment"]
        )
        self.unreadable = unreadable

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        if {kind, f"{kind} {namespace}"} & set(self.unreadable):
            raise UnreadableError("403 Forbidden")
        return self.files.get(kind, namespace, name)

    def workloads(self, _: Kind, namespace: str, selector: str = "") -> list[Object]:
        assert "app.kubernetes.io/part-of=spanloom" == selector
        if f"Deployment {namespace}" in self.unreadable:
            raise UnreadableError("403 Forbidden")
        return self.files.deployments(namespace)


def explained(its: Object, *things: Object, home: str = "", unreadable: tuple[str, ...] = ()) -> Explanation:
    return explain_with(Reader(Files(), Objects(*things, unreadable=unreadable)), its, home)


def names(explanation: Explanation) -> set[str]:
    return {variable.name for variable in explanation.variables}


def test_everything_is_known() -> None:
    """With namespace, profiles and operator readable there is no note."""
    found = explained(PLAIN, DEMO, DEFAULT, operator())

    assert ("Injected", "system/operator", ("system/default",), ()) == (
        found.outcome, found.operator, found.profiles, found.notes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({}, "Injected"),
        ({"ENDPOINTS": "http://otel-collector.*:4318"}, "Injected"),
        ({"ENDPOINTS": ""}, "Invalid"),
        ({"PROPAGATORS": "none"}, "Invalid"),
    ],
)
def test_the_operators_settings_count(settings: dict[str, str], outcome: str) -> None:
    """The allow-list and the propagators of the installed operator decide whether a profile is valid."""
    home = profile(namespace="system", exporter=EXPORTER, propagators=["tracecontext"])

    assert outcome == explained(LABELLED, home, operator(**settings)).outcome


@pytest.mark.parametrize(
    ("things", "home", "unreadable", "name", "note"),
    [
        ((), "", (), "", f"no operator is installed; {ASSUMED}"),
        ((operator(NAMESPACES="a,b"),), "", (), "", f"system/operator does not manage namespace demo; {ASSUMED}"),
        ((operator(NAMESPACES="a"), operator("two", NAMESPACES="demo")), "", (), "two/operator", None),
        ((operator(), operator("two")), "two", (), "two/operator", None),
        ((operator("spanloom-system"),), "", ("Deployment ",), "spanloom-system/operator", None),
        (
            (operator(),),
            "",
            ("Deployment ", "Deployment spanloom-system"),
            "",
            f"the operator's settings are not known (403 Forbidden); {ASSUMED}",
        ),
        (
            (operator(FUTURE="1"),),
            "",
            (),
            "",
            f"the operator's settings are not understood ({FUTURE}); {ASSUMED}",
        ),
    ],
)
def test_the_operator_is_found_or_said_to_be_unknown(
    things: tuple[Object, ...], home: str, unreadable: tuple[str, ...], name: str, note: str | None
) -> None:
    """The installation that manages the namespace counts; without one a note says what is assumed."""
    found = explained(LABELLED, *things, DEFAULT, home=home, unreadable=unreadable)

    assert (name, [note] if note else []) == (found.operator, list(found.notes))


def test_a_namespace_that_cannot_be_read() -> None:
    """Whether its label requests injection is not known, unless the Deployment's own label says so."""
    things = (DEFAULT, operator())

    plain = explained(PLAIN, *things, unreadable=("Namespace",))
    labelled = explained(LABELLED, *things, unreadable=("Namespace",))

    assert ["Unknown", "Injected"] == [plain.outcome, labelled.outcome]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in names(plain)
    assert ("not known: Namespace demo (403 Forbidden)",) == plain.notes


@pytest.mark.parametrize(
    ("things", "unreadable", "outcome"),
    [
        ((), ("OtelProfile",), "Unknown"),
        ((profile(),), ("OtelProfile system",), "Injected"),
        ((profile(propagators=["tracecontext"]),), ("OtelProfile system",), "Unknown"),
        ((DEFAULT,), ("OtelProfile demo",), "Injected"),
    ],
)
def test_profiles_that_cannot_be_read(things: tuple[Object, ...], unreadable: tuple[str, ...], outcome: str) -> None:
    """What the Deployment and the readable profiles say is explained; the rest is named in a note."""
    found = explained(LABELLED, *things, operator(), unreadable=unreadable)

    assert outcome == found.outcome
    assert {"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"} <= names(found)
    assert ["403 Forbidden" in note and "OtelProfile" in note for note in found.notes] == [True]


def test_a_named_profile_that_is_absent() -> None:
    """It is known to be absent although the operator's profile cannot be read."""
    its = deployment(labels={"spanloom.dev/inject": "special"})

    assert "Skipped" == explained(its, operator(), unreadable=("OtelProfile system",)).outcome


def test_files_come_first() -> None:
    """An object of the files hides the cluster's, and only what they lack is asked for."""
    mine = [
        Document("", profile(namespace="system", exporter={**EXPORTER, "endpoint": "http://mine:4318"})),
        Document("", DEMO),
    ]
    files = Files([*mine], whole=[operator()])

    found = explain_with(Reader(files, NoCluster("no cluster")), {**PLAIN, "metadata": NO_UID})

    endpoint = next(row.value for row in found.variables if row.name == "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert ("http://mine:4318", ("not known: OtelProfile demo/default (no cluster)",)) == (endpoint, found.notes)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({**DEFAULT, "spec": ["a"]}, "OtelProfile system/default: spec: expected an object"),
        ({**CONFIG_MAP, "data": "a"}, "ConfigMap demo/own: data: expected an object"),
    ],
)
def test_broken_inputs_are_named(broken: Any, expected: str) -> None:
    """A profile or a ConfigMap whose content is no object is one line."""
    its = deployment(container(envFrom=[{"configMapRef": {"name": "own"}}]), labels={"spanloom.dev/inject": "true"})

    with pytest.raises(Exception, match=f"^{expected}$"):
        explained(its, broken, operator())


def injection_of(its: Object, **changes: Any) -> Object:
    """Return the OtelInjection that the operator writes for a Deployment, with changes of its record."""
    workload = workload_of(its, "manager")
    inputs = DecisionInputs(Rules(endpoints=("*",)), "system", {("system", "default"): DEFAULT["spec"]})
    record = decide(workload, None, inputs).record
    assert record is not None
    return replace(record, **changes).body(workload, "system/operator")


def test_what_the_operator_has_recorded_counts() -> None:
    """State and reason of the Deployment's OtelInjection are shown, and the injection stays in its container."""
    its = deployment(container("first"), container("second"), labels={"spanloom.dev/inject": "true"})
    record = injection_of(its, reason="as before", variables=(("second", ("OTEL_SERVICE_NAME",)),))

    found = explained(its, DEFAULT, operator(), record)

    assert ("Injected", "Injected as before") == (found.outcome, found.reported)
    assert {"second"} == {variable.container for variable in found.variables}


def test_a_record_of_another_deployment_does_not_count() -> None:
    """A Deployment that was deleted and created again has no record yet, and a manifest without a uid has none."""
    record = injection_of(LABELLED)
    again = {**LABELLED, "metadata": {**LABELLED["metadata"], "uid": "another"}}

    assert ["", ""] == [
        explained(its, DEFAULT, operator(), record).reported for its in (again, {**PLAIN, "metadata": NO_UID})
    ]


def test_a_rollback_is_the_outcome() -> None:
    """An injection that the operator has rolled back is explained as that, with its reason."""
    found = explained(LABELLED, DEFAULT, operator(), injection_of(LABELLED, state="RolledBack", reason="not ready"))

    assert ("RolledBack", "RolledBack not ready") == (found.outcome, found.reported)


def test_a_secret_of_envfrom_is_a_warning() -> None:
    """An explanation has the operator's own warning that injected variables override those of the Secret."""
    its = deployment(container(envFrom=[{"secretRef": {"name": "mine"}}]), labels={"spanloom.dev/inject": "true"})

    assert (
        "envFrom Secret mine cannot be read: an injected variable overrides one of the same name in it; set it in env"
    ) == explained(its, DEFAULT, operator()).message
