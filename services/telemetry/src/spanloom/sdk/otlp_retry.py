"""Retry OTLP exports until OTEL_EXPORTER_OTLP_TIMEOUT, and soon after the receiver is back.

The SDK gives a batch up after six attempts. A batch that is answered `Retry-After: 1` (429, 503), as a busy Collector
does, is lost after 5 s of refusals; otherwise the last attempt comes after 25 to 37 s, however long the timeout is. It
also lets one attempt take all of that time as long as no answer comes: a Collector whose pod was replaced between
connection and answer would cost everything that a flush still has to deliver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spanloom.sdk.private import RETRY_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PAUSE_SECONDS = 5.0
MAX_ATTEMPT_SECONDS = 10.0  # the specification's default for a whole export
MAX_ATTEMPTS = 600  # a bound where Retry-After is 0; in all other cases the timeout comes first
MAX_EXPONENT = 10  # 2 ** 10 s is past every bound, 2 ** 1024 is no float


def patch_otlp_retry() -> None:
    """Patch every OTLP/HTTP exporter of the process; nothing happens where the SDK has not got what is patched."""
    if any(name.load() is None for name in RETRY_NAMES):
        return
    http: Any = import_module(RETRY_NAMES[0].module)
    client = http._OTLPHTTPClient
    setattr(http, "_MAX_RETRIES", MAX_ATTEMPTS)  # noqa: B010 the SDK has no setting for it
    client._compute_backoff = _bounded_backoff(client._compute_backoff)
    client._submit = _bounded_submit(client._submit)


def _bounded_backoff(compute: Callable[..., float]) -> Callable[..., float]:
    def compute_backoff(self: Any, retry: int) -> float:
        return min(compute(self, min(retry, MAX_EXPONENT)), MAX_PAUSE_SECONDS)

    return compute_backoff


def _bounded_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    def submit_briefly(self: Any, data: bytes, timeout: float) -> Any:
        return submit(self, data, min(timeout, MAX_ATTEMPT_SECONDS))

    return submit_briefly
