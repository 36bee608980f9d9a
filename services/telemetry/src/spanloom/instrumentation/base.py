"""What the instrumentations of this distribution have in common."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 dataclasses read annotations
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # not typed
from wrapt import when_imported

from spanloom.settings import Settings
from spanloom.tracing.duration_histogram import DurationHistogram
from spanloom.tracing.guard import Guard

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection


@dataclass(frozen=True)
class Options:
    """What the hooks are given by the distribution: the settings, and the parts that depend on the SDK.

    `flush` sends what is queued, `emit_log` exports a log record; `histogram` is the class of histograms of durations.
    """

    settings: Settings = field(default_factory=lambda: Settings.from_environ({}))
    histogram: type[DurationHistogram] = DurationHistogram
    flush: Callable[[], object] = bool
    emit_log: Callable[[logging.LogRecord], None] | None = None


class LazyInstrumentor(BaseInstrumentor):  # type: ignore[misc] # its base is not typed
    """An instrumentation that waits until its library is imported, so it depends on none.

    Subclasses implement `hook`, which calls `on_import` and `wrap`; `uninstrument` undoes all of it.
    """

    name: str
    guard: Guard

    def hook(self, options: Options) -> None:
        """Register what is to be hooked."""
        raise NotImplementedError

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: a process without the library has nothing to hook."""
        return ()

    def _instrument(self, *, options: Options | None = None, **_: Any) -> None:
        self.guard = Guard(self.name)
        self._wrapped: list[tuple[Any, str, Any, Any]] = []
        self.hook(options or Options())

    def on_import(self, module: str, function: Callable[[Any], None]) -> None:
        """Call `function` with `module` when it is imported, or now if it is already; what it raises is caught."""
        when_imported(module)(partial(self.guard.run, function))

    def wrap(self, owner: Any, attribute: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute of a class or module by `make(original)`; one that is missing is left alone."""
        original = owner.__dict__.get(attribute)
        if original is not None:
            wrapper = make(original)
            setattr(owner, attribute, wrapper)
            self._wrapped.append((owner, attribute, wrapper, original))

    def _uninstrument(self, **_: Any) -> None:
        self.guard.is_off = True  # for wrappers that somebody else has wrapped in the meantime
        while self._wrapped:
            owner, attribute, wrapper, original = self._wrapped.pop()
            if owner.__dict__.get(attribute) is wrapper:
                setattr(owner, attribute, original)
