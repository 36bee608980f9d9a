"""The output of the demo on the terminal."""

from __future__ import annotations

import time
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.highlighter import RegexHighlighter
from rich.text import Text
from rich.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from spanloom.traces.model import Trace
    from spanloom_local.store import Store

THEME = Theme(
    {
        "tree.rail": "dim",
        "tree.service": "cyan",
        "tree.kind": "magenta",
        "tree.time": "green",
        "tree.error": "bold red",
    }
)


MAX_LEVELS = 100  # deeper trees leave no room for a name
DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


class TreeHighlighter(RegexHighlighter):
    """Colours for the columns of `Trace.tree`."""

    base_style = "tree."
    highlights = (
        r"(?P<rail>[│├└─]+)",
        r"  (?P<service>\S+) +(?P<kind>SERVER|CLIENT|INTERNAL|PRODUCER|CONSUMER) +(?P<time>[\d.]+ ms)",
        r"ms  .*?(?P<error>ERROR.*)",
    )


highlight = TreeHighlighter()


def printable(text: str) -> str:
    """Return `text` with control characters replaced: names are untrusted and could control the terminal."""
    return "".join("�" if _is_control(char) else char for char in text)


def _is_control(char: str) -> bool:
    control = unicodedata.category(char) == "Cc" and char != "\n"
    return control or unicodedata.bidirectional(char) in DIRECTIONS


def show_trace(console: Console, trace: Trace) -> None:
    """Print the tree of `trace`, without cutting lines on a narrow terminal."""
    console.print(highlight(Text(printable(_tree(trace)))), soft_wrap=True)


def show_count(console: Console, as_expected: int, expected: int) -> None:
    """Print how many traces of the requests are as expected."""
    sign = "[green]✓[/]" if as_expected == expected else "[red]✗[/]"
    console.print(f"{sign} [bold]{as_expected} of {expected}[/] traces as expected")


def show_signals(console: Console, page: str, store: Store) -> None:
    """Print a line for each signal: the address to look at it, and what has arrived."""
    traces, routes = store.traces().values(), store.routes.routes(time.time_ns())
    spans = sum(len(trace.spans) for trace in traces)
    requests = sum(red.total.requests for red in routes)
    console.print()
    for signal, arrived in (
        ("Traces", f"{len(traces)} traces, {spans} spans"),
        ("Metrics", f"rate, errors and duration of {len(routes)} routes, {requests} requests"),
        ("Logs", f"{len(store.lines)} lines, linked to their spans"),
    ):
        console.print(f"[bold]{signal:<12}[/]{f'{page}/#{signal.lower()}':<34}{arrived}", soft_wrap=True)


def show_next_steps(console: Console, url: str) -> None:
    """Print the address of the API and commands to try."""
    body = """{"name": "Grace Hopper"}"""
    console.print(f"[bold]users-api[/]   {url}/docs")
    console.print("[bold]Try it[/]      copy a line into another terminal; its trace appears here and on the page:\n")
    console.print(f"  curl -H 'Content-Type: application/json' -d '{body}' {url}/users", soft_wrap=True)
    console.print(f"  curl {url}/users\n", soft_wrap=True)
    console.print("[bold]Break it[/]    type the name of a breakage: deploy/demos/README.md\n")
    console.print("Ctrl-C stops everything.", style="dim")


def _tree(trace: Trace) -> str:
    deepest = max(len(path) for _, path in trace.walk())
    if deepest > MAX_LEVELS:  # an untrusted sender can send thousands of levels
        return f"trace {trace.trace_id}: {len(trace.spans)} spans on {deepest + 1} levels; see the page"
    return trace.tree()


def failure(console: Console, message: str, details: Iterable[str] = ()) -> None:
    """Print an error: first the details, each line cut at the terminal's width, then the message."""
    for line in details:
        console.print(Text(f"  {printable(line)}", "dim"), no_wrap=True, overflow="ellipsis")
    console.print(Text("✗ ", "bold red") + Text(printable(message)), soft_wrap=True)


@contextmanager
def progress(console: Console, name: str) -> Iterator[None]:
    """Print that `name` is starting, then that it has started and after how many seconds."""
    start = time.monotonic()
    with console.status(f"starting {name} …"):
        yield
    console.print(f"  [green]✓[/] {name} [dim]{time.monotonic() - start:.1f} s[/]")
