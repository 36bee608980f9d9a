"""Resource attributes: names, precedence, and that nothing depends on what a deployment changes."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.deployments import Object, container, deployment, workload_of
from support.builders.strategies import PLATFORM

from spanloom_operator.injection.attributes import encode
from spanloom_operator.injection.environment import Injection
from spanloom_operator.injection.environment import inject as inject_workload
from spanloom_operator.names import MARKER
from spanloom_operator.names import RESOURCE_ATTRIBUTES as ATTRIBUTES
from spanloom_operator.profiles.reader import Layer
from spanloom_operator.references import references


def inject(its: Object, layers: list[Layer]) -> Injection:
    return inject_workload(workload_of(its), layers)


def values(injection: Injection, name: str = "app") -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in injection.env(name)}


def attributes(injection: Injection, name: str = "app") -> dict[str, str]:
    pairs = [pair.split("=", 1) for pair in values(injection, name)[ATTRIBUTES].split(",") if "=" in pair]
    return {key: unquote(value) for key, value in pairs}


NAME, INSTANCE, COMPONENT = (f"app.kubernetes.io/{word}" for word in ("name", "instance", "component"))
SERVICE_NAME = "resource.opentelemetry.io/service.name"
NAMED: dict[str, tuple[Object, str]] = {
    "the Deployment's name": ({}, "shop"),
    "recommended label that the Deployment selects by": ({"selector": {"matchLabels": {NAME: "labelled"}}}, "labelled"),
    "recommended label and the release": ({"selector": {"matchLabels": {NAME: "labelled", INSTANCE: "r"}}}, "labelled"),
    "components of one application": ({"selector": {"matchLabels": {NAME: "labelled", COMPONENT: "web"}}}, "shop"),
    "a label that others may have too": ({"labels": {NAME: "labelled"}, "template_labels": {NAME: "labelled"}}, "shop"),
    "not the release": ({"selector": {"matchLabels": {INSTANCE: "release"}}}, "shop"),
    "annotation": (
        {"selector": {"matchLabels": {NAME: "labelled"}}, "annotations": {SERVICE_NAME: "annotated"}},
        "annotated",
    ),
    "annotation of the pod template": (
        {"annotations": {SERVICE_NAME: "annotated"}, "template_annotations": {SERVICE_NAME: "of the pod"}},
        "of the pod",
    ),
    "annotation that looks like a reference": ({"annotations": {SERVICE_NAME: "$(HOME)"}}, "$$(HOME)"),
}


@pytest.mark.parametrize(("given_fields", "expected"), NAMED.values(), ids=NAMED)
def test_service_name(given_fields: Object, expected: str) -> None:
    """Annotation, then a recommended label that cannot merge different workloads, then the Deployment's name."""
    found = inject(deployment(**given_fields), [PLATFORM])
    assert expected == values(found)["OTEL_SERVICE_NAME"]


VERSION = "app.kubernetes.io/version"
SERVICE_VERSION = "resource.opentelemetry.io/service.version"
READ_BY_THE_POD = "$(OTEL_RESOURCE_ATTRIBUTES_SERVICE_VERSION)"
ATTRIBUTE_LAYERS: dict[str, tuple[Object, str, str]] = {
    "profile": ({}, "team", "platform"),
    "annotation over profile": ({"annotations": {"resource.opentelemetry.io/team": "mine"}}, "team", "mine"),
    "cluster over profile": ({}, "k8s.pod.name", "$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME)"),
    "pod's label over profile": ({"template_labels": {VERSION: "1.3"}}, "service.version", READ_BY_THE_POD),
    "not the Deployment's label": ({"labels": {VERSION: "1.3"}}, "service.version", "0"),
    "annotation over label": (
        {"template_labels": {VERSION: "1.3"}, "annotations": {SERVICE_VERSION: "1.4"}},
        "service.version",
        "1.4",
    ),
    "pod template over Deployment": (
        {"template_annotations": {SERVICE_VERSION: "1.5"}, "annotations": {SERVICE_VERSION: "1.4"}},
        "service.version",
        "1.5",
    ),
}


@pytest.mark.parametrize(("given_fields", "key", "expected"), ATTRIBUTE_LAYERS.values(), ids=ATTRIBUTE_LAYERS)
def test_attribute_precedence(given_fields: Object, key: str, expected: str) -> None:
    """Pod template's annotation, Deployment's annotation, label, what the cluster knows, profile."""
    assert expected == attributes(inject(deployment(**given_fields), [PLATFORM]))[key]


def test_version_is_read_by_the_pod() -> None:
    """The pod reads its label by the downward API, so the injected variables are the same for every version."""
    one, other = (inject(deployment(template_labels={VERSION: version}), [PLATFORM]) for version in ("1", "2"))
    entry = next(e for e in one.entries if e.name == "OTEL_RESOURCE_ATTRIBUTES_SERVICE_VERSION")
    assert {"fieldPath": f"metadata.labels['{VERSION}']", "apiVersion": "v1"} == (entry.value_from or {})["fieldRef"]
    assert one == other


@pytest.mark.parametrize("image", ["shop", "shop:1", "r:5000/a/shop:1@sha256:ab", "shop@sha256:ab"])
def test_image_changes_nothing(image: str) -> None:
    """A deployment of another image injects the same variables: it is one revision."""
    assert inject(deployment(), [PLATFORM]) == inject(deployment(container(image=image)), [PLATFORM])


def test_annotations_redirect_nothing() -> None:
    """Whatever the annotation, it becomes an attribute: endpoint and headers come from profiles only."""
    hostile = {"resource.opentelemetry.io/x": "1,OTEL_EXPORTER_OTLP_ENDPOINT=http://evil", "OTEL_PROPAGATORS": "b3"}
    found, plain = inject(deployment(annotations=hostile), [PLATFORM]), inject(deployment(), [PLATFORM])
    without = [{k: v for k, v in values(i).items() if k not in {ATTRIBUTES, MARKER}} for i in (found, plain)]
    assert without[0] == without[1]
    assert hostile["resource.opentelemetry.io/x"] == attributes(found)["x"]


@given(st.text())
def test_attribute_values_are_nothing_but_text(value: str) -> None:
    """Whatever the value, it comes out as it went in, and adds neither an attribute nor a reference."""
    found = inject(deployment(annotations={"resource.opentelemetry.io/x": value}), [PLATFORM])
    assert value == attributes(found)["x"]
    assert attributes(inject(deployment(), [PLATFORM])).keys() | {"x"} == attributes(found).keys()
    assert not references(encode(value))
