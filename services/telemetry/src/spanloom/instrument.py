"""`@instrument`: a span for every call of a function, its arguments as attributes.

@instrument(skip=("password",), fields={"items": lambda cart, **_: len(cart)})
async def check_out(cart: list[str], password: str) -> Order: ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from spanloom.current import attach, detach, get_current, is_silent, with_span
from spanloom.filter import LEVELS, current
from spanloom.known import Known, describe_later
from spanloom.values import LASTING, attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from opentelemetry.context import Context

    from spanloom.filter import Filter

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
    """Give every call of a function, method or generator (sync or async) a span of its own.

    name: the span's name, otherwise the function's.
    level: one of spanloom.filter.LEVELS; SPANLOOM_FILTER decides whether a span of that level is made.
    skip, skip_all: arguments that do not become attributes, such as secrets and personal data.
    fields: further attributes; a value, or a function called with the call's own arguments.
    ret: whether the result becomes the attribute `return`, or a function of the result that does.

    Attributes keep bool, int, float and str; anything else is its text, bounded in length. An exception is
    recorded and sets the status to ERROR. TypeError and ValueError at decoration name what does not fit.
    """
    options = _Options(name, level, skip, skip_all, fields or {}, ret)
    return _decorate(function, options) if function is not None else lambda wrapped: _decorate(wrapped, options)


class _Options:
    def __init__(
        self,
        name: str | None,
        level: str,
        skip: Collection[str],
        skip_all: bool,
        fields: Mapping[str, Field],
        ret: bool | Callable[[Any], object],
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f"level={level!r} is not understood; expected one of {', '.join(LEVELS)}")
        if isinstance(skip, str):
            raise TypeError(f"skip={skip!r} is not understood; expected a tuple of names, such as ({skip!r},)")
        self.name, self.level, self.skip, self.skip_all = name, LEVELS[level], frozenset(skip), skip_all
        self.fields, self.ret = fields, ret


def _decorate(function: Any, options: _Options) -> Any:
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_decorate(function.__func__, options))
    site = _Site(function, options)
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, site)
    if inspect.isgeneratorfunction(function):
        return _generator(function, site)
    return _coroutine(function, site) if inspect.iscoroutinefunction(function) else _function(function, site)


class _Site:
    """One decorated function: what is known of it before any call."""

    def __init__(self, function: Callable[..., Any], options: _Options) -> None:
        self.target, self.level = function.__module__, options.level
        self.name = options.name or function.__name__
        self.fields, self.ret, self.skip_all = options.fields, options.ret, options.skip_all
        self.code = Known(_code_attributes(function))
        self.tracer = trace.get_tracer(self.target)
        self.parameters = _Parameters(function, options.skip)
        self._filter: Filter | None = None
        self._wanted = False

    def context(self) -> Context | None:
        """Return the context in which this call gets a span, None when it gets none."""
        chosen = current()
        if chosen is not self._filter:
            self._wanted, self._filter = chosen.enabled(self.target, self.level), chosen
        if not self._wanted:
            return None
        context = get_current()
        return None if is_silent(context) else context

    def start(self, context: Context, args: tuple[Any, ...], kwargs: dict[str, Any]) -> trace.Span:
        span = self.tracer.start_span(self.name, context, attributes=self.code)
        if span.is_recording():
            if not self.skip_all:
                _describe(span, self.parameters.bind(args, kwargs))
            for key, field in self.fields.items():
                span.set_attribute(key, _field(field, args, kwargs))
        return span

    def returned(self, span: trace.Span, result: Any) -> None:
        if span.is_recording():
            span.set_attribute("return", _field(self.ret, (result,), {}) if callable(self.ret) else attribute(result))


class _Parameters:
    """The named arguments of a function, without a `Signature.bind` at every call (it costs more than a span)."""

    def __init__(self, function: Callable[..., Any], skip: frozenset[str]) -> None:
        parameters = inspect.signature(function).parameters
        if unknown := skip - parameters.keys():
            raise TypeError(
                f"skip names {', '.join(sorted(unknown))}, which {function.__qualname__} does not take; "
                f"it takes {', '.join(parameters) or 'no arguments'}"
            )
        kinds = {name: parameter.kind for name, parameter in parameters.items()}
        by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.positional = [name for name, kind in kinds.items() if kind in by_place]
        self.rest = next((n for n, kind in kinds.items() if kind is inspect.Parameter.VAR_POSITIONAL), None)
        self.others = next((n for n, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD), None)
        self.named = kinds.keys() - {self.rest, self.others}
        self.defaults = {n: p.default for n, p in parameters.items() if p.default is not inspect.Parameter.empty}
        self.hidden = skip | ({self.positional[0]} & {"self", "cls"} if self.positional else set())

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return every argument that is not hidden by its name, defaults included."""
        values = self.defaults.copy()
        if args:
            values.update(zip(self.positional, args, strict=False))
            if self.rest and len(args) > len(self.positional):
                values[self.rest] = args[len(self.positional) :]
        if kwargs.keys() <= self.named:
            values.update(kwargs)
        else:
            values.update((k, v) for k, v in kwargs.items() if k in self.named)
            if self.others:
                values[self.others] = {k: v for k, v in kwargs.items() if k not in self.named}
        for name in self.hidden:
            values.pop(name, None)
        return values


def fail(span: trace.Span, error: BaseException) -> None:
    """Mark `span` as failed by `error`; a generator that is closed early has not failed."""
    if not span.is_recording() or isinstance(error, GeneratorExit):
        return
    span.set_attribute("error.type", type_name(error))
    if isinstance(error, Exception):
        span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR))


def type_name(error: BaseException) -> str:
    """Return the name of an error's class, with its module unless that is builtins (`error.type`)."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _function(function: Callable[..., Any], site: _Site) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if (context := site.context()) is None:
            return function(*args, **kwargs)
        span = site.start(context, args, kwargs)
        token = attach(with_span(span, context))
        try:
            result = function(*args, **kwargs)
            if site.ret:
                site.returned(span, result)
        except BaseException as error:
            fail(span, error)
            raise
        else:
            return result
        finally:
            detach(token)
            span.end()

    return wrapper


def _coroutine(function: Callable[..., Any], site: _Site) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if (context := site.context()) is None:
            return await function(*args, **kwargs)
        span = site.start(context, args, kwargs)
        token = attach(with_span(span, context))
        try:
            result = await function(*args, **kwargs)
            if site.ret:
                site.returned(span, result)
        except BaseException as error:
            fail(span, error)
            raise
        else:
            return result
        finally:
            detach(token)
            span.end()

    return wrapper


class _Steps:
    """The span of a generator: open from the first step to the last, current only during a step.

    Between two steps the caller's own span is current again, so the caller's work is never a child of ours.
    """

    def __init__(
        self,
        site: _Site,
        context: Context,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.site, self.span = site, site.start(context, args, kwargs)
        self.context = with_span(self.span, context)
        self.generator = function(*args, **kwargs)
        self.open = True

    def __enter__(self) -> None:
        self.token = attach(self.context)

    def __exit__(self, kind: object, error: BaseException | None, stack: object) -> None:
        detach(self.token)
        if isinstance(error, StopIteration):
            if self.site.ret:
                self.site.returned(self.span, error.value)
        elif error is not None and not isinstance(error, StopAsyncIteration):
            fail(self.span, error)
        if error is not None:
            self.end()

    def end(self) -> None:
        if self.open:
            self.open = False
            self.span.end()


class _Generator(_Steps, Generator[Any, Any, Any]):
    def send(self, value: Any, /) -> Any:
        with self:
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        with self:
            return self.generator.throw(*error)


class _AsyncGenerator(_Steps, AsyncGenerator[Any, Any]):
    async def asend(self, value: Any, /) -> Any:
        with self:
            return await self.generator.asend(value)

    async def athrow(self, *error: Any) -> Any:
        with self:
            return await self.generator.athrow(*error)

    async def aclose(self) -> None:
        with self:
            await self.generator.aclose()
        self.end()


def _generator(function: Callable[..., Any], site: _Site) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if (context := site.context()) is None:
            return (yield from function(*args, **kwargs))
        return (yield from _Generator(site, context, function, args, kwargs))

    return wrapper


def _async_generator(function: Callable[..., Any], site: _Site) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        context = site.context()
        steps: Any = (
            function(*args, **kwargs) if context is None else _AsyncGenerator(site, context, function, args, kwargs)
        )
        try:  # what `yield from` does for a generator that is not async (PEP 525 leaves it out)
            item = await anext(steps)
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:
                    item = await steps.athrow(error)
                else:
                    item = await steps.asend(sent)
        except StopAsyncIteration:
            return
        finally:
            await steps.aclose()

    return wrapper


def _describe(span: trace.Span, shown: dict[str, Any]) -> None:
    """Give a span a call's arguments; later, if they will be the same then."""
    if LASTING.issuperset(map(type, shown.values())):
        describe_later(span, _arguments, shown)
    else:
        span.set_attributes(*_arguments(shown))


def _arguments(shown: dict[str, Any]) -> tuple[dict[str, bool | int | float | str]]:
    return ({key: attribute(value) for key, value in shown.items()},)


def _field(field: Field, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool | int | float | str:
    if not callable(field):
        return attribute(field)
    try:
        return attribute(field(*args, **kwargs))
    except Exception as error:
        return f"field failed: {type_name(error)}"


def _code_attributes(function: Callable[..., Any]) -> dict[str, str | int]:
    """Return where the function stands (OpenTelemetry semantic conventions, `code.*`)."""
    code = inspect.unwrap(function).__code__
    return {
        "code.function.name": f"{function.__module__}.{function.__qualname__}",
        "code.file.path": code.co_filename,
        "code.line.number": code.co_firstlineno,
    }
