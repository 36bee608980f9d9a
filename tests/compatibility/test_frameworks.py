"""Frameworks other than FastAPI: the same responses as without telemetry, one SERVER span a request."""

from __future__ import annotations

import pytest
from compatibility.programs import UVICORN


def test_an_application_without_a_framework_is_traced(bare, traced, arrived) -> None:
    """Whatever uvicorn runs has its SERVER span; without a router there is no route."""
    outcomes = []
    for run in (bare, traced):
        with run("plain") as app:
            app.send("/a", "/fails")
            outcomes.append((app.end(), app.responses))
    assert outcomes[0] == outcomes[1]
    assert {"SERVER GET": 2} == arrived.names()


FLASK = ["/orders/7", "/orders/404", "/orders/500", "/stream", "/nowhere"]


def test_flask_is_traced_inside_the_boundary(bare, traced, arrived) -> None:
    """Routes, errors and streamed bodies; contrib's own instrumentation, which is installed, makes no second span."""
    outcomes = []
    for run in (bare, traced):
        with run("flask_shop", ["python", "flask_shop.py", "{port}"]) as app:
            app.send(*FLASK, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
            app.end()
            outcomes.append((app.responses, app.err.count("ValueError: no such order")))
    assert outcomes[0] == outcomes[1]
    expected = {"SERVER GET /orders/<int:number>": 3, "SERVER GET /stream": 1, "SERVER GET": 1}
    assert expected == arrived.names()
    assert [None] * 5 == [span.parent_id for span in arrived.spans()]
    [failed] = [span for span in arrived.spans() if span.status == "ERROR"]
    assert (500, "ValueError") == (failed.attributes["http.response.status_code"], failed.attributes["error.type"])
    assert ["no such order"] == [event["exception.message"] for event in failed.events]


DJANGO = {"asgi": UVICORN, "wsgi": ["python", "{app}.py", "{port}"]}


@pytest.mark.parametrize("interface", DJANGO)
def test_django_is_traced_inside_the_boundary(interface: str, bare, traced, arrived) -> None:
    """Under both interfaces: one SERVER span a request, with its route."""
    outcomes = []
    for run in (bare, traced):
        with run("django_shop", DJANGO[interface]) as app:
            app.send("/shop/orders/7/", "/shop/orders/500/", "/nowhere", traceparent=f"00-{'1' * 32}-{'2' * 16}-00")
            app.end()
            outcomes.append(app.responses)
    assert outcomes[0] == outcomes[1]
    assert {"SERVER GET /shop/orders/<int:number>/": 2, "SERVER GET": 1} == arrived.names()
    assert [None] * 3 == [span.parent_id for span in arrived.spans()]
