"""`@instrument`: a span for every call of a function, with its arguments as attributes.

@instrument(skip=("password",), fields={"items": lambda cart, **_: len(cart)})
async def check_out(cart: list[str], password: str) -> Order: ...
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from spanloom.core.guard import Guard, around, around_coroutine
from spanloom.settings.levels import LEVELS
from spanloom.tracing.call_site import CallSite
from spanloom.tracing.generators import around_async_generator, around_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Field = Callable[..., object] | object

F = TypeVar("F", bound="Callable[..., Any]")


@overload
def instrument(function: F, /) -> F: ...
@overload
def instrument(
    *,
    name: str | None = None,
    level: str = "info",
    skip: Collection[str] = (),
    skip_all: bool = False,
    fields: Mapping[str, Field] | None = None,
    ret: bool | Callable[[Any], object] = False,
) -> Callable[[F], F]: ...
def instrument(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    level: str = "info",
    skip: Collection[str] = (),
    skip_all: bool = False,
    fields: Mapping[str, Field] | None = None,
    ret: bool | Callable[[Any], object] = False,
) -> Any:
    """Trace every call of a function, method or generator (sync or async) with a span.

    name: name of the span; default: the function's name.
    level: one of spanloom.settings.levels.LEVELS; SPANLOOM_FILTER sets the lowest enabled level.
    skip, skip_all: arguments that do not become attributes, such as secrets and personal data.
    fields: additional attributes; a value, or a function of the call's arguments.
    ret: True to record the result as the attribute `return`, or a function of the result.

    Attributes keep bool, int, float and str; other values become text of bounded length. An exception is recorded and
    sets the status to ERROR. TypeError and ValueError at decoration name an invalid option.
    """
    options = Options(name, _level(level), _skip(skip), skip_all, fields or {}, ret)
    return _decorate(function, options) if function is not None else lambda wrapped: _decorate(wrapped, options)


@dataclass(frozen=True)
class Options:
    """The validated options of `@instrument`."""

    name: str | None = None
    level: int = LEVELS["info"]
    skip: frozenset[str] = frozenset()
    skip_all: bool = False
    fields: Mapping[str, Field] = field(default_factory=dict)
    ret: bool | Callable[[Any], object] = False


def _level(name: str) -> int:
    if name not in LEVELS:
        raise ValueError(f"level={name!r} is not understood; expected one of {', '.join(LEVELS)}")
    return LEVELS[name]


def _skip(names: Collection[str]) -> frozenset[str]:
    if isinstance(names, str):
        raise TypeError(f"skip={names!r} is not understood; expected a tuple of names, such as ({names!r},)")
    return frozenset(names)


def _decorate(function: Any, options: Options) -> Any:
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_decorate(function.__func__, options))
    site = CallSite(function, options)
    return _wrapper_of(function)(function, site.begin, Guard(f"@instrument of {site.name}"))


def _wrapper_of(function: Any) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return around_async_generator
    if inspect.isgeneratorfunction(function):
        return around_generator
    return around_coroutine if inspect.iscoroutinefunction(function) else around
