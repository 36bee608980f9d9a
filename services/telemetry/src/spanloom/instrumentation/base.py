"""Base class and options of the instrumentations."""

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
    """Settings and SDK-dependent parts of the instrumentations.

    `flush` exports what is queued, `emit_log` exports a log record; `histogram` is the class of duration histograms.
    """

    settings: Settings = field(default_factory=lambda: Settings.from_environ({}))
    histogram: type[DurationHistogram] = DurationHistogram
    flush: Callable[[], object] = bool
    emit_log: Callable[[logging.LogRecord], None] | None = None


class LazyInstrumentor(BaseInstrumentor):  # type: ignore[misc] # its base is not typed
    """An instrumentation that hooks its library on import, without depending on it.

    Subclasses implement `hook`, which calls `on_import` and `wrap`; `uninstrument` reverts both.
    """

    name: str
    guard: Guard

    def hook(self, options: Options) -> None:
        """Register the hooks."""
        raise NotImplementedError

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return no dependencies: the library is optional."""
        return ()

    def _instrument(self, *, options: Options | None = None, **_: Any) -> None:
        self.guard = Guard(self.name)
        self._patches: list[tuple[Any, str, Any, Any]] = []
        self.hook(options or Options())

    def on_import(self, module: str, function: Callable[[Any], None]) -> None:
        """Call `function` with `module` on import, or immediately if it is imported; exceptions are caught."""
        when_imported(module)(partial(self.guard.run, function))

    def wrap(self, owner: Any, attribute: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute of a class or module by `make(original)`; ignore a missing attribute."""
        original = owner.__dict__.get(attribute)
        if original is not None:
            wrapper = make(original)
            setattr(owner, attribute, wrapper)
            self._patches.append((owner, attribute, wrapper, original))

    def _uninstrument(self, **_: Any) -> None:
        self.guard.is_disabled = True  # for wrappers that other code has wrapped in the meantime
        while self._patches:
            owner, attribute, wrapper, original = self._patches.pop()
            if owner.__dict__.get(attribute) is wrapper:
                setattr(owner, attribute, original)
