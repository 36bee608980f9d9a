"""The first span decides: the agent traces this process, or withdraws in favour of another agent."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any

from spanloom.agent.other_agents import other_agent
from spanloom.core.guard import Guard
from spanloom.core.metrics import instruments
from spanloom.core.reports import report
from spanloom.core.spans import tracers
from spanloom.core.spans.tracer import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.telemetry import Telemetry
    from spanloom.instrumentation.hooks import Hooks, Options


class Gate:
    """Starts the spans of the hooks, unless another agent is found before the first one."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry, self._lock = telemetry, RLock()
        self._hooks: list[Hooks] = []
        self.on_withdrawal: Callable[[], object] = bool
        self.is_decided = self._has_withdrawn = False
        self._guard = Guard("withdrawal")

    def add(self, hooks: Hooks, options: Options) -> None:
        """Install hooks, which are removed at a withdrawal; none after it."""
        with self._lock:
            if not self._has_withdrawn:
                self._hooks.append(hooks)
                hooks.hook(options)

    def start_of(self, name: str) -> Callable[..., Any]:
        """Return the function that starts the spans of a scope, before it is decided."""

        def start(*args: Any, **kwargs: Any) -> Any:
            self.decide()
            return tracers.get_tracer(name).start(*args, **kwargs)

        return start

    def decide(self) -> None:
        """Trace from now on, or withdraw; the first call counts."""
        with self._lock:
            if self.is_decided:
                return
            self.is_decided = True
            other = other_agent()
            if other:
                self.withdraw(other)
            else:
                tracers.serve(lambda name: self._telemetry.tracer(Scope(name)).start)

    def withdraw(self, other: str) -> None:
        """Remove all hooks, with one line; spans that have begun still end."""
        self.is_decided = self._has_withdrawn = True
        report(f"{other} traces this process; the agent has withdrawn")
        tracers.serve_nothing()
        instruments.serve_nothing()
        self._telemetry.discard_metrics()
        self._guard.run(self.on_withdrawal)
        for hooks in self._hooks:
            self._guard.run(hooks.remove)

    def serve(self) -> None:
        """Have the hooks start their spans and record their measurements here."""
        tracers.serve(self.start_of)
        instruments.serve(self._telemetry.instrument)
