"""The receiver with OpenTelemetry's exporters over HTTP."""

import gzip
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # googleapis-common-protos has no types
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from support.builders.otlp import proto_span, sender, traces_body

from spanloom.testing import assert_shape
from spanloom_local.journey import send
from spanloom_local.receiver import MAX_BODY_BYTES, Receiver

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def post(receiver: Receiver, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.NoCompression])
def test_spans_of_the_sdk_arrive_as_a_tree(receiver: Receiver, compression: Compression) -> None:
    """The receiver stores spans of the SDK, compressed or not, as one trace."""
    with sender(receiver.url, "shop", compression) as provider:
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            pass
    [trace] = receiver.store.traces().values()
    assert_shape(trace, "shop INTERNAL outer\n  shop INTERNAL inner")


def test_metrics_of_the_sdk_arrive(receiver: Receiver) -> None:
    """The receiver stores metrics unchanged."""
    exporter = OTLPMetricExporter(f"{receiver.url}/v1/metrics")
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)])
    provider.get_meter("test").create_counter("orders").add(2)
    provider.shutdown()
    [resource] = receiver.store.metrics
    assert "orders" == resource.scope_metrics[0].metrics[0].name


def test_a_restarted_receiver_keeps_its_traces(receiver: Receiver) -> None:
    """A stopped receiver refuses connections; restarted, it uses the same port and still has its traces."""
    body = traces_body(proto_span(1))
    assert 200 == post(receiver, "/v1/traces", body, PROTOBUF)[0]
    receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        post(receiver, "/v1/traces", body, PROTOBUF)
    receiver.start()
    assert 200 == post(receiver, "/v1/traces", traces_body(proto_span(1, trace=2)), PROTOBUF)[0]
    assert 2 == len(receiver.store.traces())


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs"])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"not protobuf", PROTOBUF, 400),
        (b"not gzip", PROTOBUF | {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"", PROTOBUF | {"Content-Encoding": "br"}, 415),
        (gzip.compress(bytes(MAX_BODY_BYTES + 1)), PROTOBUF | {"Content-Encoding": "gzip"}, 413),
        (bytes(MAX_BODY_BYTES + 1), PROTOBUF, 413),
    ],
    ids=["no protobuf", "no gzip", "json", "unknown encoding", "gzip bomb", "too large"],
)
def test_bad_bodies_are_refused(
    receiver: Receiver, path: str, body: bytes, headers: Mapping[str, str], status: int
) -> None:
    """An invalid body gets a status and a protobuf message, as OTLP requires, and nothing is stored."""
    actual, response = post(receiver, path, body, headers)
    assert status == actual
    assert Status.FromString(response).message
    assert {} == receiver.store.traces()


@pytest.mark.parametrize("change", [{"trace_id": b"short"}, {"span_id": b""}, {"kind": 99}], ids=str)
def test_invalid_spans_are_refused(receiver: Receiver, change: dict[str, Any]) -> None:
    """Ids of the wrong length and unknown kinds are reported to the sender."""
    span = proto_span(1)
    for field, value in change.items():
        setattr(span, field, value)
    assert 400 == post(receiver, "/v1/traces", traces_body(span), PROTOBUF)[0]
    assert {} == receiver.store.traces()


def test_the_list_has_an_etag(receiver: Receiver) -> None:
    """The list starts with the newest trace; a request with the current ETag gets 304."""
    for trace in (1, 2):
        post(receiver, "/v1/traces", traces_body(proto_span(1, trace=trace)), PROTOBUF)
    connection = HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    connection.request("GET", "/api/traces")
    tag = connection.getresponse().headers["ETag"]
    connection.close()
    connection.request("GET", "/api/traces", headers={"If-None-Match": tag})
    assert 304 == connection.getresponse().status
    connection.close()
    listed = send(receiver.url, "GET", "/api/traces").body["traces"]
    assert [f"{2:032x}", f"{1:032x}"] == [trace["trace_id"] for trace in listed]


def test_a_trace_is_found_by_its_id(receiver: Receiver) -> None:
    """A stored trace id returns the spans, an unknown one 404."""
    post(receiver, "/v1/traces", traces_body(proto_span(1), proto_span(2, 1)), PROTOBUF)
    assert 2 == len(send(receiver.url, "GET", f"/api/traces/{1:032x}").body["members"])
    assert 404 == send(receiver.url, "GET", f"/api/traces/{9:032x}").status


def test_another_site_cannot_read_the_traces(receiver: Receiver) -> None:
    """A host name that resolves to this machine (DNS rebinding) is refused."""
    connection = HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    connection.request("GET", "/api/traces", headers={"Host": "attacker.example"})
    assert 400 == connection.getresponse().status
    connection.close()
