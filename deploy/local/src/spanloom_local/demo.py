"""`spanloom-local`: run the whole stack on this machine, send the requests of the journey and print their traces."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path  # noqa: TC003 typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spanloom.settings import SettingsError
from spanloom.settings.levels import LEVELS, parse_levels
from spanloom.testing import assert_shape
from spanloom_local import terminal
from spanloom_local.breakages import BREAKAGES
from spanloom_local.breaking import Breaker, typed_lines
from spanloom_local.journey import (
    JOURNEY,
    SERVICES,
    is_from_journey,
    is_from_load,
    send_journey,
    trace_of,
    without_functions,
)
from spanloom_local.picture import take_picture
from spanloom_local.polling import poll_until
from spanloom_local.ports import listen, listen_near
from spanloom_local.processes import StackError
from spanloom_local.receiver import Receiver
from spanloom_local.stack import EVERY_SIGNAL, Stack, running
from spanloom_local.stopping import Stop, Stopped

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterable, Mapping

    from spanloom.traces.model import Trace
    from spanloom_local.journey import Response, Step
    from spanloom_local.store import Store

API_PORT = 8000
PAGE_PORT = 4318  # the default of OTLP/HTTP, so that other programs on this machine reach the receiver
TRACE_SECONDS = 10.0
WATCH_SECONDS = 0.1
METRICS_SECONDS = 10.0
IDLE_SECONDS = 1.0  # several export intervals: a trace without a new span for so long is printed
FILTER = "SPANLOOM_FILTER"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

console = Console(highlight=False, theme=terminal.THEME)


stop = Stop()


def main() -> None:
    """Run the console script."""
    for number in SIGNALS:
        signal.signal(number, stop.request)
    typer.run(demo)


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the requests; status 0 if every trace is as expected.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port of users-api ({API_PORT}, or a free one).")
    ] = None,
    page_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port of the page and OTLP ({PAGE_PORT}, or a free one).")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Send requests for a minute, save a picture of the page (PNG) and exit.")
    ] = None,
    load: Annotated[
        bool, typer.Option("--load", help="Send a steady load, whose traces are on the page only.")
    ] = False,
    breakage: Annotated[
        str, typer.Option("--break", metavar="NAME", help=f"Cause a breakage: {', '.join(BREAKAGES)}.")
    ] = "",
) -> None:
    """Run PostgreSQL, both services and a page of their telemetry; send requests and print the trace of each."""
    try:
        require_valid(breakage, runs_once=bool(once or picture), needs_run=bool(load or breakage))
        after = None if once or picture else partial(_watch, load=load, breakage=breakage)
        as_expected = _run(port, page_port, picture, after)
    except Stopped as stopped:
        raise typer.Exit(128 + stopped.number) from None
    except (StackError, TimeoutError, SettingsError) as error:
        terminal.failure(console, str(error), getattr(error, "details", ()))
        raise typer.Exit(1) from None
    raise typer.Exit(0 if as_expected else 1)


def _run(port: int | None, page_port: int | None, picture: Path | None, live: Callable[[Stack], None] | None) -> bool:
    kept = {**EVERY_SIGNAL, **({FILTER: os.environ[FILTER]} if FILTER in os.environ else {})}
    hidden = services_without_functions(kept.get(FILTER, ""))
    api, page = _listener(port, API_PORT), _listener(page_port, PAGE_PORT)
    console.print("[bold]Starting[/] the whole stack on this machine")
    with Receiver(page) as receiver:
        with running(receiver, api, kept, partial(terminal.progress, console), stop.check) as stack:
            console.print(f"  [green]✓[/] page of traces, metrics and logs: [bold]{receiver.url}[/]\n")
            as_expected = _journey(stack, hidden)
            if picture:
                take_picture(stack, picture)
            if live:
                live(stack)
            console.print("\nStopping …", style="dim")
        return as_expected and (live is not None or no_other_traces(receiver.store.traces()))


def require_valid(breakage: str, *, runs_once: bool, needs_run: bool) -> None:
    """Raise StackError for an unknown breakage, and for a load or breakage of a demo that exits by itself."""
    if breakage and breakage not in BREAKAGES:
        raise StackError(f"--break {breakage!r} is not understood; expected one of {', '.join(BREAKAGES)}")
    if runs_once and needs_run:
        raise StackError("--load and --break need a demo that continues: omit --once and --picture")


def services_without_functions(text: str) -> frozenset[str]:
    """Return the services whose function spans a SPANLOOM_FILTER disables; SettingsError if it is invalid."""
    chosen = parse_levels(text)
    return frozenset(name for name, module in SERVICES.items() if not chosen.is_enabled(module, LEVELS["info"]))


def _listener(port: int | None, preferred: int) -> socket.socket:
    return listen_near(preferred) if port is None else listen(port)


def _journey(stack: Stack, hidden: Collection[str]) -> bool:
    """Send the requests of the journey; return whether every response and trace is as expected."""
    try:
        as_expected = [_step(stack, step, response, hidden) for step, response in send_journey(stack.url)]
    except (OSError, HTTPException) as error:
        stack.processes.raise_for_exit(f"users-api did not respond: {error}")
    terminal.show_count(console, sum(as_expected), len(as_expected))
    return all(as_expected)


def _step(stack: Stack, step: Step, response: Response, hidden: Collection[str]) -> bool:
    expected = without_functions(step.tree, hidden)
    trace = _trace_of(stack, response, expected.count("\n") + 1)
    problem = difference(step, response, trace, expected)
    title = f"[bold]{step.title}[/]: {step.method} {step.route} → {response.status}"
    console.print(f"[red]✗[/] {title}" if problem else f"[green]✓[/] {title}")
    if trace:
        terminal.show_trace(console, trace)
    if problem:
        terminal.failure(console, problem)
    console.print()
    return not problem


def _trace_of(stack: Stack, response: Response, spans: int) -> Trace | None:
    """Wait until the request's trace has this many spans; return it, complete or not."""

    def wait_for_trace() -> bool:
        stack.processes.check()
        trace = trace_of(response, stack.receiver.store.traces().values())
        return trace is not None and len(trace.spans) >= spans

    with suppress(TimeoutError):
        poll_until(wait_for_trace, "the trace is complete", TRACE_SECONDS)
    return trace_of(response, stack.receiver.store.traces().values())


def difference(step: Step, response: Response, trace: Trace | None, expected: str) -> str:
    """Return how a step's response and trace differ from the table; empty if they do not."""
    if response.status != step.status:
        return f"expected the status {step.status}, got {response.status}: {response.body}"
    if trace is None:
        return f"no trace arrived within {TRACE_SECONDS:g} s"
    try:
        assert_shape(trace, expected)
    except AssertionError as error:
        return str(error)
    return ""


def _watch(stack: Stack, *, load: bool, breakage: str) -> None:
    """Print the trace of every further request, until a signal arrives or a process ends."""
    _wait_for_metrics(stack)
    shown, breaker = set(stack.receiver.store.traces()), Breaker(stack)
    if load:
        stack.processes.start("the load", [sys.executable, "-m", "spanloom_local.load", stack.url], env=os.environ)
    terminal.show_signals(console, stack.receiver.url, stack.receiver.store)
    terminal.show_next_steps(console, stack.url)
    with suppress(Stopped):
        _follow(breaker, breakage.split())
        while True:
            stack.processes.check()
            _follow(breaker, typed_lines())
            shown |= _show_new(stack.receiver.store, shown, load=load)
            time.sleep(WATCH_SECONDS)


def _follow(breaker: Breaker, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(terminal.printable(breaker.follow(line)), markup=False, style="bold", soft_wrap=True)


def _wait_for_metrics(stack: Stack) -> None:
    """Wait until both services have sent the metrics of the journey; at most METRICS_SECONDS."""

    def have_arrived() -> bool:
        stack.processes.check()
        return stack.receiver.store.routes.requests(time.time_ns()) >= len(JOURNEY) * len(SERVICES)

    with console.status("waiting for the metrics …"), suppress(TimeoutError):
        poll_until(have_arrived, "the metrics arrive", METRICS_SECONDS)


def _show_new(store: Store, shown: Collection[str], *, load: bool) -> set[str]:
    new = [trace_id for trace_id in store.idle(IDLE_SECONDS) if trace_id not in shown]
    for trace in filter(None, map(store.trace, new)):
        if not (load and is_from_load(trace)):
            console.print()
            terminal.show_trace(console, trace)
    return set(new)


def no_other_traces(traces: Mapping[str, Trace]) -> bool:
    """Return whether every trace belongs to the journey, and print the others: probes and pools must make none."""
    others = [trace for trace in traces.values() if not is_from_journey(trace)]
    for trace in others:
        terminal.failure(console, "a trace that belongs to no request of the journey:")
        terminal.show_trace(console, trace)
    return not others
