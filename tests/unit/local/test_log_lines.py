"""Log records in memory, and their limit."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from support.builders.otlp import log_record, logs_request

from spanloom_local.log_lines import LogLine, LogLines, from_otlp_logs

TRACE, SPAN = f"{1:032x}", f"{2:016x}"


def lines(*records: LogRecord) -> list[LogLine]:
    return list(from_otlp_logs(logs_request(*records)))


def test_a_record_becomes_a_line() -> None:
    """A line has the record's time, severity, service, text, ids and attributes."""
    [line] = lines(log_record("sold", time_ns=7, severity="WARN", trace_id=TRACE, span_id=SPAN, items=3))
    assert LogLine(7, "WARN", "shop", "", "sold", TRACE, SPAN, {"items": 3}) == line


@pytest.mark.parametrize(
    ("record", "field", "expected"),
    [
        (LogRecord(observed_time_unix_nano=5), "time_ns", 5),
        (LogRecord(body=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)]))), "text", "[1]"),
        (LogRecord(body=AnyValue(bytes_value=b"\xff")), "text", "\"b'\\\\xff'\""),
        (LogRecord(), "text", "null"),
        (LogRecord(trace_id=bytes(16)), "trace_id", ""),
        (LogRecord(trace_id=b"short"), "trace_id", ""),
        (LogRecord(span_id=bytes(8)), "span_id", ""),
    ],
    ids=["no time", "a list", "bytes", "no body", "zero trace id", "short trace id", "zero span id"],
)
def test_unusual_records_become_lines(record: LogRecord, field: str, expected: object) -> None:
    """Without a time the observed one counts; a body that is no text is JSON; an invalid id counts as none."""
    [line] = lines(record)
    assert expected == getattr(line, field)


def test_lines_are_found_by_trace_and_by_time() -> None:
    """Lines arrive in any order; those of a trace are in the order of time, the newest ones the other way round."""
    stored = LogLines()
    stored.add(lines(*(log_record(text, time_ns=time, trace_id=TRACE) for text, time in (("b", 2), ("a", 1)))))
    stored.add(lines(log_record("c", time_ns=3)))
    assert ["a", "b"] == [line.text for line in stored.of_trace(TRACE)]
    assert ["c", "b"] == [line.text for line in stored.newest(2)]
    assert {TRACE: 2} == stored.counts()


def test_the_oldest_line_is_dropped_at_the_limit() -> None:
    """The number of lines is limited."""
    stored = LogLines(kept=2)
    stored.add(lines(*(log_record(text, time_ns=time) for time, text in enumerate("abc"))))
    assert ["c", "b"] == [line.text for line in stored.newest(9)]
    assert 2 == len(stored)
