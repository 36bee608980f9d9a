"""The decisions of the demo."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.builders.otlp import proto_span, traces_body

from spanloom.settings import SettingsError
from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local.demo import difference, no_other_traces, services_without_functions
from spanloom_local.journey import CREATE, Response

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
def test_the_filter_changes_the_expected_tree(text: str, hidden: set[str]) -> None:
    """SPANLOOM_FILTER changes the expected tree as it changes the spans that are sent."""
    assert hidden == services_without_functions(text)


def test_an_invalid_filter_is_refused() -> None:
    """An invalid filter causes an error that names it, before anything starts."""
    with pytest.raises(SettingsError, match="SPANLOOM_FILTER='loud'"):
        services_without_functions("loud")


@pytest.mark.parametrize(
    ("response", "trace", "expected", "message"),
    [
        (Response(201, None, ""), RIGHT, "shop INTERNAL work", ""),
        (
            Response(503, {"title": "later"}, ""),
            RIGHT,
            "shop INTERNAL work",
            "expected the status 201, got 503: {'title'",
        ),
        (Response(201, None, ""), None, "shop INTERNAL work", "no trace arrived within 10 s"),
        (Response(201, None, ""), RIGHT, "shop SERVER work", "! shop SERVER work  | shop INTERNAL work"),
    ],
    ids=["right", "wrong status", "no trace", "other tree"],
)
def test_a_step_reports_its_difference(response: Response, trace: Trace | None, expected: str, message: str) -> None:
    """A step reports a wrong status, else a missing trace, else both trees side by side."""
    actual = difference(CREATE, response, trace, expected)
    assert message in actual
    assert bool(message) == bool(actual)


def test_a_trace_without_a_request_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Probes, pools and pings must produce no trace."""
    agent = {"user_agent.original": AnyValue(string_value="spanloom-journey/1")}
    ours = Trace.from_spans(from_otlp(traces_body(proto_span(1, attributes=agent))))
    assert no_other_traces({"ours": ours})
    assert not no_other_traces({"ours": ours, "other": RIGHT})
    assert "a trace that belongs to no request of the journey" in capsys.readouterr().out
