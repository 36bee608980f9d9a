"""Lines on standard error about our own work; not log records, as the application owns logging."""

from __future__ import annotations

import sys
from contextlib import suppress

_reported: set[str] = set()


def report(text: str) -> None:
    """Write one line to standard error."""
    with suppress(Exception):  # standard error may be closed or replaced
        print(f"spanloom: {text}", file=sys.stderr, flush=True)


def report_once(text: str) -> None:
    """Write a line to standard error unless this process has written it already."""
    if text not in _reported:
        _reported.add(text)
        report(text)


def report_dropped(item: str, error: BaseException) -> None:
    """Report dropped telemetry, once per location in the code.

    For errors that do not disable a hook: other batches, spans and attributes are not affected.
    """
    place = describe(error)
    if place not in _reported:
        _reported.add(place)
        report(f"dropped {item}: {place}")


def describe(error: BaseException) -> str:
    """Return the type and location of an error, without its message, which may contain data."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""
    return f"{type(error).__name__}{where}"
