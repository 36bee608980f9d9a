"""Context propagation to thread pools: submitted work stays in the trace of its caller.

Only OpenTelemetry's context is propagated; the application's context variables (decimal context, task state) are the
worker thread's, as without the distribution. A `threading.Thread` does not inherit the context: it may run as long as
the process, and its later work is not caused by the request that started it.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from spanloom.core.context import attach, detach, get_current
from spanloom.instrumentation.hooks import Hooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from spanloom.core.context import Context
    from spanloom.instrumentation.hooks import Options


class ThreadsHooks(Hooks):
    """Propagates the context to thread pools."""

    name = "threading"

    def hook(self, _: Options) -> None:
        """Wrap ThreadPoolExecutor; `map` and `loop.run_in_executor` also use `submit`."""
        self.on_import(
            "concurrent.futures.thread", lambda module: self.wrap(module.ThreadPoolExecutor, "submit", self._around)
        )

    def _around(self, submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        @wraps(submit)
        def submit_with_context(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            context = self.guard.run(get_current)
            if not context:
                return submit(pool, function, *args, **kwargs)
            return submit(pool, run_with_context, context, function, *args, **kwargs)

        return submit_with_context


def run_with_context(context: Context, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call `function` in a context of OpenTelemetry."""
    token = attach(context)
    try:
        return function(*args, **kwargs)
    finally:
        detach(token)
