"""Log records of the core: what the SDK would send."""

from __future__ import annotations

import logging
import sys
from typing import Any

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from spanloom.api.context import adopt_api
from spanloom.core.logs import records as logs

adopt_api()
LEVELS = {5: "TRACE2", 10: "DEBUG", 20: "INFO", 25: "INFO4", 30: "WARN", 40: "ERROR", 50: "FATAL", 99: "FATAL4"}


def sent(record: logging.LogRecord, *, has_code_attributes: bool = False) -> dict[str, Any]:
    """Return a record as a receiver decodes it."""
    body = logs.encode_request(b"", [logs.to_log_record(record, has_code_attributes=has_code_attributes)])
    [resource] = MessageToDict(ExportLogsServiceRequest.FromString(body))["resourceLogs"]
    [scope] = resource["scopeLogs"]
    [found] = scope["logRecords"]
    return {"logger": scope["scope"]["name"], **found}


def record(**values: Any) -> logging.LogRecord:
    """Return a record of the logger `shop`."""
    return logging.makeLogRecord(
        {"name": "shop", "msg": "sold %s", "args": ("tea",), "created": 1.5, "levelno": 20, **values}
    )


def attributes(found: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a decoded record."""
    return {one["key"]: next(iter(one["value"].values())) for one in found.get("attributes", ())}


def test_a_record_has_its_message_level_time_and_span() -> None:
    """The fields of the logs data model come from the record and from the current span."""
    with use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))):
        found = sent(record(levelno=30, levelname="WARNING"))
    assert ("shop", {"stringValue": "sold tea"}, "WARN") == (found["logger"], found["body"], found["severityText"])
    assert ("1500000000", 1) == (found["timeUnixNano"], found["flags"])
    assert ("AAAAAAAAAAAAAAAAAAAAAQ==", "AAAAAAAAAAI=") == (found["traceId"], found["spanId"])
    assert not {"traceId", "spanId", "flags"} & set(sent(record()))


def test_levels_have_the_severity_of_the_data_model() -> None:
    """A level of the standard library, or between two of them, has the number of its range."""
    expected = {level: f"SEVERITY_NUMBER_{name}" for level, name in LEVELS.items()}
    assert expected == {level: SeverityNumber.Name(logs.severity(level)) for level in LEVELS}


def test_what_came_by_extra_is_an_attribute() -> None:
    """`extra` and, where asked for, the place in the code; not what every record has."""
    found = sent(record(order=7, pathname="shop.py", funcName="sell", lineno=3), has_code_attributes=True)
    place = {"code.file.path": "shop.py", "code.function.name": "sell", "code.line.number": "3"}
    assert {"order": "7", **place} == attributes(found)


def test_texts_of_errors_are_redacted() -> None:
    """Neither message nor exception carries the query of a URL."""
    try:
        raise ValueError(f"http://shop/?token={'sec' + 'ret'}")
    except ValueError as error:
        found = sent(record(msg="failed: %s", args=(error,), exc_info=sys.exc_info()))
    assert "http://shop/?REDACTED" == attributes(found)["exception.message"]
    assert "secret" not in str(found)


@given(st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.integers() | st.builds(object)))
def test_any_extra_is_sent_or_left_out(extra: dict[str, Any]) -> None:
    """A value that OTLP cannot carry costs the record nothing but that value."""
    given_extra = {key: value for key, value in extra.items() if key and key not in vars(record())}
    assert {"stringValue": "sold tea"} == sent(record(**given_extra))["body"]
