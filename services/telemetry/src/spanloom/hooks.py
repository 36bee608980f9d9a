"""What the hooks of this distribution have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # not typed

if TYPE_CHECKING:
    from collections.abc import Collection


class Hook(BaseInstrumentor):  # type: ignore[misc] # its base is not typed
    """An instrumentation that waits until its library is imported, and so depends on none."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: a process without the library has nothing to hook."""
        return ()
