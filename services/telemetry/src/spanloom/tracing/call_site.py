"""A decorated function and the span of each of its calls."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from spanloom.core.context import get_current, with_span
from spanloom.core.errors import record_error, type_name
from spanloom.core.spans.attributes import AttributeSet
from spanloom.core.spans.span import INTERNAL
from spanloom.core.spans.span_context import is_untraced
from spanloom.core.spans.tracers import defer_attributes, get_tracer
from spanloom.settings.levels import active_filter
from spanloom.tracing.attribute_values import IMMUTABLE_TYPES, to_attribute_value
from spanloom.tracing.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanloom.core.context import Context
    from spanloom.settings.levels import LevelFilter
    from spanloom.tracing.instrument import Field, Options

    Value = bool | int | float | str


class CallSite:
    """A function whose calls each get a span."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.target, self.level = str(function.__module__), options.level
        self.name = options.name or function.__name__
        self.fields, self.ret, self.skip_all = options.fields, options.ret, options.skip_all
        self.code = AttributeSet(_code_attributes(function))
        self.tracer = get_tracer(self.target)
        self.parameters = Parameters(function, options.skip)
        self._filter: LevelFilter | None = None
        self._is_enabled = False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SpanCall | None:
        """Start the span of a call; None when the call gets no span."""
        active = active_filter()
        if active is not self._filter:
            self._is_enabled, self._filter = active.is_enabled(self.target, self.level), active
        if not self._is_enabled:
            return None
        context = get_current()
        if is_untraced(context):
            return None
        span = self.tracer.start(self.name, INTERNAL, context, self.code)
        if span.is_recording():
            self._set_attributes(span, args, kwargs)
        return SpanCall(self, span, context)

    def _set_attributes(self, span: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self.skip_all:
            _set_arguments(span, self.parameters.bind(args, kwargs))
        for key, field in self.fields.items():
            span.set_attribute(key, _field_value(field, args, kwargs))


class SpanCall:
    """A running call of a decorated function."""

    __slots__ = ("context", "site", "span")

    def __init__(self, site: CallSite, span: Any, parent: Context) -> None:
        self.site, self.span, self.context = site, span, with_span(span, parent)

    def on_return(self, result: Any) -> None:
        """End the span, with the result as an attribute if `ret` is set."""
        try:
            ret = self.site.ret
            if ret and self.span.is_recording():
                value = _field_value(ret, (result,), {}) if callable(ret) else to_attribute_value(result)
                self.span.set_attribute("return", value)
        finally:
            self.span.end()

    def on_error(self, error: BaseException) -> None:
        """Record the exception and end the span."""
        try:
            record_error(self.span, error)
        finally:
            self.span.end()


def _set_arguments(span: Any, arguments: dict[str, Any]) -> None:
    """Set the arguments of a call as attributes; deferred if every value is immutable."""
    if IMMUTABLE_TYPES.issuperset(map(type, arguments.values())):
        defer_attributes(span, _argument_attributes, arguments)
    else:
        span.set_attributes(*_argument_attributes(arguments))


def _argument_attributes(arguments: Mapping[str, Any]) -> tuple[dict[str, Value]]:
    return ({name: to_attribute_value(value) for name, value in arguments.items()},)


def _field_value(field: Field, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value:
    if not callable(field):
        return to_attribute_value(field)
    try:
        return to_attribute_value(field(*args, **kwargs))
    except Exception as error:
        return f"field failed: {type_name(error)}"


def _code_attributes(function: Callable[..., Any]) -> dict[str, str | int]:
    """Return the location of the function's definition (semantic conventions, `code.*`), if it has one."""
    attributes: dict[str, str | int] = {"code.function.name": f"{function.__module__}.{function.__qualname__}"}
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:  # a callable that is not a Python function has none
        attributes |= {"code.file.path": code.co_filename, "code.line.number": code.co_firstlineno}
    return attributes
