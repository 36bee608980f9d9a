"""Work submitted to a thread pool stays in the trace of whoever submitted it.

Only OpenTelemetry's context is carried into the worker thread; the application's own context variables (a decimal
context, a task's state) are those of the thread, as without us. A `threading.Thread` gets nothing: it may live as long
as the process, and what it does later is not caused by the request that happened to start it.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from spanloom.instrumentation.base import LazyInstrumentor
from spanloom.tracing.context import attach, detach, get_current

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from opentelemetry.context import Context

    from spanloom.instrumentation.base import Options


class ThreadsInstrumentor(LazyInstrumentor):
    """Carries the context into thread pools."""

    name = "threading"

    def hook(self, _: Options) -> None:
        """Wrap ThreadPoolExecutor; `map` and `loop.run_in_executor` call its `submit`, too."""
        self.on_import(
            "concurrent.futures.thread", lambda found: self.wrap(found.ThreadPoolExecutor, "submit", self._around)
        )

    def _around(self, submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        @wraps(submit)
        def submitted(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            context = self.guard.run(get_current)
            if not context:
                return submit(pool, function, *args, **kwargs)
            return submit(pool, run_with, context, function, *args, **kwargs)

        return submitted


def run_with(context: Context, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function with a context of OpenTelemetry."""
    token = attach(context)
    try:
        return function(*args, **kwargs)
    finally:
        detach(token)
