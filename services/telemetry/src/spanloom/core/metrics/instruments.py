"""Where instrumentations get their instruments, whatever exports the metrics of this process.

`serve` sets the implementation: the core's own, or OpenTelemetry's API where the SDK exports the metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spanloom.core.context import Context
    from spanloom.core.spans.tracer import Scope

    Values = tuple[Any, ...]
    Observe = Callable[[], Iterable[tuple[float, Values]]]

    class Recorder(Protocol):
        """An instrument."""

        def record(self, value: float, values: Values, context: Context) -> None:
            """Record a measurement with a value for each key; an empty one is left out."""

    NewInstrument = Callable[["Definition", "Observe | None"], Recorder]


class Definition(NamedTuple):
    """What an instrument measures: a histogram with these bounds of buckets, or a sum without bounds.

    `keys` are the names of its attributes. `is_passive`: its measurements alone are no reason for a last export.
    """

    scope: Scope
    name: str
    unit: str
    description: str
    keys: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    is_passive: bool = False

    def attributes_of(self, values: Values) -> dict[str, Any]:
        """Return the attributes that `values` are for the keys; without None and empty text."""
        return {key: value for key, value in zip(self.keys, values) if value not in (None, "")}


class Nothing:
    """The instrument of a process without metrics."""

    def record(self, value: float, values: Values, context: Context) -> None:
        """Record nothing."""


def _new_nothing(_definition: Definition, _observe: Observe | None) -> Recorder:
    return Nothing()


_new: NewInstrument = _new_nothing
_made: dict[str, Recorder] = {}


def get_instrument(definition: Definition, observe: Observe | None = None) -> Recorder:
    """Return an instrument, one for each name.

    A sum is a counter; with `observe`, which returns the values at each collection, it is an observable
    up-down counter.
    """
    found = _made.get(definition.name)
    if found is None:
        found = _made[definition.name] = _new(definition, observe)
    return found


def serve(new: NewInstrument) -> None:
    """Make instruments by `new` from now on; those that exist stay where they are."""
    global _new  # noqa: PLW0603 one process has one place for its metrics
    _new = new
    _made.clear()


def serve_nothing() -> None:
    """Measure nothing with the instruments that are made from now on."""
    serve(_new_nothing)
