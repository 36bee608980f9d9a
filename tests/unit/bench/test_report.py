"""The output of a run."""

from __future__ import annotations

import json
from io import StringIO
from xml.etree import ElementTree

import pytest
from bench.estimates import Estimate
from bench.plot import svg
from bench.report import WIDTH, document, sentence, tables
from bench.results import Row, Verdict
from rich.console import Console

GOOD, BAD = Estimate(1.0, 0.98, 1.02), Estimate(1.2, 1.1, 1.3)


def row(name: str, added: float) -> Row:
    return Row(
        name=name,
        title=f"<{name}>",
        cpu_us=Estimate(2000.0, 1900.0, 2100.0),
        cpu_ratio=Estimate(0.5, 0.4, 0.6),
        added_us=Estimate(added, added - 1, added + 1),
        added_per_span_us=added / 6,
        throughput_ratio=Estimate(0.7, 0.6, 0.8),
        saturated_per_second=100.0,
        p50_ms=1.0,
        p99_ms=2.0,
        served=10,
        spans_per_request=6.0,
        lost=0,
        orphans=0,
        start_seconds=1.5,
        resident_mib=150.0,
        idle_ms_per_second=1.0,
        faults=(),
    )


ROWS = [row("spanloom", 100.0), row("otel", 1000.0)]


@pytest.mark.parametrize(
    ("cpu", "throughput", "begin"), [(GOOD, GOOD, "A/A within 3 %"), (BAD, GOOD, "VOID"), (GOOD, BAD, "VOID")]
)
def test_an_invalid_run_is_marked(cpu: Estimate, throughput: Estimate, begin: str) -> None:
    """The sentence of an invalid run begins with VOID."""
    assert sentence(Verdict(cpu, throughput)).startswith(begin)


def test_tables_cut_no_figure() -> None:
    """At the width of the command no cell is cut; added cost is a fraction of that of the defaults."""
    text = StringIO()
    Console(width=WIDTH, file=text).print(*tables(ROWS))
    assert "…" not in text.getvalue()
    assert text.getvalue().split("<spanloom>")[1].split("\n")[0].split()[-2:] == ["0.10", "17"]


def test_json_keeps_intervals_by_name() -> None:
    """The JSON contains an arm's ratio with its bounds, the command and the validity."""
    kept = json.loads(json.dumps(document(ROWS, Verdict(GOOD, BAD), {"ddtrace": "no wheel"}, {}, "make bench")))
    assert kept["arms"][0]["cpu_ratio"] == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert (kept["void"], kept["command"], kept["left_out"]) == (True, "make bench", {"ddtrace": "no wheel"})


def test_the_picture_shows_every_arm() -> None:
    """The chart is well-formed for any name of an arm, and has a text line for each."""
    texts = [element.text for element in ElementTree.fromstring(svg(ROWS, "quiet")).iter() if element.text]
    assert {"<spanloom>", "<otel>", "quiet", "0.50", "0.70"} <= set(texts)
