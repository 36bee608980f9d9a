"""WebSocket connections: one span each, inside the trust boundary."""

from __future__ import annotations

from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


def conversation(url: str, path: str, *messages: str, **headers: str) -> list[str]:
    """Send messages over a WebSocket; return the replies, or the status of a refused handshake."""
    responses = []
    try:
        with connect(url.replace("http", "ws") + path, additional_headers=headers) as socket:
            for message in messages:
                socket.send(message)
                if message.isdecimal():
                    responses.append(socket.recv())
            with suppress(ConnectionClosed):
                socket.recv()
    except InvalidStatus as refused:
        responses.append(str(refused.response.status_code))
    return responses


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_websocket_is_one_span_inside_the_trust_boundary(flags: str, traced, arrived) -> None:
    """One SERVER span a connection, with what happens in it below; the caller chooses neither trace nor sampling."""
    caller = {"traceparent": f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}", "baggage": "user=mallory"}
    with traced("chat") as app:
        assert ["2", "3"] == conversation(app.url, "/rooms/secret?token=CANARY42", "1", "2", "end", **caller)
        app.end()
    assert ["SERVER GET /rooms/{room}\n  CLIENT SELECT\n  CLIENT SELECT"] == arrived.shapes()
    [server] = [span for span in arrived.spans() if span.kind == "SERVER"]
    assert (101, "UNSET", None) == (server.attributes["http.response.status_code"], server.status, server.parent_id)
    assert "0af7651916cd43dd8448eb211c80319c" != server.trace_id
    assert not any(word in repr(arrived.spans()) for word in ("mallory", "CANARY42", "secret"))


def test_a_trusted_caller_continues_its_trace_in_a_websocket(traced, arrived) -> None:
    """SPANLOOM_TRUST_INCOMING holds for the handshake as for a request."""
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with traced("chat", SPANLOOM_TRUST_INCOMING="true") as app:
        conversation(app.url, "/rooms/a", "end", **caller)
        app.end()
    [server] = arrived.spans()
    assert ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331") == (server.trace_id, server.parent_id)


def test_websockets_end_as_they_end(bare, traced, arrived) -> None:
    """Refusals, exceptions and callers that disconnect look as without telemetry; only exceptions are errors."""
    talks = [("/closed",), ("/rooms/a", "fail"), ("/rooms/b", "1")]
    outcomes = []
    for run in (bare, traced):
        with run("chat") as app:
            outcomes.append([conversation(app.url, *talk) for talk in talks[:2]])
            with connect(app.url.replace("http", "ws") + "/rooms/b") as socket:
                socket.send("1")
                outcomes[-1].append([socket.recv()])
            app.end()
            outcomes[-1].append([str(app.err.count("Traceback"))])
    assert outcomes[0] == outcomes[1]
    found = sorted(
        (span.name, span.status, span.attributes["http.response.status_code"])
        for span in arrived.spans()
        if span.kind == "SERVER"
    )
    assert [
        ("GET /closed", "UNSET", 403),
        ("GET /rooms/{room}", "ERROR", 101),
        ("GET /rooms/{room}", "UNSET", 101),
    ] == found
