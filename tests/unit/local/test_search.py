"""The search of traces."""

from urllib.parse import parse_qsl

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local.search import Search, SearchError, choices

ATTRIBUTES = {
    "http.route": AnyValue(string_value="/orders/{id}"),
    "http.request.method": AnyValue(string_value="GET"),
    "http.response.status_code": AnyValue(int_value=404),
    "is_paid": AnyValue(bool_value=True),
    "note": AnyValue(string_value="a=b"),
}


def trace(*, is_failed: bool = False) -> Trace:
    """Return a trace of 11 ms: a span of the route, and one below it that may have failed."""
    below = proto_span(2, 1, name="pay")
    if is_failed:
        below.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR))
    return Trace.from_spans(from_otlp(traces_body(proto_span(1, attributes=ATTRIBUTES), below)))


def search(query: str) -> Search:
    return Search.from_query(parse_qsl(query, keep_blank_values=True))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", True),
        ("service=&route=&status=&min_duration=&attribute=", True),
        ("service=shop", True),
        ("service=sho", False),
        ("route=/orders/{id}", True),
        ("route=GET /orders/{id}", True),
        ("route=POST /orders/{id}", False),
        ("status=404", True),
        ("status=200", False),
        ("status=ok", True),
        ("status=error", False),
        ("min_duration=10ms", True),
        ("min_duration=0.01 s", True),
        ("min_duration=10001us", False),
        ("attribute=is_paid%3Dtrue", True),
        ("attribute=note%3Da=b", True),
        ("attribute=http.response.status_code%3D404", True),
        ("attribute=service.name%3Dshop", True),
        ("attribute=is_paid%3Dfalse", False),
        ("attribute=is_paid%3Dtrue&attribute=note%3Da=b", True),
        ("attribute=is_paid%3Dtrue&attribute=note%3Dc", False),
        ("service=shop&status=404&min_duration=1ms", True),
    ],
)
def test_a_trace_satisfies_a_search(query: str, expected: bool) -> None:
    """A trace is found if one of its spans satisfies every condition; empty conditions count as none."""
    assert expected == search(query).is_satisfied_by(trace())


@pytest.mark.parametrize(("query", "expected"), [("status=error", True), ("status=ERROR", True), ("status=ok", False)])
def test_a_failed_span_makes_a_failed_trace(query: str, expected: bool) -> None:
    """`ok` finds traces without a failed span."""
    assert expected == search(query).is_satisfied_by(trace(is_failed=True))


def test_one_span_satisfies_all_conditions() -> None:
    """An error in another span than that of the route is not found."""
    assert not search("status=error&route=/orders/{id}").is_satisfied_by(trace(is_failed=True))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "servce=shop",
            "the search parameter 'servce' is unknown; expected one of service, route, status, min_duration, attribute",
        ),
        ("service=a&service=b", "service is given 2 times; expected one"),
        ("status=bad", "status='bad' is not understood; expected ok, error or a status code such as 404"),
        ("status=999", "status='999' is not understood; expected ok, error or a status code such as 404"),
        (
            "min_duration=50",
            "min_duration='50' is not understood; expected a number and us, ms or s, such as 50ms",
        ),
        ("attribute=key", "attribute='key' is not understood; expected key=value"),
        ("attribute=%3Dvalue", "attribute='=value' is not understood; expected key=value"),
    ],
)
def test_a_wrong_search_is_refused(query: str, message: str) -> None:
    """A search that is not understood causes one line: parameter, value, and what was expected."""
    with pytest.raises(SearchError) as refusal:
        search(query)
    assert message == str(refusal.value)


def test_a_search_can_choose_what_is_stored() -> None:
    """The services and the routes, with their methods, of the stored traces."""
    assert {"services": ["shop"], "routes": ["GET /orders/{id}"]} == choices([trace()])
