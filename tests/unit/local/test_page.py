"""The JSON that the page reads."""

import json

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local.page import detail, plain, summary


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (7, 7),
        (0.5, 0.5),
        (True, True),
        (None, None),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"\x00\xff", "00ff"),
        ([2**60, {"key": b"\x01"}], ["1152921504606846976", {"key": "01"}]),
    ],
)
def test_values_survive_the_way_to_javascript(value: object, expected: object) -> None:
    """What a JavaScript number cannot hold goes as text, bytes as hexadecimal."""
    assert expected == plain(value)


def trace(*parents: int | None) -> Trace:
    """Return a trace whose span number n, from 1, has the n-th parent."""
    return Trace.from_spans(
        from_otlp(traces_body(*(proto_span(n, parent) for n, parent in enumerate(parents, start=1))))
    )


def test_times_are_told_from_the_start_of_the_trace() -> None:
    """Microseconds: 1 ms after the first span is 1,000."""
    assert [(0, 10_000), (1_000, 10_000)] == [
        (member["offset_us"], member["duration_us"]) for member in detail(trace(None, 1))["members"]
    ]


def test_the_list_tells_the_root_and_the_whole_duration() -> None:
    """From the first start to the last end, whichever spans these are."""
    line = summary(trace(None, 1))
    assert ("work", "shop", 2, 0, 11_000) == tuple(
        line[key] for key in ("name", "service", "spans", "errors", "duration_us")
    )


@pytest.mark.parametrize("parents", [(2, 1), (1,), (9, None), tuple(range(3_000))], ids=str)
def test_strange_traces_are_told_like_any_other(parents: tuple[int | None, ...]) -> None:
    """Parents in a circle, a span that is its own, a missing one, and 3,000 levels."""
    assert len(parents) == len(detail(trace(*parents))["members"])


def test_every_value_of_the_protocol_becomes_json() -> None:
    """Also those that JSON does not know."""
    values = {
        "nan": AnyValue(double_value=float("nan")),
        "bytes": AnyValue(bytes_value=b"\xff"),
        "none": AnyValue(),
        "big": AnyValue(int_value=2**62),
    }
    [span] = detail(Trace.from_spans(from_otlp(traces_body(proto_span(1, attributes=values)))))["members"]
    expected = {"nan": "nan", "bytes": "ff", "none": None, "big": str(2**62)}
    assert expected == json.loads(json.dumps(span["attributes"], allow_nan=False))
