"""Spans for functions."""

from __future__ import annotations
from typing import Any

def instrument(*args: Any, **kwargs: Any) -> Any:
    return lambda f: f
