"""Retry OTLP exports until OTEL_EXPORTER_OTLP_TIMEOUT, with a bounded back-off.

The SDK drops a batch after six attempts. A batch refused with `Retry-After: 1` (429, 503), as from a busy Collector, is
dropped after 5 s; otherwise the last attempt starts after 25 to 37 s, regardless of the timeout. One attempt without a
response may also take the complete timeout: a Collector pod that is replaced between connection and response would use
the time of everything that a flush still has to send.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spanloom.sdk.private import RETRY_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BACKOFF_SECONDS = 5.0
MAX_ATTEMPT_SECONDS = 10.0  # the specification's default for a whole export
MAX_ATTEMPTS = 600  # limit for Retry-After: 0; otherwise the timeout applies first
MAX_EXPONENT = 10  # 2 ** 10 s exceeds every limit, 2 ** 1024 is not a float


def patch_otlp_retry() -> None:
    """Patch every OTLP/HTTP exporter of the process; do nothing if the SDK lacks a patched name."""
    if any(name.load() is None for name in RETRY_NAMES):
        return
    http: Any = import_module(RETRY_NAMES[0].module)
    client = http._OTLPHTTPClient
    setattr(http, "_MAX_RETRIES", MAX_ATTEMPTS)  # noqa: B010 the SDK has no setting for it
    client._compute_backoff = _bounded_backoff(client._compute_backoff)
    client._submit = _bounded_submit(client._submit)


def _bounded_backoff(compute: Callable[..., float]) -> Callable[..., float]:
    def compute_backoff(self: Any, retry: int) -> float:
        return min(compute(self, min(retry, MAX_EXPONENT)), MAX_BACKOFF_SECONDS)

    return compute_backoff


def _bounded_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    def submit_with_limit(self: Any, data: bytes, timeout: float) -> Any:
        return submit(self, data, min(timeout, MAX_ATTEMPT_SECONDS))

    return submit_with_limit
