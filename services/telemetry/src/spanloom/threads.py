"""Work handed to a pool stays in the trace of the request that handed it over.

`ThreadPoolExecutor.submit` (so `map` and `loop.run_in_executor`, too) runs the work in a copy of the caller's
context. A `threading.Thread` does not: it may live as long as the process, and whatever it does later is not the
doing of the request that happened to start it.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from spanloom.hooks import Hook

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

POOL = "concurrent.futures.thread"


class ThreadsInstrumentor(Hook):
    """Keeps context across thread pools."""

    def _instrument(self, **_: Any) -> None:
        wrap_function_wrapper(POOL, "ThreadPoolExecutor.submit", _submit)

    def _uninstrument(self, **_: Any) -> None:
        unwrap(f"{POOL}.ThreadPoolExecutor", "submit")


def _submit(
    wrapped: Callable[..., Future[Any]], _pool: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Future[Any]:
    function, *rest = args
    return wrapped(contextvars.copy_context().run, function, *rest, **kwargs)
