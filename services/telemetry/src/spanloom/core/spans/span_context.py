"""Identity of a span, in this process or another, and spans that record nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.context import get_current, is_suppressed, span_of
from spanloom.core.reports import report_dropped

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.context import Context

SAMPLED, RANDOM = 1, 2  # W3C Trace Context, section 3.2.2.5
INHERITED = SAMPLED | RANDOM


class SpanContext(NamedTuple):
    """What a span propagates; `trace_state` is the value of the header, empty for none."""

    trace_id: int
    span_id: int
    is_remote: bool
    trace_flags: int
    trace_state: str

    @property
    def is_valid(self) -> bool:
        """Whether both ids are set."""
        return bool(self.trace_id and self.span_id)


_new: Callable[[int, int, bool, int, str], Any] = SpanContext


def adopt(new: Callable[[int, int, bool, int, str], Any]) -> None:
    """Have `get_span_context` return what `new` makes of the fields of a SpanContext."""
    global _new  # noqa: PLW0603 one process has one API
    _new = new


class CoreSpan:
    """A span of the core, recorded or not: its identity is in its fields."""

    trace_id: int
    span_id: int
    flags: int
    state: str
    is_remote: bool

    def get_span_context(self) -> Any:
        """Return the identity, as OpenTelemetry's API has it where it is present."""
        try:
            return _new(self.trace_id, self.span_id, self.is_remote, self.flags, self.state)
        except Exception as error:
            report_dropped("the identity of a span", error)
            return SpanContext(self.trace_id, self.span_id, self.is_remote, self.flags, self.state)


class PropagatedSpan(CoreSpan):
    """A span that is not recorded here but propagated: one of another process, or an unsampled one."""

    def __init__(self, trace_id: int, span_id: int, flags: int, state: str = "", is_remote: bool = False) -> None:
        self.trace_id, self.span_id, self.flags, self.state, self.is_remote = trace_id, span_id, flags, state, is_remote

    def is_recording(self) -> bool:
        """Return False."""
        return False

    def end(self, end_time: int | None = None) -> None:
        """Do nothing."""

    def set_attributes(self, attributes: Any) -> None:
        """Do nothing."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Do nothing."""

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Do nothing."""

    def add_link(self, context: Any, attributes: Any = None) -> None:
        """Do nothing."""

    def update_name(self, name: str) -> None:
        """Do nothing."""

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Do nothing."""

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:  # fmt: skip
        """Do nothing."""

    def __enter__(self) -> PropagatedSpan:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class DroppedSpan(PropagatedSpan):
    """A span below which none is recorded: it is unsampled, and the sampler follows the parent."""


class Identity(NamedTuple):
    """The fields of a span's identity, whichever library made the span."""

    trace_id: int
    span_id: int
    flags: int
    state: str
    is_remote: bool


def identity_of(span: Any) -> Identity | CoreSpan | None:
    """Return the fields of a span's identity: a span of the core itself; None for none, and for an invalid one."""
    if span is None:
        return None
    if isinstance(span, CoreSpan):
        return span
    context = span.get_span_context()
    return to_identity(context) if context.is_valid else None


def to_identity(context: Any) -> Identity:
    """Return the fields of a SpanContext, the core's or the API's."""
    state = context.trace_state
    text = state if isinstance(state, str) else state.to_header()
    return Identity(context.trace_id, context.span_id, int(context.trace_flags), text, context.is_remote)


def is_in_trace(context: Context) -> bool:
    """Return whether a span started in this context would have a parent."""
    return identity_of(span_of(context)) is not None


def is_untraced(context: Context) -> bool:
    """Return whether a span started in this context would be suppressed or dropped."""
    return span_of(context).__class__ is DroppedSpan or is_suppressed(context)


def is_sampled(context: Context) -> bool:
    """Return whether the current span is sampled."""
    found = identity_of(span_of(context))
    return found is not None and bool(found.flags & SAMPLED)


def current_span() -> Any:
    """Return the current span; None outside a trace."""
    return span_of(get_current())
