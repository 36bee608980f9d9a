"""Garbage collector settings of a process that serves requests."""

from __future__ import annotations

import gc

YOUNG_GENERATION_THRESHOLD = 20_000  # threshold; a collection every few dozen requests instead of every few


def freeze_startup() -> None:
    """Exclude objects created during startup from later collections, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_GENERATION_THRESHOLD)
