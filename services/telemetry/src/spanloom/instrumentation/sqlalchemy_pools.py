"""Connection pools of SQLAlchemy's engines."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import around
from spanloom.instrumentation import pools
from spanloom.instrumentation.pools import PoolMetrics, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanloom.instrumentation.hooks import Hooks
    from spanloom.instrumentation.pools import Use
    from spanloom.instrumentation.statements import SuppressedCall

USE = "spanloom.use"  # key of a connection record's `record_info`, which SQLAlchemy keeps for its users


class PoolHooks:
    """The part of SQLAlchemy's hooks that is about pools; `attributes_of` a URL are those of its database."""

    def __init__(self, hooks: Hooks, attributes_of: Callable[[Any], Mapping[str, str | int]]) -> None:
        self._hooks, self._attributes_of = hooks, attributes_of
        self._metrics = PoolMetrics()

    def hook_dialect(self, module: Any) -> None:
        """Register the pools of engines that are created.

        `Engine.__init__` must stay: `create_engine` accepts the options that its signature names.
        """
        self._hooks.wrap(module.Dialect, "engine_created", self._around_created)

    def hook_pools(self, module: Any) -> None:
        """Wrap checkouts."""
        self._hooks.wrap(module.Pool, "connect", partial(around, begin=self._begin, guard=self._hooks.guard))

    def hook_queue_pool(self, module: Any) -> None:
        """Register the pools that take the place of a disposed engine's."""
        self._hooks.wrap(module.QueuePool, "recreate", self._around_recreate)

    def _around_created(self, created: Any) -> Any:
        @wraps(created.__func__)
        def create_and_register(dialect: Any, engine: Any) -> None:
            created.__func__(dialect, engine)
            self._hooks.guard.run(self._register, engine)

        return classmethod(create_and_register)

    def _register(self, engine: Any) -> None:
        from sqlalchemy import event  # noqa: PLC0415 an engine has just been created

        pool = engine.pool
        if hasattr(pool, "checkedin"):
            pools.register(pool, pool.logging_name or _name(self._attributes_of(engine.url)), _size)
            event.listen(pool, "checkin", self._on_checkin)  # also of the pool after a dispose

    def _around_recreate(self, recreate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @wraps(recreate)
        def recreate_and_register(pool: Any) -> Any:
            made = recreate(pool)
            self._hooks.guard.run(_register_again, pool, made)
            return made

        return recreate_and_register

    def _begin(self, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> SuppressedCall | None:
        return self._metrics.check_out(pools.find(args[0]), _is_timeout, _keep_use)

    def _on_checkin(self, _connection: Any, record: Any) -> None:
        self._hooks.guard.run(self._check_in, record)

    def _check_in(self, record: Any) -> None:
        self._metrics.check_in(record.record_info.pop(USE, None))


def _register_again(pool: Any, made: Any) -> None:
    known = pools.find(pool)
    if known is not None:
        pools.register(made, known.name, _size)


def _name(attributes: Mapping[str, str | int]) -> str:
    """Return `address:port/namespace`, as the conventions say for pools without a name."""
    port = f":{attributes['server.port']}" if "server.port" in attributes else ""
    return f"{attributes.get('server.address', '')}{port}/{attributes.get('db.namespace', '')}"


def _size(pool: Any) -> Size:
    size, overflow = pool.size(), getattr(pool, "_max_overflow", -1)
    is_limited = size > 0 and overflow >= 0  # pool_size=0 and max_overflow=-1 both mean no limit
    return Size(pool.checkedout(), pool.checkedin(), size + overflow if is_limited else None)


def _is_timeout(error: BaseException) -> bool:
    kind = type(error)
    return (kind.__module__, kind.__name__) == ("sqlalchemy.exc", "TimeoutError")


def _keep_use(connection: Any, use: Use) -> None:
    info = connection.record_info
    if info is not None:  # the connection is not detached
        info[USE] = use
