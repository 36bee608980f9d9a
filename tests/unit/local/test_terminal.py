"""What is written on the terminal."""

import io

import pytest
from rich.console import Console
from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local import terminal


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=30, theme=terminal.THEME, highlight=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_trace_keeps_its_lines_whole(console: Console) -> None:
    """A narrow terminal or a pipe gets every column."""
    terminal.show_trace(console, Trace.from_spans(from_otlp(traces_body(proto_span(1, name="a name of some length")))))
    assert "a name of some length  shop  INTERNAL  10.0 ms\n" == written(console)


def test_a_name_cannot_steer_the_terminal(console: Console) -> None:
    """Control characters of strangers are shown as such; rich's markup is plain text."""
    terminal.show_trace(
        console, Trace.from_spans(from_otlp(traces_body(proto_span(1, name="\x1b[2J\x9b1m\u202e[red]"))))
    )
    assert "�[2J�1m�[red]  shop  INTERNAL  10.0 ms\n" == written(console)


def test_a_trace_too_deep_for_a_terminal_is_told_as_such(console: Console) -> None:
    """Thousands of levels are told in a line."""
    spans = [proto_span(number, number - 1 or None) for number in range(1, 3_000)]
    terminal.show_trace(console, Trace.from_spans(from_otlp(traces_body(*spans))))
    assert "2999 spans on 2999 levels; see the page" in written(console)


def test_a_failure_ends_with_what_to_do(console: Console) -> None:
    """The lines of the program that failed come first, cut at the terminal's width; the message is whole."""
    terminal.failure(console, "the message, longer than thirty characters", ["x" * 50])
    assert f"  {'x' * 27}…\n✗ the message, longer than thirty characters\n" == written(console)
