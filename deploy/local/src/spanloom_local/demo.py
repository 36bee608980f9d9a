"""`spanloom-demo`: the whole stack on this machine, one user's life sent through it, every request's trace shown."""

from __future__ import annotations

import os
import signal
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
from spanloom_local.journey import SERVICES, is_ours, made_by, travel, without_functions
from spanloom_local.picture import take
from spanloom_local.polling import poll_until
from spanloom_local.ports import listen, listen_near
from spanloom_local.processes import StackError
from spanloom_local.receiver import Receiver
from spanloom_local.stack import Stack, running

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping
    from types import FrameType

    from spanloom.traces.model import Trace
    from spanloom_local.journey import Answer, Step
    from spanloom_local.store import Store

API_PORT = 8000
PAGE_PORT = 4318  # OTLP's own, so that other programs on this machine find the receiver
TRACE_SECONDS = 10.0
WATCH_SECONDS = 0.1
PICTURED = 1  # the second request: the first one also shows what is only made once
QUIET_SECONDS = 1.0  # several export intervals: a trace to which nothing came for so long is shown
FILTER = "SPANLOOM_FILTER"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

console = Console(highlight=False, theme=terminal.THEME)


class Stopped(BaseException):
    """Someone asked us to end; not an Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stop:
    """Remembers the signal that asked us to end, and raises it where we look.

    Not raised in the handler: between the fork of a process and our taking note of it, it would leave it behind.
    """

    number = 0

    def remember(self, number: int, _: FrameType | None) -> None:
        """Handle a signal."""
        self.number = number

    def look(self) -> None:
        """Raise Stopped when there was one."""
        if self.number:
            raise Stopped(self.number)


stop = Stop()


def main() -> None:
    """Run the console script."""
    for number in SIGNALS:
        signal.signal(number, stop.remember)
    typer.run(demo)


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End by itself, status 0 if every trace is right.")] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port of users-api ({API_PORT}, or a free one).")
    ] = None,
    page_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port of the page and OTLP ({PAGE_PORT}, or a free one).")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Save a picture of the second trace (PNG) and end.")] = None,
) -> None:
    """Run PostgreSQL, both services and a page of traces; send a user's life through them and show every trace."""
    try:
        right = _run(port, page_port, picture, live=not (once or picture))
    except Stopped as stopped:
        raise typer.Exit(128 + stopped.number) from None
    except (StackError, TimeoutError, SettingsError) as error:
        terminal.failure(console, str(error), getattr(error, "details", ()))
        raise typer.Exit(1) from None
    raise typer.Exit(0 if right else 1)


def _run(port: int | None, page_port: int | None, picture: Path | None, *, live: bool) -> bool:
    kept = {FILTER: os.environ[FILTER]} if FILTER in os.environ else {}
    hidden = services_without_functions(kept.get(FILTER, ""))
    api, page = _listener(port, API_PORT), _listener(page_port, PAGE_PORT)
    console.print("[bold]Starting[/] the whole stack on this machine")
    with Receiver(page) as receiver:
        with running(receiver, api, kept, partial(terminal.progress, console), stop.look) as stack:
            console.print(f"  [green]✓[/] the page of traces: [bold]{receiver.url}[/]\n")
            right = _journey(stack, hidden)
            if picture:
                take(f"{receiver.url}/#{list(receiver.store.traces())[PICTURED]}", picture)
            if live:
                _watch(stack)
            console.print("\nStopping …", style="dim")
        return right and (live or nothing_else(receiver.store.traces()))


def services_without_functions(text: str) -> frozenset[str]:
    """Return the services whose function spans a SPANLOOM_FILTER leaves out; SettingsError if it is wrong."""
    chosen = parse_levels(text)
    return frozenset(name for name, module in SERVICES.items() if not chosen.is_enabled(module, LEVELS["info"]))


def _listener(port: int | None, preferred: int) -> socket.socket:
    return listen_near(preferred) if port is None else listen(port)


def _journey(stack: Stack, hidden: Collection[str]) -> bool:
    """Send the journey's requests; true when every answer and every trace is as the table says."""
    try:
        right = [_step(stack, step, answer, hidden) for step, answer in travel(stack.url)]
        return all(right)
    except (OSError, HTTPException) as error:
        stack.processes.blame(f"users-api did not answer: {error}")


def _step(stack: Stack, step: Step, answer: Answer, hidden: Collection[str]) -> bool:
    expected = without_functions(step.tree, hidden)
    trace = _trace_of(stack, answer, expected.count("\n") + 1)
    problem = difference(step, answer, trace, expected)
    title = f"[bold]{step.title}[/]: {step.method} {step.route} → {answer.status}"
    console.print(f"[red]✗[/] {title}" if problem else f"[green]✓[/] {title}")
    if trace:
        terminal.show_trace(console, trace)
    if problem:
        terminal.failure(console, problem)
    console.print()
    return not problem


def _trace_of(stack: Stack, answer: Answer, spans: int) -> Trace | None:
    """Wait for the request's trace to have so many spans; return what there is of it."""

    def whole() -> bool:
        stack.processes.check()
        trace = made_by(answer, stack.receiver.store.traces().values())
        return trace is not None and len(trace.spans) >= spans

    with suppress(TimeoutError):
        poll_until(whole, "the whole trace", TRACE_SECONDS)
    return made_by(answer, stack.receiver.store.traces().values())


def difference(step: Step, answer: Answer, trace: Trace | None, expected: str) -> str:
    """Say how a step's answer and trace differ from the table; empty when they do not."""
    if answer.status != step.status:
        return f"expected the status {step.status}, got {answer.status}: {answer.body}"
    if trace is None:
        return f"no trace came within {TRACE_SECONDS:g} s"
    try:
        assert_shape(trace, expected)
    except AssertionError as error:
        return str(error)
    return ""


def _watch(stack: Stack) -> None:
    """Show the trace of whatever is sent, until we are told to stop or a process ends."""
    shown = set(stack.receiver.store.traces())
    terminal.show_invitation(console, stack.url, stack.receiver.url)
    with suppress(Stopped):
        while True:
            stack.processes.check()
            shown |= _show_new(stack.receiver.store, shown)
            time.sleep(WATCH_SECONDS)


def _show_new(store: Store, shown: Collection[str]) -> set[str]:
    new = [trace_id for trace_id in store.quiet(QUIET_SECONDS) if trace_id not in shown]
    for trace in filter(None, map(store.trace, new)):
        console.print()
        terminal.show_trace(console, trace)
    return set(new)


def nothing_else(traces: Mapping[str, Trace]) -> bool:
    """Tell whether the journey's traces are all there are, and show the others: probes and pools must make none."""
    others = [trace for trace in traces.values() if not is_ours(trace)]
    for trace in others:
        terminal.failure(console, "a trace that no request made:")
        terminal.show_trace(console, trace)
    return not others
