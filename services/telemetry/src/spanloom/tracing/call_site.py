"""One decorated function: what is known of it before any call, and the span of a call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from spanloom.settings.levels import active_filter
from spanloom.tracing.attribute_values import IMMUTABLE, to_attribute_value
from spanloom.tracing.context import get_current, is_silent, with_span
from spanloom.tracing.errors import record_error, type_name
from spanloom.tracing.parameters import Parameters
from spanloom.tracing.shared_attributes import AttributeSet, defer_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from spanloom.settings.levels import LevelFilter
    from spanloom.tracing.instrument import Field, Options

    Value = bool | int | float | str


class CallSite:
    """A function that gets a span for each call."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.target, self.level = str(function.__module__), options.level
        self.name = options.name or function.__name__
        self.fields, self.ret, self.skip_all = options.fields, options.ret, options.skip_all
        self.code = AttributeSet(_code_attributes(function))
        self.tracer = trace.get_tracer(self.target)
        self.parameters = Parameters(function, options.skip)
        self._filter: LevelFilter | None = None
        self._is_enabled = False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SpanCall | None:
        """Start the span of a call; None when this call gets none."""
        chosen = active_filter()
        if chosen is not self._filter:
            self._is_enabled, self._filter = chosen.is_enabled(self.target, self.level), chosen
        if not self._is_enabled:
            return None
        context = get_current()
        if is_silent(context):
            return None
        span = self.tracer.start_span(self.name, context, attributes=self.code)
        if span.is_recording():
            self._describe(span, args, kwargs)
        return SpanCall(self, span, context)

    def _describe(self, span: trace.Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self.skip_all:
            _set_arguments(span, self.parameters.bind(args, kwargs))
        for key, field in self.fields.items():
            span.set_attribute(key, _field_value(field, args, kwargs))


class SpanCall:
    """A call of a decorated function while it runs."""

    __slots__ = ("context", "site", "span")

    def __init__(self, site: CallSite, span: trace.Span, parent: Context) -> None:
        self.site, self.span, self.context = site, span, with_span(span, parent)

    def returned(self, result: Any) -> None:
        """End the span, with the result if it was asked for."""
        try:
            ret = self.site.ret
            if ret and self.span.is_recording():
                value = _field_value(ret, (result,), {}) if callable(ret) else to_attribute_value(result)
                self.span.set_attribute("return", value)
        finally:
            self.span.end()

    def failed(self, error: BaseException) -> None:
        """End the span with the exception of the call."""
        try:
            record_error(self.span, error)
        finally:
            self.span.end()


def _set_arguments(span: trace.Span, arguments: dict[str, Any]) -> None:
    """Set a call's arguments as attributes; deferred when none of them can change until then."""
    if IMMUTABLE.issuperset(map(type, arguments.values())):
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
    """Return where the function is defined (OpenTelemetry semantic conventions, `code.*`), as far as that is known."""
    attributes: dict[str, str | int] = {"code.function.name": f"{function.__module__}.{function.__qualname__}"}
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:  # a callable that is no Python function has none
        attributes |= {"code.file.path": code.co_filename, "code.line.number": code.co_firstlineno}
    return attributes
