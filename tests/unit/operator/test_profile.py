"""Profiles: what is refused, and that every problem is named at once."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.deployments import EXPORTER, Object

from spanloom_operator.profiles.reader import InvalidProfile, NoProfile, find_layers, read
from spanloom_operator.profiles.rules import Rules
from spanloom_operator.quantities import quantity

RULES = Rules(
    endpoints=("http://*.observability:4318", "https://otlp.example.com", "http://jaeger.observability:5778"),
    agent_image="agent:1",
    agent_images=("mirror/agent:1",),
)


JAEGER = "http://jaeger.observability:5778"


def accepted(spec: dict[str, Any]) -> dict[str, Any]:
    return read(spec, RULES).model_dump(exclude_none=True)


def problems(spec: Object) -> tuple[str, ...]:
    with pytest.raises(InvalidProfile) as refused:
        read(spec, RULES)
    return refused.value.problems


def test_whole_profile_is_read() -> None:
    """A profile with every section is valid."""
    spec = {
        "exporter": {**EXPORTER, "timeout": 10, "headers": {"secretKeyRef": {"name": "otlp", "key": "headers"}}},
        "exporters": {"traces": "otlp", "metrics": "none", "logs": "console"},
        "propagators": ["tracecontext", "baggage"],
        "sampler": {"type": "parentbased_traceidratio", "argument": "0.25"},
        "resource": {"resourceAttributes": {"deployment.environment.name": "prod"}},
        "env": [
            {"name": "OTEL_BSP_SCHEDULE_DELAY", "value": "500"},
            {"name": "OTEL_A", "value": "$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME) $$(HOME)"},
        ],
        "containers": ["*"],
    }
    assert "0.25" == accepted(spec)["sampler"]["argument"]


def test_certificates_are_read() -> None:
    """The exporter's certificates are paths, under the names that the OpenTelemetry Operator uses."""
    tls = {"ca_file": "/etc/otlp/ca.crt", "cert_file": "/etc/otlp/tls.crt", "key_file": "/etc/otlp/tls.key"}
    assert tls == accepted(secure(tls))["exporter"]["tls"]


def variable(name: str, value: str) -> Object:
    return {"env": [{"name": name, "value": value}]}


def exporter(**changes: object) -> Object:
    return {"exporter": {**EXPORTER, **changes}}


def secure(tls: Object) -> Object:
    return exporter(endpoint="https://otlp.example.com", tls=tls)


def remote(argument: str) -> Object:
    return {"sampler": {"type": "parentbased_jaeger_remote", "argument": argument}}


def agent(**fields: object) -> Object:
    return {"agent": {"enabled": True, **fields}}


REFUSED = {
    "unknown propagator": ({"propagators": ["b4"]}, "spec.propagators.0 'b4': expected one of baggage, none, trace"),
    "propagator not in every image": ({"propagators": ["b3"]}, "stops applications from starting"),
    "ratio above one": ({"sampler": {"type": "traceidratio", "argument": "1.5"}}, "expected a ratio from 0 to 1"),
    "ratio below zero": ({"sampler": {"type": "traceidratio", "argument": "-0.1"}}, "expected a ratio from 0 to 1"),
    "ratio NaN": ({"sampler": {"type": "parentbased_traceidratio", "argument": "NaN"}}, "expected a ratio from 0 to 1"),
    "ratio missing": ({"sampler": {"type": "parentbased_traceidratio"}}, "expected a ratio from 0 to 1"),
    "ratio without use": ({"sampler": {"type": "always_on", "argument": "1"}}, "takes no argument"),
    "remote sampler without an endpoint": (remote("pollingIntervalMs=500"), "expected endpoint=URL"),
    "remote sampler without argument": ({"sampler": {"type": "jaeger_remote"}}, "expected endpoint=URL"),
    "remote sampler elsewhere": (remote("endpoint=http://evil.example:5778"), "endpoint of the operator's allow-list"),
    "remote sampler with another field": (remote(f"endpoint={JAEGER},rate=1"), "expected endpoint=URL"),
    "remote sampler with a field twice": (remote(f"endpoint={JAEGER},endpoint={JAEGER}"), "expected endpoint=URL"),
    "remote sampler too often": (
        remote(f"endpoint={JAEGER},pollingIntervalMs=9"), "pollingIntervalMs '9': expected milliseconds, 100 to a day",
    ),
    "remote sampler with a wrong rate": (
        remote(f"endpoint={JAEGER},initialSamplingRate=2"), "initialSamplingRate '2': expected a ratio from 0 to 1",
    ),
    "unknown sampler": ({"sampler": {"type": "sometimes"}}, "spec.sampler.type 'sometimes'"),
    "not a URL": (exporter(endpoint="not a url"), "spec.exporter.endpoint 'not a url': expected http(s)://HOST"),
    "URL with a user": (exporter(endpoint="http://a:b@x.observability:4318"), "without user"),
    "URL with a query": (exporter(endpoint="http://x.observability:4318/?a=b"), "without user, query or fragment"),
    "URL with a reference": (exporter(endpoint="http://x.observability:4318/$(X)"), "without spaces, commas or '$'"),
    "port out of range": (exporter(endpoint="http://x.observability:99999"), "spec.exporter.endpoint"),
    "host not allowed": (exporter(endpoint="http://evil.example:4318"), "the operator's allow-list"),
    "port not allowed": (exporter(endpoint="http://x.observability:4319"), "the operator's allow-list"),
    "scheme not allowed": (exporter(endpoint="https://x.observability:4318"), "the operator's allow-list"),
    "allowed host as a prefix": (exporter(endpoint="http://x.observability.evil:4318"), "the operator's allow-list"),
    "endpoint without protocol": ({"exporter": {"endpoint": EXPORTER["endpoint"]}}, "spec.exporter.protocol"),
    "protocol without endpoint": ({"exporter": {"protocol": "grpc"}}, "spec.exporter.endpoint"),
    "unknown protocol": (exporter(protocol="http/xml"), "spec.exporter.protocol 'http/xml'"),
    "timeout in milliseconds": (exporter(timeout=10000), "expected seconds, 1 to 120"),
    "certificate by a relative path": (secure({"ca_file": "ca.crt"}), "spec.exporter.tls.ca_file 'ca.crt'"),
    "certificate without its key": (secure({"cert_file": "/tls.crt"}), "expected both or neither"),
    "certificates for plain HTTP": (exporter(tls={"ca_file": "/ca.crt"}), "tls: expected an https endpoint, got http"),
    "timeout zero": (exporter(timeout=0), "expected seconds, 1 to 120"),
    "unknown exporter": ({"exporters": {"traces": "zipkin"}}, "spec.exporters.traces 'zipkin'"),
    "unknown field": ({"sampling": {}}, "spec.sampling"),
    "service.name for everybody": ({"resource": {"resourceAttributes": {"service.name": "x"}}}, "its own service.name"),
    "attribute key with a comma": ({"resource": {"resourceAttributes": {"a,b": "x"}}}, "expected an attribute name"),
    "variable that is not OTEL_*": (variable("LD_PRELOAD", "x"), "spec.env.0.name 'LD_PRELOAD'"),
    "variable with a field": (variable("OTEL_PROPAGATORS", "b3"), "has a field of its own: spec.propagators"),
    "endpoint by the back door": (variable("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://x"), "spec.exporter says"),
    "headers by the back door": (variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b"), "spec.exporter says"),
    "configuration file": (variable("OTEL_CONFIG_FILE", "/x"), "it bypasses every other variable"),
    "signal timeout in milliseconds": (variable("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10000"), "expected seconds"),
    "delay in seconds": (variable("OTEL_BSP_SCHEDULE_DELAY", "5"), "expected milliseconds, 100 or more"),
    "negative queue": (variable("OTEL_BSP_MAX_QUEUE_SIZE", "-1"), "expected a whole number"),
    "empty queue": (variable("OTEL_BSP_MAX_QUEUE_SIZE", "0"), "expected a whole number above 0"),
    "batch above queue": (variable("OTEL_BSP_MAX_QUEUE_SIZE", "100"), "larger than the queue"),
    "variable twice": ({"env": [*variable("OTEL_A", "1")["env"], *variable("OTEL_A", "2")["env"]]}, "each name once"),
    "an application's variable": (variable("OTEL_A", "$(PASSWORD)"), "env: $(PASSWORD): expected a variable of this"),
    "one behind a dollar sign": (variable("OTEL_A", "$$$(PASSWORD)"), "env: $(PASSWORD): expected a variable of this"),
    "agent's image not allowed": (agent(image="evil:1"), "spec.agent.image 'evil:1': expected one of the operator's"),
    "agent by gRPC": ({**exporter(protocol="grpc"), **agent()}, "expected the exporter's protocol http/protobuf"),
    "agent's request above its limit": (
        agent(resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}),
        "requests.memory '1Gi': expected at most its limit, 512Mi",
    ),
    "agent's quantity": (agent(resources={"limits": {"memory": "64MB"}}), "expected a quantity such as 5m"),
    "agent's resource": (agent(resources={"limits": {"gpu": "1"}}), "spec.agent.resources.limits.gpu"),
    "circle": (variable("OTEL_A", "$(OTEL_A)"), "refers to"),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "said"), REFUSED.values(), ids=REFUSED)
def test_refused(spec: Object, said: str) -> None:
    """What would stop an application, redirect its data or switch tracing off silently is refused in a line."""
    assert [problem for problem in problems(spec) if said in problem], problems(spec)


def test_images_of_the_agent() -> None:
    """The operator's image is the default; the others that its owner allows may be named."""
    assert "agent:1" == accepted(agent())["agent"]["image"]
    assert "mirror/agent:1" == accepted(agent(image="mirror/agent:1"))["agent"]["image"]


def test_operator_without_an_image_of_the_agent() -> None:
    """A profile cannot enable an agent that the operator does not have."""
    with pytest.raises(InvalidProfile, match="the operator has none"):
        read(agent(), Rules())


def test_two_profiles_that_contradict_each_other() -> None:
    """An agent of one profile and gRPC of the other are as invalid together as they would be in one."""
    specs = {("demo", "default"): agent(), ("home", "default"): exporter(protocol="grpc")}
    with pytest.raises(NoProfile, match="OtelProfile demo/default is invalid with home/default") as found:
        find_layers("demo", "default", "home", specs, RULES)
    assert "Invalid" == found.value.state


QUANTITIES = [("5m", "0.005"), ("1Gi", "1024Mi"), ("1", "1000m"), ("1e3", "1k"), (".5", "500m"), ("2.", "2")]


@pytest.mark.parametrize(("text", "same"), QUANTITIES)
def test_quantities(text: str, same: str) -> None:
    """A quantity is the same number in every form that the API server may write it in."""
    assert quantity(text) == quantity(same)


def test_every_problem_is_named_at_once() -> None:
    """Three mistakes give three lines, each with its path."""
    found = problems({"propagators": ["b4"], "sampler": {"type": "x"}, **exporter(endpoint="nowhere")})
    assert {"spec.propagators.0", "spec.sampler.type", "spec.exporter.endpoint"} == {p.split(" ")[0] for p in found}


@pytest.mark.parametrize(
    "endpoint",
    ["http://otel-collector.observability:4318", "https://otlp.example.com", "https://otlp.example.com:443/v1"],
)
def test_allowed_endpoint(endpoint: str) -> None:
    """A host matches by pattern, a port also when it is the scheme's own; the path is free."""
    assert endpoint == accepted(exporter(endpoint=endpoint))["exporter"]["endpoint"]


@pytest.mark.parametrize(
    "argument", [f"endpoint={JAEGER}", f"endpoint={JAEGER},pollingIntervalMs=500,initialSamplingRate=0.25"]
)
def test_a_remote_sampler_names_an_allowed_endpoint(argument: str) -> None:
    """The interval and the initial ratio may be left out; the argument is injected as it is."""
    assert argument == accepted(remote(argument))["sampler"]["argument"]


@given(st.floats(0, 1).map(str))
def test_every_ratio_is_accepted(argument: str) -> None:
    """Every number from 0 to 1 is a ratio, in whatever notation Python writes it."""
    sampler = {"type": "traceidratio", "argument": argument}
    assert argument == accepted({"sampler": sampler})["sampler"]["argument"]


ANYTHING = st.recursive(
    st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
)
SECTIONS = st.sampled_from(["exporter", "exporters", "propagators", "sampler", "resource", "env", "containers"])


@given(SECTIONS, ANYTHING)
def test_nothing_but_problems(section: str, value: object) -> None:
    """Whatever stands in a section, the result is a profile or a list of problems, never another error."""
    with suppress(InvalidProfile):
        read({section: value}, RULES)
