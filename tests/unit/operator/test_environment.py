"""What a Deployment gets: who wins, what merges, and that the user's own is never touched."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from support.builders.deployments import EXPORTER, Object, container, deployment, env, workload_of
from support.builders.strategies import CONTAINERS, LAYERS, PLATFORM, layer

from spanloom_operator.injection.environment import Injection
from spanloom_operator.injection.environment import inject as inject_workload
from spanloom_operator.names import MARKER
from spanloom_operator.names import RESOURCE_ATTRIBUTES as ATTRIBUTES
from spanloom_operator.profiles.reader import Layer
from spanloom_operator.references import DOWNWARD, references


def inject(its: Object, layers: list[Layer], maps: dict[str, dict[str, str]] | None = None) -> Injection:
    return inject_workload(workload_of(its), layers, maps)


def values(injection: Injection, name: str = "app") -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in injection.env(name)}


def reasons(injection: Injection) -> dict[str, str]:
    return {left.name: left.reason for left in injection.skipped}


def attributes(injection: Injection, name: str = "app") -> dict[str, str]:
    pairs = [pair.split("=", 1) for pair in values(injection, name)[ATTRIBUTES].split(",") if "=" in pair]
    return {key: unquote(value) for key, value in pairs}


def test_everything_a_bare_deployment_gets() -> None:
    """Downward variables come first, what refers to them last, endpoint and protocol as a pair."""
    expected = [
        *DOWNWARD,
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_PROPAGATORS",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        MARKER,
    ]
    assert expected == [entry.name for entry in inject(deployment(), [PLATFORM]).entries]


def test_missing_secret_does_not_keep_a_container_from_starting() -> None:
    """The headers' Secret is optional to Kubernetes."""
    entry = next(e for e in inject(deployment(), [PLATFORM]).entries if e.name == "OTEL_EXPORTER_OTLP_HEADERS")
    assert {"secretKeyRef": {"name": "otlp", "key": "headers", "optional": True}} == entry.value_from


def test_certificates_go_with_the_endpoint() -> None:
    """The exporter's certificates are written, and left out where the user's own endpoint is taken."""
    secure = layer(exporter={**EXPORTER, "endpoint": "https://otlp", "tls": {"ca_file": "/etc/otlp/ca.crt"}})
    assert "/etc/otlp/ca.crt" == values(inject(deployment(), [secure]))["OTEL_EXPORTER_OTLP_CERTIFICATE"]
    own = deployment(container(env=env(OTEL_EXPORTER_OTLP_ENDPOINT="https://own")))
    assert (
        "it goes with OTEL_EXPORTER_OTLP_ENDPOINT, which container env has"
        == (reasons(inject(own, [secure]))["OTEL_EXPORTER_OTLP_CERTIFICATE"])
    )


MINE = {"configMapRef": {"name": "mine"}}
WINS = {
    "env with a value": (container(env=env(OTEL_PROPAGATORS="b3")), {"OTEL_PROPAGATORS": "container env has it"}),
    "env without a value": (
        container(env=[{"name": "OTEL_PROPAGATORS"}]),
        {"OTEL_PROPAGATORS": "container env has it"},
    ),
    "env with valueFrom": (
        container(env=[{"name": "OTEL_SERVICE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        {"OTEL_SERVICE_NAME": "container env has it"},
    ),
    "envFrom": (container(envFrom=[MINE]), {"OTEL_BSP_SCHEDULE_DELAY": "envFrom ConfigMap mine has it"}),
    "envFrom with a prefix": (
        container(envFrom=[{**MINE, "prefix": "OTEL_"}]),
        {"OTEL_PROPAGATORS": "envFrom ConfigMap mine has it"},
    ),
    "envFrom of an absent ConfigMap": (container(envFrom=[{"configMapRef": {"name": "gone", "optional": True}}]), {}),
    "endpoint, and all that goes with it": (
        container(env=env(OTEL_EXPORTER_OTLP_ENDPOINT="http://own")),
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "container env has it",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "it goes with OTEL_EXPORTER_OTLP_ENDPOINT, which container env has",
            "OTEL_EXPORTER_OTLP_HEADERS": "it goes with OTEL_EXPORTER_OTLP_ENDPOINT, which container env has",
        },
    ),
    "endpoint of one signal: the key in the headers stays here": (
        container(env=env(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://own")),
        dict.fromkeys(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS"),
            "it goes with OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which container env has",
        ),
    ),
    "sampler without argument": (
        container(env=env(OTEL_TRACES_SAMPLER="always_on")),
        {
            "OTEL_TRACES_SAMPLER": "container env has it",
            "OTEL_TRACES_SAMPLER_ARG": "it goes with OTEL_TRACES_SAMPLER, which container env has",
        },
    ),
    "service.name among the attributes": (
        container(env=env(OTEL_RESOURCE_ATTRIBUTES="service.name=mine")),
        {
            "OTEL_SERVICE_NAME": "OTEL_RESOURCE_ATTRIBUTES of container env has service.name",
            "OTEL_RESOURCE_ATTRIBUTES": "container env has it",
        },
    ),
    "attributes that cannot be read": (
        container(env=[{"name": ATTRIBUTES, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        {
            "OTEL_SERVICE_NAME": "OTEL_RESOURCE_ATTRIBUTES of container env may have service.name and cannot be read",
            "OTEL_RESOURCE_ATTRIBUTES": "container env has it",
        },
    ),
    "attributes without service.name": (
        container(env=env(OTEL_RESOURCE_ATTRIBUTES="a=b")),
        {"OTEL_RESOURCE_ATTRIBUTES": "container env has it"},
    ),
}


@pytest.mark.parametrize(("its", "expected"), WINS.values(), ids=WINS)
def test_users_own_wins(its: Object, expected: dict[str, str]) -> None:
    """What the user says in any way is not written, what goes with it neither, and each has its reason."""
    maps = {"mine": {"OTEL_BSP_SCHEDULE_DELAY": "1000", "PROPAGATORS": "b3"}}
    found = inject(deployment(its), [PLATFORM], maps)
    prefixed = {"OTEL_BSP_SCHEDULE_DELAY"} if its.get("envFrom") == [{**MINE, "prefix": "OTEL_"}] else set()
    assert expected == reasons(found)
    assert not (expected.keys() - prefixed) & values(found).keys()


def test_attributes_of_envfrom_are_merged() -> None:
    """The value refers to what envFrom said, last, and leaves its keys alone: the user's win, ours are added."""
    its = container(envFrom=[MINE])
    found = inject(deployment(its), [PLATFORM], {"mine": {ATTRIBUTES: "team=mine,service.name=x"}})
    assert values(found)[ATTRIBUTES].endswith(f",$({ATTRIBUTES})")
    assert "team" not in attributes(found)
    assert "demo" == attributes(found)["k8s.namespace.name"]
    assert {"OTEL_SERVICE_NAME": f"{ATTRIBUTES} of envFrom ConfigMap mine has service.name"} == reasons(found)


def test_layers_fill_in_for_each_other() -> None:
    """A section of the namespace's profile hides the operator's, whole; env and attributes do so by name."""
    own = layer(
        sampler={"type": "always_on"},
        env=[{"name": "OTEL_BSP_SCHEDULE_DELAY", "value": "900"}],
        resource={"resourceAttributes": {"team": "own"}},
    )
    found = inject(deployment(), [own, PLATFORM])
    assert ("always_on", "900", "tracecontext") == tuple(
        values(found)[name] for name in ("OTEL_TRACES_SAMPLER", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_PROPAGATORS")
    )
    assert "OTEL_TRACES_SAMPLER_ARG" not in values(found)
    assert "own" == attributes(found)["team"]
    assert {"demo/default"} == {
        e.layer for e in found.entries if e.name in {"OTEL_TRACES_SAMPLER", "OTEL_BSP_SCHEDULE_DELAY"}
    }


DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
CHOSEN: dict[str, tuple[list[str], str, list[str], dict[str, str]]] = {
    "first by default": ([], "", ["app"], {}),
    "default container": ([], "sidecar", ["sidecar"], {}),
    "default container that does not exist": ([], "no user", ["app"], {}),
    "default container that is an init container": ([], "setup", ["app"], {}),
    "all but init containers": (["*"], "", ["app", "sidecar"], {}),
    "by name": (["sidecar"], "app", ["sidecar"], {}),
    "init container by name": (["setup"], "", ["setup"], {}),
    "all, and an init container": (["*", "setup"], "", ["app", "sidecar", "setup"], {}),
    "unknown name": (["no user"], "", [], {"no user": "no container has this name"}),
}


@pytest.mark.parametrize(("named", "default", "expected", "missing"), CHOSEN.values(), ids=CHOSEN)
def test_containers(named: list[str], default: str, expected: list[str], missing: dict[str, str]) -> None:
    """The profile's containers, else the default container; a name that does not exist is reported, not guessed."""
    annotations = {DEFAULT_CONTAINER: default} if default else {}
    its = deployment(container(), container("sidecar"), template_annotations=annotations)
    its["spec"]["template"]["spec"]["initContainers"] = [container("setup")]
    found = inject(its, [layer(containers=named), PLATFORM])
    assert expected == list(found.containers)
    assert missing == {skipped.container: skipped.reason for skipped in found.skipped}


def test_order_of_containers_changes_nothing() -> None:
    """A sidecar that is put first does not get the injection of the container that had it."""
    workload = workload_of(deployment(container("sidecar"), container()))
    assert ("app",) == inject_workload(workload, [PLATFORM], before=["app"]).containers
    assert ("sidecar",) == inject_workload(workload, [PLATFORM], before=["gone"]).containers


def test_references_inside_a_profile_are_resolved() -> None:
    """A later version of a profile may turn the order round; entries keep theirs, so no reference stays."""
    own = layer(env=[{"name": "OTEL_B", "value": "b$(OTEL_A)$$(OTEL_A)"}, {"name": "OTEL_A", "value": "a"}])
    assert "ba$$(OTEL_A)" == values(inject(deployment(), [own, PLATFORM]))["OTEL_B"]


@given(CONTAINERS, LAYERS)
def test_users_entries_are_never_in_the_set(containers: list[Object], layers: list[Layer]) -> None:
    """No variable is both the user's and ours: so nothing has to be forced, and nothing of theirs changes."""
    found = inject(deployment(*containers), layers)
    for each in containers:
        assert not {entry["name"] for entry in each["env"]} & values(found, each["name"]).keys()


@given(CONTAINERS, LAYERS)
def test_references_are_defined_before_they_are_used(containers: list[Object], layers: list[Layer]) -> None:
    """Every reference of ours is to the user's variables, which stand before, or to one of ours above it."""
    found = inject(deployment(*containers), layers)
    for each in containers:
        defined = {entry["name"] for entry in each["env"]}
        ours = set(values(found, each["name"]))
        for entry in found.env(each["name"]):
            assert references(entry.get("value") or "") & ours <= defined
            defined.add(entry["name"])
