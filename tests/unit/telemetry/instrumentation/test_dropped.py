"""Below a span that is not recorded, hooks make no spans; its context is propagated."""

from collections.abc import Iterator

import aiohttp
import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.instrumentation.utils import _SUPPRESS_INSTRUMENTATION_KEY_PLAIN
from opentelemetry.trace import SpanContext
from sqlalchemy import create_engine, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from support.servers import serve

from spanloom import instrument
from spanloom.core.context import attach, detach, is_http_suppressed, is_suppressed, with_span
from spanloom.core.spans.span_context import DroppedSpan
from spanloom.sdk.instrumentors import ClientInstrumentor, SqlalchemyInstrumentor


@pytest.fixture
def dropped() -> Iterator[SpanContext]:
    """Make a span current that is unsampled, of a sampler that follows the parent."""
    span = DroppedSpan(7, 5, 0)
    token = attach(with_span(span, {}))
    yield span.get_span_context()
    detach(token)


def test_no_function_has_a_span(dropped: SpanContext, finished) -> None:
    """A decorated function runs as it stands."""
    assert dropped == instrument(lambda: trace.get_current_span().get_span_context())()
    assert [] == finished.all()


def test_no_statement_has_a_span(dropped: SpanContext, finished) -> None:
    """SQLAlchemy executes by itself."""
    SqlalchemyInstrumentor().instrument()
    with create_engine("sqlite://").connect() as connection:
        assert 1 == connection.execute(text("SELECT 1")).scalar_one()
    SqlalchemyInstrumentor().uninstrument()
    assert [] == finished.all()


async def test_a_request_carries_the_callers_context(dropped: SpanContext, finished) -> None:
    """The other side learns that the trace is not sampled, from the span that is current."""

    def parent(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.headers["traceparent"])

    ClientInstrumentor().instrument()
    with serve(Starlette(routes=[Route("/parent", parent)])) as url:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/parent") as response:
            assert f"00-{7:032x}-{5:016x}-00" == await response.text()
    ClientInstrumentor().uninstrument()
    assert [] == finished.all()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("nothing", (False, False)),
        (_SUPPRESS_INSTRUMENTATION_KEY, (True, True)),
        (_SUPPRESS_INSTRUMENTATION_KEY_PLAIN, (True, True)),
        (_SUPPRESS_HTTP_INSTRUMENTATION_KEY, (False, True)),
    ],
)
def test_suppression_is_the_apis(key: str, expected: tuple[bool, bool]) -> None:
    """What others suppress by any of the API's keys, for all hooks or for HTTP only, is suppressed here."""
    context = otel_context.set_value(key, value=True, context=Context())
    assert expected == (is_suppressed(context), is_http_suppressed(context))


def test_a_token_of_another_context_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """Detaching twice does not raise, as the API's does not."""
    token = attach({})
    detach(token)
    detach(token)
    assert "spanloom: a context was not detached where it was attached\n" == capsys.readouterr().err
