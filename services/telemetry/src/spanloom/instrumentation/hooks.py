"""Common base of all hooks: they wait for a library, wrap its functions, and can be removed."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 dataclasses read annotations
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import Guard
from spanloom.core.imports import when_imported
from spanloom.settings import Settings

if TYPE_CHECKING:
    import logging


@dataclass(frozen=True)
class Options:
    """Options of all hooks: the settings, `flush` to send queued telemetry, `emit_log` to export a log record."""

    settings: Settings = field(default_factory=lambda: Settings.from_environ({}))
    flush: Callable[[], object] = bool
    emit_log: Callable[[logging.LogRecord], None] | None = None
    service_name: str = ""


class Hooks:
    """The hooks of one library, which is not imported for them.

    Subclasses implement `hook`, which calls `on_import` and `wrap`; `remove` undoes all of it.
    """

    name: str

    def __init__(self) -> None:
        self.guard = Guard(self.name)
        self._wrapped: list[tuple[Any, str, Any, Any]] = []

    def hook(self, options: Options) -> None:
        """Register what is to be hooked."""
        raise NotImplementedError

    def on_import(self, module: str, function: Callable[[Any], None]) -> None:
        """Call `function` with `module` when it is imported, or now if it is; its exceptions are caught."""
        when_imported(module, partial(self.guard.run, function))

    def wrap(self, owner: Any, attribute: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute of a class or module by `make(original)`; ignored if it is missing."""
        original = owner.__dict__.get(attribute)
        if original is not None:
            wrapper = make(original)
            setattr(owner, attribute, wrapper)
            self._wrapped.append((owner, attribute, wrapper, original))

    def remove(self) -> None:
        """Restore what was wrapped; wrappers that were wrapped again in the meantime do nothing from now on."""
        self.guard.is_disabled = True
        while self._wrapped:
            owner, attribute, wrapper, original = self._wrapped.pop()
            if owner.__dict__.get(attribute) is wrapper:
                setattr(owner, attribute, original)
