"""Hostile names and values reach the receiver unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from faults.receivers import stopping
from faults.values import HOSTILE, SURROGATE, escaped
from support.polling import poll_until
from support.processes.traced_app import traced_app

if TYPE_CHECKING:
    from support.plugins.faults import Record


@pytest.mark.fault("unicode, `=`, `,`, `%`, `$(VAR)`, lone surrogates and 10 kB as names and values")
def test_hostile_texts_arrive_unchanged(record: Record) -> None:
    r"""Names, values, events, status and resource arrive unchanged; a lone surrogate arrives escaped (`\udc80`)."""
    service = "shop=%2C,$(HOME) 店"
    attributes = {f"case.{number}": value for number, value in enumerate(HOSTILE.values()) if value != SURROGATE}
    resource = ",".join(f"{key}={quote(value)}" for key, value in attributes.items())
    with (
        stopping() as receiver,
        traced_app(receiver.url, "faults.app:app", OTEL_SERVICE_NAME=service, OTEL_RESOURCE_ATTRIBUTES=resource) as app,
    ):
        assert 200 == app.get("/hostile")
        poll_until(lambda: receiver.spans("GET /hostile"), "the trace arrives")
    trace = max(receiver.store.traces().values(), key=lambda trace: len(trace.spans))
    spans = {span.attributes["case"]: span for span in trace.spans if "case" in span.attributes}
    record({200: 1}, 1 + len(HOSTILE), len(trace.spans))
    for key, value in HOSTILE.items():
        span, expected = spans[key], escaped(value)
        assert [expected] * 3 == [span.name, span.message, span.attributes["value"]]
        assert ("key", expected) == (span.attributes[expected], span.events[0]["value"])
        assert expected == span.events[0]["name"]
    assert {service} == {span.service for span in spans.values()}
    assert attributes == {key: spans["comma"].resource[key] for key in attributes}
