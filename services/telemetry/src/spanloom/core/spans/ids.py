"""Ids of traces and spans.

The generator is ours: the application's `random.seed` neither repeats ids nor is disturbed by them.
"""

from __future__ import annotations

from random import Random

from spanloom.core.forks import after_fork

_random = Random()  # noqa: S311 ids are no secrets
after_fork(_random.seed)
_getrandbits = _random.getrandbits


uniform = _random.uniform


def new_trace_id() -> int:
    """Return 128 random bits that are not all zero (W3C Trace Context, section 3.2.2.3)."""
    return _getrandbits(128) or new_trace_id()


def new_span_id() -> int:
    """Return 64 random bits that are not all zero."""
    return _getrandbits(64) or new_span_id()
