"""Export is tried again until OTEL_EXPORTER_OTLP_TIMEOUT is over, and soon after the receiver is back.

The SDK gives a batch up at the sixth try. One that is told `Retry-After: 1` (429, 503), as a busy Collector does, is
lost within 5 s of refusals; otherwise the last try comes after 25 to 37 s, however long the time-out is. It also lets
one try wait for all of that time, as long as no answer comes: a Collector that went away without a word (its pod was
replaced between the connection and the answer) would take everything with it that a flush still had to deliver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.common import http
from wrapt import wrap_function_wrapper

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_PAUSE = 5.0  # seconds
LONGEST_TRY = 10.0  # seconds: what the specification gives a whole export
MOST_TRIES = 600  # a bound where Retry-After is 0; the time-out is over before in all other cases


def until_timeout() -> None:
    """Let every OTLP exporter of the process try until its time-out.

    A try lasts LONGEST_TRY at most, a pause of the exporter's own choice LONGEST_PAUSE.
    """
    setattr(http, "_MAX_RETRIES", MOST_TRIES)  # noqa: B010 it has no setting
    wrap_function_wrapper(http.__name__, "_OTLPHTTPClient._compute_backoff", _bounded)
    wrap_function_wrapper(http.__name__, "_OTLPHTTPClient._submit", _briefly)


def _bounded(compute: Callable[[int], float], _client: Any, args: tuple[int], kwargs: dict[str, int]) -> float:
    tries = args[0] if args else kwargs["retry"]
    return min(compute(min(tries, 10)), LONGEST_PAUSE)  # 2 ** 10 s is past every bound, 2 ** 1024 no float


def _briefly(submit: Callable[[bytes, float], Any], _client: Any, args: tuple[bytes, float], _: Any) -> Any:
    data, timeout = args
    return submit(data, min(timeout, LONGEST_TRY))
