"""The output on the terminal."""

import io

import pytest
from rich.console import Console
from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local import terminal
from spanloom_local.store import Store


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=30, theme=terminal.THEME, highlight=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_lines_of_a_trace_are_not_cut(console: Console) -> None:
    """A narrow terminal and a pipe get every column."""
    terminal.show_trace(console, Trace.from_spans(from_otlp(traces_body(proto_span(1, name="a name of some length")))))
    assert "a name of some length  shop  INTERNAL  10.0 ms\n" == written(console)


def test_control_characters_are_escaped(console: Console) -> None:
    """Control characters in untrusted names are escaped; rich's markup is plain text."""
    terminal.show_trace(
        console, Trace.from_spans(from_otlp(traces_body(proto_span(1, name="\x1b[2J\x9b1m\u202e[red]"))))
    )
    assert "�[2J�1m�[red]  shop  INTERNAL  10.0 ms\n" == written(console)


def test_a_deep_trace_is_summarised(console: Console) -> None:
    """Thousands of levels become one line."""
    spans = [proto_span(number, number - 1 or None) for number in range(1, 3_000)]
    terminal.show_trace(console, Trace.from_spans(from_otlp(traces_body(*spans))))
    assert "2999 spans on 2999 levels; see the page" in written(console)


def test_a_failure_prints_output_before_the_message(console: Console) -> None:
    """The last lines of the failed program come first, cut at the terminal's width; then the whole message."""
    terminal.failure(console, "the message, longer than thirty characters", ["x" * 50])
    assert f"  {'x' * 27}…\n✗ the message, longer than thirty characters\n" == written(console)


@pytest.mark.parametrize(
    ("as_expected", "line"), [(5, "✓ 5 of 5 traces as expected\n"), (4, "✗ 4 of 5 traces as expected\n")]
)
def test_the_traces_are_counted(console: Console, as_expected: int, line: str) -> None:
    """The number that is as expected, of how many; a sign and not only a colour."""
    terminal.show_count(console, as_expected, 5)
    assert line == written(console)


def test_each_signal_has_an_address(console: Console) -> None:
    """A line for each signal, uncut on a narrow terminal, also when nothing has arrived."""
    store = Store()
    store.add(from_otlp(traces_body(proto_span(1), proto_span(2, 1))))
    terminal.show_signals(console, "http://127.0.0.1:4318", store)
    assert [
        "",
        "Traces      http://127.0.0.1:4318/#traces     1 traces, 2 spans",
        "Metrics     http://127.0.0.1:4318/#metrics    rate, errors and duration of 0 routes, 0 requests",
        "Logs        http://127.0.0.1:4318/#logs       0 lines, linked to their spans",
    ] == written(console).splitlines()
