"""Connection pools: their connections, who waits for one and how long, and how long one is used.

Metrics: OpenTelemetry semantic conventions, "Database client connection pools". A pool is known by a weak reference.
"""

from __future__ import annotations

from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from spanloom.core.context import get_current
from spanloom.core.forks import after_fork
from spanloom.core.metrics.instruments import Definition, get_instrument
from spanloom.core.spans.tracer import Scope
from spanloom.instrumentation.statements import BUCKETS, SuppressedCall, measured_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanloom.core.context import Context

    Use = tuple[str, float]
    """The use of a connection: the name of its pool, and when it began, of `perf_counter`."""

SCOPE = Scope("spanloom.database")
POOL, STATE = "db.client.connection.pool.name", "db.client.connection.state"


def _define(name: str, unit: str, description: str, *keys: str, bounds: tuple[float, ...] = ()) -> Definition:
    return Definition(SCOPE, f"db.client.connection.{name}", unit, description, (POOL, *keys), bounds)


COUNT = _define("count", "{connection}", "Number of connections, by state.", STATE)
MAX = _define("max", "{connection}", "Maximum number of open connections.")
PENDING = _define("pending_requests", "{request}", "Number of callers that wait for a connection.")
TIMEOUTS = _define("timeouts", "{timeout}", "Number of timeouts of callers that waited for a connection.")
WAIT_TIME = _define("wait_time", "s", "Time until a caller got a connection.", bounds=BUCKETS)
USE_TIME = _define("use_time", "s", "Time until a connection was returned to its pool.", bounds=BUCKETS)


class Size(NamedTuple):
    """Numbers of connections of a pool; `most` is None without a limit."""

    used: int
    idle: int
    most: int | None


class Pool:
    """What is known of a pool beside the pool itself: its name, and the calls that wait for a connection."""

    def __init__(self, name: str, size_of: Callable[[Any], Size]) -> None:
        self.name, self.size_of = name, size_of
        self.waiting: set[CheckoutCall] = set()


_pools: WeakKeyDictionary[Any, Pool] = WeakKeyDictionary()
_lock = Lock()


def _forget_callers() -> None:
    """Forget who waits: after a fork, threads of the parent process."""
    _lock._at_fork_reinit()  # type: ignore[attr-defined] # noqa: SLF001
    for known in list(_pools.values()):
        known.waiting.clear()


after_fork(_forget_callers)


def register(pool: Any, name: str, size_of: Callable[[Any], Size]) -> Pool:
    """Observe a pool from now on; `name` contains no credentials."""
    with _lock:
        return _pools.setdefault(pool, Pool(name, size_of))


def find(pool: Any) -> Pool | None:
    """Return what is known of a pool; None if it is not registered."""
    return _pools.get(pool)


def _sizes() -> Iterator[tuple[Pool, Size]]:
    with _lock:
        found = list(_pools.items())
    for pool, known in found:
        yield known, known.size_of(pool)


def _sums(values: Iterator[tuple[tuple[str, ...], int]]) -> list[tuple[float, tuple[str, ...]]]:
    """Return one value for each set of attributes: pools of one name are one."""
    sums: dict[tuple[str, ...], int] = {}
    for key, value in values:
        sums[key] = sums.get(key, 0) + value
    return [(value, key) for key, value in sums.items()]


def observe_count() -> list[tuple[float, tuple[str, ...]]]:
    """Return the numbers of used and idle connections."""
    sizes = list(_sizes())
    used = [((pool.name, "used"), size.used) for pool, size in sizes]
    return _sums(iter([*used, *(((pool.name, "idle"), size.idle) for pool, size in sizes)]))


def observe_max() -> list[tuple[float, tuple[str, ...]]]:
    """Return the limits of the pools that have one."""
    return _sums(((pool.name,), size.most) for pool, size in _sizes() if size.most is not None)


def observe_pending() -> list[tuple[float, tuple[str, ...]]]:
    """Return the numbers of callers that wait."""
    return _sums(((pool.name,), len(pool.waiting)) for pool, _ in _sizes())


class PoolMetrics:
    """The instruments of pools, and the calls that record with them."""

    def __init__(self) -> None:
        self.timeouts, self.wait_times, self.use_times = map(get_instrument, (TIMEOUTS, WAIT_TIME, USE_TIME))
        for definition, observe in ((COUNT, observe_count), (MAX, observe_max), (PENDING, observe_pending)):
            get_instrument(definition, observe)

    def check_out(
        self, pool: Pool | None, is_timeout: Callable[[BaseException], bool], on_use: Callable[[Any, Use], None]
    ) -> SuppressedCall | None:
        """Start a call for a connection, measured if its pool is known; `on_use` keeps the use with a connection."""
        context = measured_context()
        if context is None or pool is None:
            return None if context is None else SuppressedCall(context)
        return CheckoutCall(self, pool, context, is_timeout, on_use)

    def check_in(self, use: Use | None) -> None:
        """Record the time of a use that has ended."""
        if use is not None:
            name, start_seconds = use
            self.use_times.record(perf_counter() - start_seconds, (name,), get_current())


class CheckoutCall(SuppressedCall):
    """A call that waits for a connection; spans and measurements of drivers below it are suppressed."""

    def __init__(
        self, metrics: PoolMetrics, pool: Pool, parent: Context, is_timeout: Callable[[BaseException], bool],
        on_use: Callable[[Any, Use], None],
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._metrics, self._pool, self._parent = metrics, pool, parent
        self._is_timeout, self._on_use = is_timeout, on_use
        pool.waiting.add(self)
        self._start_seconds = perf_counter()

    def on_return(self, connection: Any) -> None:
        """Record the time that the call took, and start the use of the connection."""
        now, name = perf_counter(), self._pool.name
        self._pool.waiting.discard(self)
        self._metrics.wait_times.record(now - self._start_seconds, (name,), self._parent)
        self._on_use(connection, (name, now))

    def on_error(self, error: BaseException) -> None:
        """Count a timeout."""
        self._pool.waiting.discard(self)
        if self._is_timeout(error):
            self._metrics.timeouts.record(1, (self._pool.name,), self._parent)
