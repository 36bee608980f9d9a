"""The JSON of the page."""

import json

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local.duration_points import Exemplar
from spanloom_local.views import detail, json_safe, shown_exemplars, summary


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
def test_values_are_exact_in_javascript(value: object, expected: object) -> None:
    """Numbers that JavaScript cannot represent become text, bytes become hexadecimal."""
    assert expected == json_safe(value)


def test_the_slowest_exemplars_with_a_trace_are_shown() -> None:
    """An exemplar whose trace is not stored leads nowhere; of the others the slowest, in the order of time."""
    exemplars = [Exemplar(seconds, 10 - seconds, f"{seconds % 2}", "") for seconds in range(20)]
    shown = shown_exemplars(exemplars, is_stored=lambda trace_id: trace_id == "1")
    assert [19, 17, 15, 13, 11, 9] == [each.seconds for each in shown]


def trace(*parents: int | None) -> Trace:
    """Return a trace whose span n, from 1, has the n-th parent."""
    return Trace.from_spans(
        from_otlp(traces_body(*(proto_span(n, parent) for n, parent in enumerate(parents, start=1))))
    )


def test_times_are_relative_to_the_start_of_the_trace() -> None:
    """Times are in microseconds: 1 ms after the first span is 1,000."""
    assert [(0, 10_000), (1_000, 10_000)] == [
        (member["offset_us"], member["duration_us"]) for member in detail(trace(None, 1))["members"]
    ]


def test_the_list_has_root_and_duration() -> None:
    """The duration is from the first start to the last end of all spans."""
    line = summary(trace(None, 1))
    assert ("work", "shop", 2, 0, 11_000) == tuple(
        line[key] for key in ("name", "service", "spans", "errors", "duration_us")
    )


@pytest.mark.parametrize("parents", [(2, 1), (1,), (9, None), tuple(range(3_000))], ids=str)
def test_invalid_traces_are_rendered(parents: tuple[int | None, ...]) -> None:
    """A cycle of parents, a span that is its own parent, a missing parent, and 3,000 levels."""
    assert len(parents) == len(detail(trace(*parents))["members"])


def test_every_value_of_the_protocol_becomes_json() -> None:
    """Every OTLP value has a JSON form, also values that JSON lacks."""
    values = {
        "nan": AnyValue(double_value=float("nan")),
        "bytes": AnyValue(bytes_value=b"\xff"),
        "none": AnyValue(),
        "big": AnyValue(int_value=2**62),
    }
    [span] = detail(Trace.from_spans(from_otlp(traces_body(proto_span(1, attributes=values)))))["members"]
    expected = {"nan": "nan", "bytes": "ff", "none": None, "big": str(2**62)}
    assert expected == json.loads(json.dumps(span["attributes"], allow_nan=False))
