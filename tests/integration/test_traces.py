"""One request, one trace: both real services produce the trees of the journey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from support.polling import poll_until

from spanloom.testing import assert_shape
from spanloom_local.journey import CREATE, JOURNEY, Response, Step, send, send_journey, trace_of, without_functions
from spanloom_local.receiver import Receiver
from spanloom_local.stack import Stack, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom.traces.model import Trace

TELEMETRY = {"OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "500", "OTEL_BLRP_SCHEDULE_DELAY": "200"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


@pytest.fixture(scope="module")
def stack(receiver: Receiver) -> Iterator[Stack]:
    with running(receiver, extra=TELEMETRY) as found:
        yield found


def complete_trace(receiver: Receiver, response: Response, spans: int) -> Trace:
    """Return the trace of `response` once it has at least `spans` spans."""

    def complete() -> Trace | None:
        trace = trace_of(response, receiver.store.traces().values())
        return trace if trace and len(trace.spans) >= spans else None

    return poll_until(complete, f"the trace of {response.mark} is complete_trace")


@pytest.fixture(scope="module")
def responses(stack: Stack) -> dict[str, Response]:
    return {step.title: response for step, response in send_journey(stack.url)}


@pytest.mark.parametrize("step", JOURNEY, ids=lambda step: step.title)
def test_a_request_has_exactly_its_tree(step: Step, responses: dict[str, Response], receiver: Receiver) -> None:
    """Every request has the response of the table, and its trace is the tree of the table, with one root."""
    assert step.status == responses[step.title].status
    assert_shape(complete_trace(receiver, responses[step.title], 6), step.tree)


def test_the_filter_keeps_server_and_client_spans(receiver: Receiver) -> None:
    """SPANLOOM_FILTER=warn removes function spans; four spans remain, in one trace."""
    with running(receiver, extra={"SPANLOOM_FILTER": "warn"}) as stack:
        for step, response in send_journey(stack.url):
            assert_shape(complete_trace(receiver, response, 4), without_functions(step.tree))


def test_resources_name_service_and_distribution(responses: dict[str, Response], receiver: Receiver) -> None:
    """Every span has the name and instance of its service, and the name of the distribution."""
    trace = complete_trace(receiver, responses[CREATE.title], 6)
    assert {"users-api", "users-db-service"} == {span.resource["service.name"] for span in trace.spans}
    assert 2 == len({span.resource["service.instance.id"] for span in trace.spans})
    assert {"spanloom"} == {span.resource["telemetry.distro.name"] for span in trace.spans}


def test_the_statement_has_no_parameters(responses: dict[str, Response], receiver: Receiver) -> None:
    """The database span names PostgreSQL, table and statement; the user's name is nowhere in the trace."""
    trace = complete_trace(receiver, responses[CREATE.title], 6)
    [statement] = [span for span in trace.spans if span.name == CREATE.statement]
    expected = {"db.system.name": "postgresql", "db.operation.name": "INSERT", "db.collection.name": "users"}
    assert expected == {key: statement.attributes[key] for key in expected}
    assert "INSERT INTO users" in statement.attributes["db.query.text"]
    assert str(CREATE.body and CREATE.body["name"]) not in repr(trace)


def test_probes_and_pools_make_no_trace(stack: Stack, receiver: Receiver) -> None:
    """After fifty probes of each kind, no trace has a database span or a probe as its root."""
    for _ in range(50):
        for url in (stack.url, stack.internal_url):
            assert (200, 200) == (send(url, "GET", "/healthz").status, send(url, "GET", "/readyz").status)
    complete_trace(receiver, send(stack.url, "GET", "/users"), 6)
    roots = {span.name for trace in receiver.store.traces().values() for span in trace.tops}
    assert roots <= {f"{step.method} {step.route}" for step in JOURNEY}


async def test_the_edge_drops_untrusted_context(stack: Stack, receiver: Receiver) -> None:
    """The edge drops the traceparent of an untrusted caller; the service behind it continues the trace."""
    forged = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{forged}-b7ad6b7169203331-01"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await touch(session, "GET", f"{stack.internal_url}/users")
        poll_until(lambda: receiver.store.trace(forged), "the trace with the caller's id arrives")
        await touch(session, "GET", f"{stack.url}/users", headers={"User-Agent": "boundary"})
    trace = complete_trace(receiver, Response(200, None, "boundary"), 6)
    assert trace.root.trace_id != forged


def test_log_records_carry_their_trace(responses: dict[str, Response], receiver: Receiver) -> None:
    """The access log records of both services contain the trace id of their request."""
    trace = complete_trace(receiver, responses[CREATE.title], 6)

    def complete() -> set[str]:
        found = {
            service
            for service, record in records(receiver)
            if record.trace_id.hex() == trace.trace_id and record.body.string_value == "POST /users"
        }
        return found if len(found) == 2 else set()

    assert {"users-api", "users-db-service"} == poll_until(complete, "both access records arrive")


def test_durations_are_measured_with_exemplars(responses: dict[str, Response], receiver: Receiver) -> None:
    """The histogram of request durations has an exemplar for each route."""
    trace = complete_trace(receiver, responses[CREATE.title], 6)

    def exemplar() -> bool:
        return any(e.trace_id.hex() == trace.trace_id for point in durations(receiver) for e in point.exemplars)

    assert poll_until(exemplar, "an exemplar names the trace")


def test_errors_name_their_trace(stack: Stack, receiver: Receiver) -> None:
    """The trace_id of a problem response is that of the request's trace."""
    response = send(stack.url, "GET", "/users/00000000-0000-0000-0000-000000000000")
    assert complete_trace(receiver, response, 6).trace_id == response.body["trace_id"]


async def touch(session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> None:
    async with session.request(method, path, **options) as response:
        await response.read()


def records(receiver: Receiver) -> Iterator[tuple[str, Any]]:
    for resource in receiver.store.logs:
        names = [pair.value.string_value for pair in resource.resource.attributes if pair.key == "service.name"]
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield names[0], record


def durations(receiver: Receiver) -> Iterator[Any]:
    for resource in receiver.store.metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == "http.server.request.duration":
                    yield from metric.histogram.data_points
