"""What the demo decides."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.builders.otlp import proto_span, traces_body

from spanloom.settings import SettingsError
from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local.demo import difference, nothing_else, services_without_functions
from spanloom_local.journey import CREATE, Answer

RIGHT = Trace.from_spans(from_otlp(traces_body(proto_span(1))))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("", set()),
        ("info", set()),
        ("debug", set()),
        ("warn", {"users-api", "users-db-service"}),
        ("info,users_db=warn", {"users-db-service"}),
        ("off,users_api.users_db=info", {"users-db-service"}),
    ],
)
def test_the_filter_says_whose_functions_are_shown(text: str, hidden: set[str]) -> None:
    """SPANLOOM_FILTER changes what is expected as it changes what is sent."""
    assert hidden == services_without_functions(text)


def test_a_wrong_filter_is_named() -> None:
    """Nothing starts with a filter that is not understood."""
    with pytest.raises(SettingsError, match="SPANLOOM_FILTER='loud'"):
        services_without_functions("loud")


@pytest.mark.parametrize(
    ("answer", "trace", "expected", "message"),
    [
        (Answer(201, None, ""), RIGHT, "shop INTERNAL work", ""),
        (
            Answer(503, {"title": "later"}, ""),
            RIGHT,
            "shop INTERNAL work",
            "expected the status 201, got 503: {'title'",
        ),
        (Answer(201, None, ""), None, "shop INTERNAL work", "no trace came within 10 s"),
        (Answer(201, None, ""), RIGHT, "shop SERVER work", "! shop SERVER work  | shop INTERNAL work"),
    ],
    ids=["right", "wrong status", "no trace", "other tree"],
)
def test_a_step_is_right_or_its_difference_is_told(
    answer: Answer, trace: Trace | None, expected: str, message: str
) -> None:
    """Status first, then the trace's absence, then both trees side by side."""
    actual = difference(CREATE, answer, trace, expected)
    assert message in actual
    assert bool(message) == bool(actual)


def test_a_trace_that_no_request_made_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """Probes, pools and pings must make none."""
    agent = {"user_agent.original": AnyValue(string_value="spanloom-journey/1")}
    ours = Trace.from_spans(from_otlp(traces_body(proto_span(1, attributes=agent))))
    assert nothing_else({"ours": ours})
    assert not nothing_else({"ours": ours, "other": RIGHT})
    assert "a trace that no request made" in capsys.readouterr().out
