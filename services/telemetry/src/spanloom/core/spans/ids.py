"""Ids of traces and spans.

The generator is ours: the application's `random.seed` neither repeats ids nor is disturbed by them.
"""

from __future__ import annotations

import os
from random import Random

_random = Random()  # noqa: S311 ids are no secrets
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)
_getrandbits = _random.getrandbits


uniform = _random.uniform


def new_trace_id() -> int:
    """Return 128 random bits that are not all zero (W3C Trace Context, section 3.2.2.3)."""
    return _getrandbits(128) or new_trace_id()


def new_span_id() -> int:
    """Return 64 random bits that are not all zero."""
    return _getrandbits(64) or new_span_id()
