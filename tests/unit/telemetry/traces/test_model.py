"""Traces read from OTLP and Jaeger, shown and compared."""

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanloom.sdk.tree_exporter import from_sdk
from spanloom.testing import assert_shape, from_jaeger, from_otlp
from spanloom.traces.model import Span, Trace, group

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def span(number: int, parent: int | None, name: str, **more: object) -> Span:
    """Return a span whose id is `number`, `number` ms after the first and 10 ms long."""
    values = {
        "trace_id": TRACE_ID,
        "span_id": f"{number:016x}",
        "parent_id": None if parent is None else f"{parent:016x}",
        "name": name,
        "kind": "SERVER",
        "service": "shop",
        "start_ns": number * 1_000_000,
        "end_ns": (number + 10) * 1_000_000,
    }
    return Span(**{**values, **more})


REQUEST = [
    span(1, None, "GET /cart", attributes={"http.response.status_code": 500, "error.type": "500"}, status="ERROR"),
    span(2, 1, "load", kind="INTERNAL"),
    span(3, 2, "SELECT items", kind="CLIENT", service="shop-db"),
    span(4, 1, "render", kind="INTERNAL"),
]


def test_the_tree_is_readable() -> None:
    """Names form a tree; service, kind, duration and outcome stand in columns."""
    expected = """\
GET /cart           shop     SERVER    10.0 ms  500 ERROR 500
├─ load             shop     INTERNAL  10.0 ms
│  └─ SELECT items  shop-db  CLIENT    10.0 ms
└─ render           shop     INTERNAL  10.0 ms"""
    assert expected == Trace.from_spans(reversed(REQUEST)).tree()


def test_the_shape_is_the_tree_without_times() -> None:
    """A line a span, two spaces a level, children by start."""
    expected = "shop SERVER GET /cart\n  shop INTERNAL load\n    shop-db CLIENT SELECT items\n  shop INTERNAL render"
    assert expected == Trace.from_spans(REQUEST).shape()


def test_a_span_delivered_twice_counts_once() -> None:
    """Delivery is at least once; the trace has each span once."""
    assert 4 == len(Trace.from_spans([*REQUEST, *REQUEST]).spans)


def test_orphans_and_roots_are_found() -> None:
    """A span whose parent is missing is an orphan, and no root."""
    trace = Trace.from_spans([REQUEST[0], REQUEST[2]])
    assert (REQUEST[2],) == trace.orphans
    assert REQUEST[0] == trace.root


def test_any_parents_make_a_tree() -> None:
    """A circle of parents and a chain of thousands, which an untrusted caller may send, are shown, each span once."""
    circle = [span(1, 2, "a"), span(2, 1, "b")]
    assert "shop SERVER a\n  shop SERVER b" == Trace.from_spans(circle).shape()
    chain = Trace.from_spans([span(number, number - 1 or None, "deep") for number in range(1, 3000)])
    assert 2999 == len(chain.tree().splitlines())


def test_two_roots_are_an_error_that_shows_the_tree() -> None:
    """Asking for the root of a trace with two shows what is there."""
    with pytest.raises(ValueError, match=r"expected one root, found 2(?s:.*)GET /cart(?s:.*)other"):
        _ = Trace.from_spans([REQUEST[0], span(9, None, "other")]).root


def test_spans_of_several_traces_are_grouped() -> None:
    """`group` parts spans by trace id; one trace of several ids is refused."""
    other = span(7, None, "other", trace_id="f" * 32)
    assert {TRACE_ID: 4, "f" * 32: 1} == {key: len(found.spans) for key, found in group([*REQUEST, other]).items()}
    with pytest.raises(ValueError, match="spans of one trace"):
        Trace.from_spans([*REQUEST, other])


def test_a_comparison_that_fails_shows_both_trees() -> None:
    """Expected and actual stand side by side, with a mark where they differ."""
    with pytest.raises(AssertionError) as caught:
        assert_shape(Trace.from_spans(REQUEST[:2]), "shop SERVER GET /cart\n  shop CLIENT load")
    expected = """\
  expected               | actual
  shop SERVER GET /cart  | shop SERVER GET /cart
!   shop CLIENT load     |   shop INTERNAL load"""
    assert str(caught.value).endswith(expected)


def test_a_comparison_holds_for_the_whole_tree_only() -> None:
    """The exact tree passes; the same text with an orphan among the spans does not."""
    assert_shape(Trace.from_spans(REQUEST[:1]), "shop SERVER GET /cart")
    with pytest.raises(AssertionError):
        assert_shape(Trace.from_spans([span(3, 2, "lost")]), "shop SERVER lost")


def test_otlp_and_the_sdk_give_the_same_model() -> None:
    """A span read from OTLP equals the SDK's own, with events, links, status and resource."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope")
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER, attributes={"n": 1, "l": ["a", "b"]}) as parent:
        parent.add_event("seen", {"x": 2.5})
        with tracer.start_as_current_span("child") as child:
            child.set_status(Status(StatusCode.ERROR, "bad"))
    finished = memory.get_finished_spans()
    received = from_otlp(encode_spans(finished).SerializeToString())
    assert [_plain(from_sdk(one)) for one in finished] == [_plain(one) for one in received]


def _plain(one: Span) -> dict[str, object]:
    """Return the span's values with lists for tuples: OTLP knows only one of them."""
    values = {name: getattr(one, name) for name in Span.__slots__}
    return {**values, "attributes": {k: list(v) if isinstance(v, tuple) else v for k, v in one.attributes.items()}}


def test_jaegers_response_is_read() -> None:
    """Parents, kinds, status and resource are found in Jaeger's JSON (GET /api/traces/ID)."""
    response = {
        "data": [
            {
                "processes": {"p1": {"serviceName": "shop", "tags": [{"key": "k8s.pod.name", "value": "shop-1"}]}},
                "spans": [
                    _jaeger("1", [], [{"key": "span.kind", "value": "server"}]),
                    _jaeger(
                        "2",
                        [{"refType": "CHILD_OF", "traceID": TRACE_ID, "spanID": "0000000000000001"}],
                        [{"key": "otel.status_code", "value": "ERROR"}],
                    ),
                ],
            }
        ]
    }
    trace = group(from_jaeger(response))[TRACE_ID]
    assert "shop SERVER span 1\n  shop INTERNAL span 2" == trace.shape()
    assert ("ERROR", "shop-1", 2.0) == (
        trace.spans[1].status,
        trace.root.resource["k8s.pod.name"],
        trace.root.duration_ms,
    )


def _jaeger(number: str, references: list[dict[str, str]], tags: list[dict[str, str]]) -> dict[str, object]:
    return {
        "traceID": TRACE_ID,
        "spanID": number,
        "operationName": f"span {number}",
        "references": references,
        "startTime": 1_700_000_000_000_000 + int(number),
        "duration": 2000,
        "tags": tags,
        "logs": [],
        "processID": "p1",
    }
